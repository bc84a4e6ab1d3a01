import assert from "node:assert/strict";
import { suite, test } from "node:test";
import fc from "fast-check";
import { reasons } from "../../src/core/decision.ts";
import { authorize } from "../../src/engine/authorize.ts";
import { explainCall } from "../../src/engine/explain.ts";
import { defaultLimits } from "../../src/engine/limits.ts";
import { planModel } from "../../src/engine/plan.ts";
import { delegatedWorld } from "../support/delegated-worlds.ts";
import { decided, PagingGraph } from "../support/graphs.ts";
import { chooserOf, holdsFor, lawRuns, shuffle } from "../support/laws.ts";
import { judgeOf } from "../support/reference/delegated.ts";
import { replaceTuples, withTuples, type World } from "../support/reference/world.ts";
import { breakpointsOf } from "../support/worlds.ts";
import { ask, formatAnswer, formatCall, wholeView } from "../support/verdicts.ts";

const seed = fc.integer({ min: 1, max: 2_000_000_000 });

suite("authorize", () => {
  test("agrees with the rules read one by one", (context) => {
    const tally = holdsFor(delegatedWorld, ({ world, calls }, counts) => {
      const view = wholeView(world);
      const judge = judgeOf(world);
      for (const call of calls) {
        const expected = judge(call);
        const answer = ask(view, call);
        assert.equal(
          formatAnswer(answer),
          formatAnswer(expected),
          `${formatCall(call)}: ${JSON.stringify(answer)}`,
        );
        counts.count(expected.kind === "denied" ? expected.reason : expected.kind);
      }
    });
    context.diagnostic(tally.format());
    for (const outcome of ["allowed", "undecided", ...reasons]) {
      assert.ok(tally.of(outcome) >= lawRuns / 250, `${outcome} is too rare: ${tally.format()}`);
    }
  });

  test("allows up to the instant that it gives", (context) => {
    const tally = holdsFor(delegatedWorld, ({ world, calls }, counts) => {
      const view = wholeView(world);
      for (const call of calls) {
        const answer = ask(view, call);
        if (answer.kind !== "allowed") continue;
        const untilMs = answer.validUntilMs ?? Infinity;
        if (untilMs <= world.now.latestMs) counts.count("now");
        else counts.count(untilMs === Infinity ? "never" : "later");
        assertIsReason(world, untilMs);
        for (const latestMs of breakpointsOf(world.tuples)) {
          if (latestMs >= untilMs) break;
          const later = { ...view, now: { earliestMs: latestMs - 10, latestMs } };
          assert.equal(ask(later, call).kind, "allowed", `${formatCall(call)} at ${latestMs}`);
        }
      }
    });
    context.diagnostic(tally.format());
    for (const outcome of ["now", "never", "later"]) {
      assert.ok(tally.of(outcome) >= lawRuns / 250, `${outcome} is too rare: ${tally.format()}`);
    }
  });

  test("allows only what it allows at every instant that the clock may mean", () => {
    holdsFor(delegatedWorld, ({ world, calls }) => {
      const view = wholeView(world);
      for (const call of calls) {
        if (ask(view, call).kind !== "allowed") continue;
        for (let atMs = world.now.earliestMs; atMs <= world.now.latestMs; atMs += 1) {
          const instant = { ...view, now: { earliestMs: atMs, latestMs: atMs } };
          assert.equal(ask(instant, call).kind, "allowed", `${formatCall(call)} at ${atMs}`);
        }
      }
    });
  });

  test("answers a contextual fact as a stored one", (context) => {
    const tally = holdsFor(delegatedWorld, ({ world, calls }, counts) => {
      for (const call of calls) {
        if (call.contextualTuples.length === 0) continue;
        const answer = ask(wholeView(world), call);
        const stored = wholeView(withTuples(world, call.contextualTuples));
        assert.deepEqual(answer, ask(stored, { ...call, contextualTuples: [] }), formatCall(call));
        counts.count(answer.kind === "denied" ? answer.reason : answer.kind);
      }
    });
    context.diagnostic(tally.format());
    assert.ok(tally.of("allowed") >= lawRuns / 1_000, tally.format());
  });

  test("decides the same when it is to explain itself", () => {
    holdsFor(delegatedWorld, ({ world, calls }) => {
      const view = wholeView(world);
      for (const call of calls) {
        const { answer, explanation } = decided(explainCall(view, call, defaultLimits));
        assert.deepEqual(answer, ask(view, call), formatCall(call));
        assert.equal(explanation.outcome === "yes", answer.kind === "allowed", formatCall(call));
      }
    });
  });

  test("the order in which tuples were loaded is of no consequence", () => {
    holdsFor(fc.tuple(delegatedWorld, seed), ([{ world, calls }, order]) => {
      const view = wholeView(world);
      const shuffled = wholeView(replaceTuples(world, shuffle(world.tuples, order)));
      for (const call of calls) {
        assert.deepEqual(ask(shuffled, call), ask(view, call), formatCall(call));
      }
    });
  });

  test("a smaller limit only adds errors", (context) => {
    const limits = fc.record({
      depthMax: fc.constantFrom(1, 2, 3, 64),
      stepsMax: fc.constantFrom(5, 10, 20, 40, 80, 160, 100_000),
    });
    const tally = holdsFor(fc.tuple(delegatedWorld, limits), ([{ world, calls }, some], counts) => {
      const view = wholeView(world);
      for (const call of calls) {
        const full = ask(view, call);
        const limited = ask(view, call, { ...defaultLimits, ...some });
        if (limited.kind !== "error") assert.equal(limited.kind, full.kind, formatCall(call));
        else if (full.kind !== "error") counts.count(`limited ${full.kind}`);
      }
    });
    context.diagnostic(tally.format());
    for (const kind of ["allowed", "denied"]) {
      assert.ok(tally.of(`limited ${kind}`) >= lawRuns / 20, tally.format());
    }
  });

  test("pages loaded in any order, with any eviction, give the answer of the whole graph", (context) => {
    const limits = fc.record({ stepsMax: fc.constantFrom(40, 120, 100_000, 100_000, 100_000) });
    const tally = holdsFor(
      fc.tuple(delegatedWorld, seed, limits),
      ([{ world, calls }, order, some], counts) => {
        const { model, tuples, now } = world;
        const view = wholeView(world);
        const graph = new PagingGraph(tuples);
        const plan = planModel(model, graph.symbols);
        const choose = chooserOf(order);
        const bounds = { ...defaultLimits, ...some };
        for (const call of calls) {
          const answer = graph.evaluate(
            () => authorize({ graph, plan, now }, call, bounds),
            choose,
          );
          const expected = ask(view, call, bounds);
          assert.equal(formatAnswer(answer), formatAnswer(expected), formatCall(call));
          if (answer.kind !== "error") assert.deepEqual(answer, expected, formatCall(call));
          counts.count(answer.kind);
          counts.count(`rounds ${Math.min(graph.rounds, 4)}`);
        }
      },
    );
    context.diagnostic(tally.format());
    assert.ok(tally.of("rounds 4") >= lawRuns / 4, tally.format());
  });

  test("pages too large to hold allow nothing that the whole graph does not", (context) => {
    const tally = holdsFor(fc.tuple(delegatedWorld, seed), ([{ world, calls }, order], counts) => {
      const { model, tuples, now } = world;
      const view = wholeView(world);
      const graph = new PagingGraph(tuples, (relation) => (order + relation.length) % 5 === 0);
      const plan = planModel(model, graph.symbols);
      const choose = chooserOf(order);
      for (const call of calls) {
        const answer = graph.evaluate(
          () => authorize({ graph, plan, now }, call, defaultLimits),
          choose,
        );
        if (answer.kind === "allowed") assert.equal(ask(view, call).kind, "allowed");
        counts.count(answer.kind);
      }
    });
    context.diagnostic(tally.format());
    for (const kind of ["allowed", "denied", "error"]) {
      assert.ok(tally.of(kind) >= lawRuns / 100, tally.format());
    }
  });
});

/** What ends at an instant ends because a tuple expires then, or at once, because the clock was read. */
function assertIsReason(world: World, untilMs: number): void {
  const readsTime = world.tuples.some(
    ({ condition }) => condition?.name === "early" || condition?.name === "late",
  );
  const isExpiry = world.tuples.some(({ expiresAtMs }) => expiresAtMs === untilMs);
  assert.ok(
    untilMs === Infinity || isExpiry || (readsTime && untilMs === world.now.latestMs),
    `nothing happens at ${untilMs}`,
  );
}
