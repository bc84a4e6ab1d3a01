import assert from "node:assert/strict";
import { suite, test } from "node:test";
import fc from "fast-check";
import { formatObject } from "../../src/core/object.ts";
import { formatSubject } from "../../src/core/subject.ts";
import { checkRelation, type CheckAnswer, type CheckQuery } from "../../src/engine/check.ts";
import { explainCheck } from "../../src/engine/explain.ts";
import { defaultLimits, type EngineLimits } from "../../src/engine/limits.ts";
import { planModel } from "../../src/engine/plan.ts";
import type { View } from "../../src/engine/view.ts";
import { decided, PagingGraph, viewOf } from "../support/graphs.ts";
import { chooserOf, holdsFor, lawRuns, shuffle } from "../support/laws.ts";
import { membershipsIn } from "../support/reference/memberships.ts";
import { formatTruth, type Truth } from "../support/reference/truth.ts";
import { withTuples, type World } from "../support/reference/world.ts";
import { askedWorld, breakpointsOf, relationsOf, type AskedWorld } from "../support/worlds.ts";

const seed = fc.integer({ min: 1, max: 2_000_000_000 });

suite("checkRelation", () => {
  test("agrees with the least fixpoint on every object, relation and subject", (context) => {
    const tally = holdsFor(askedWorld, (asked, counts) => {
      const view = whole(asked.world);
      const membershipsOf = membershipsIn(withTuples(asked.world, asked.contextual));
      for (const query of queriesOf(asked)) {
        const truth = membershipsOf(query.subject, query.context).of(
          query.object,
          query.relation,
          "grants",
        );
        assertAgrees(ask(view, query), truth, query);
        counts.count(formatTruth(truth).split(" ", 1)[0] ?? "");
      }
    });
    context.diagnostic(tally.format());
    for (const outcome of ["yes", "no", "needs", "unknown"]) {
      assert.ok(tally.of(outcome) >= lawRuns / 20, `${outcome} is too rare: ${tally.format()}`);
    }
  });

  test("answers the same up to the instant that a member is given", (context) => {
    const tally = holdsFor(askedWorld, (asked, counts) => {
      const { world } = asked;
      const view = whole(world);
      for (const query of queriesOf(asked)) {
        const answer = ask(view, query);
        if (answer.kind !== "member") continue;
        const untilMs = answer.validUntilMs ?? Infinity;
        if (untilMs === world.now.latestMs) counts.count("now");
        else counts.count(untilMs === Infinity ? "never" : "later");
        // What takes away may expire within the clock's gap.
        assert.ok(untilMs > world.now.earliestMs, formatQuery(query));
        for (const latestMs of breakpointsOf([...world.tuples, ...asked.contextual])) {
          if (latestMs >= untilMs) break;
          const later = { ...view, now: { earliestMs: latestMs - 10, latestMs } };
          assert.equal(ask(later, query).kind, "member", `${formatQuery(query)} at ${latestMs}`);
        }
      }
    });
    context.diagnostic(tally.format());
    for (const outcome of ["now", "never", "later"]) {
      assert.ok(tally.of(outcome) >= lawRuns / 20, `${outcome} is too rare: ${tally.format()}`);
    }
  });

  test("answers a contextual tuple as a stored one", () => {
    holdsFor(askedWorld, (asked) => {
      const contextual = whole(asked.world);
      const stored = whole(withTuples(asked.world, asked.contextual));
      for (const query of queriesOf(asked)) {
        assert.deepEqual(
          comparable(ask(contextual, query)),
          comparable(ask(stored, { ...query, contextualTuples: [] })),
          formatQuery(query),
        );
      }
    });
  });

  test("answers the same when it is to explain itself", () => {
    holdsFor(askedWorld, (asked) => {
      const view = whole(asked.world);
      for (const query of queriesOf(asked).slice(0, 60)) {
        const { answer } = decided(explainCheck(view, query, defaultLimits));
        assert.deepEqual(comparable(answer), comparable(ask(view, query)), formatQuery(query));
      }
    });
  });

  test("a smaller limit only adds errors", (context) => {
    const limits = fc.record({
      depthMax: fc.constantFrom(1, 2, 3, 4, 64),
      stepsMax: fc.constantFrom(1, 3, 6, 10, 20, 40, 100_000),
    });
    const tally = holdsFor(fc.tuple(askedWorld, limits), ([asked, smaller], counts) => {
      const view = whole(asked.world);
      for (const query of queriesOf(asked)) {
        const full = ask(view, query);
        const limited = ask(view, query, { ...defaultLimits, ...smaller });
        if (limited.kind === "error") {
          if (full.kind !== "error") counts.count(`limited ${full.kind}`);
        } else {
          assertNoMore(limited, full, query);
        }
      }
    });
    context.diagnostic(tally.format());
    for (const kind of ["member", "not_member", "needs"]) {
      assert.ok(tally.of(`limited ${kind}`) >= lawRuns / 20, tally.format());
    }
  });

  test("the order in which tuples were loaded is of no consequence", () => {
    holdsFor(fc.tuple(askedWorld, seed), ([asked, order]) => {
      const view = whole(asked.world);
      const tuples = shuffle(asked.world.tuples, order);
      const shuffled = viewOf(asked.world.model, tuples, view.now.earliestMs, view.now.latestMs);
      for (const query of queriesOf(asked)) {
        assert.deepEqual(ask(shuffled, query), ask(view, query), formatQuery(query));
      }
    });
  });

  test("pages loaded in any order, with any eviction, give the answer of the whole graph", (context) => {
    const limits = fc.record({
      depthMax: fc.constantFrom(2, 64, 64),
      stepsMax: fc.constantFrom(8, 20, 100_000, 100_000),
    });
    const tally = holdsFor(fc.tuple(askedWorld, seed, limits), ([asked, order, some], counts) => {
      const view = whole(asked.world);
      const { model, tuples, now } = asked.world;
      const graph = new PagingGraph(tuples);
      const plan = planModel(model, graph.symbols);
      const choose = chooserOf(order);
      for (const query of shuffle(queriesOf(asked), order).slice(0, 40)) {
        const bounds = { ...defaultLimits, ...some };
        const answer = graph.evaluate(
          () => checkRelation({ graph, plan, now }, query, bounds),
          choose,
        );
        const expected = ask(view, query, bounds);
        assert.deepEqual(comparable(answer), comparable(expected), formatQuery(query));
        counts.count(`rounds ${Math.min(graph.rounds, 3)}`);
        counts.count(answer.kind);
      }
    });
    context.diagnostic(tally.format());
    assert.ok(tally.of("rounds 3") >= lawRuns / 2, tally.format());
  });

  test("pages too large to hold give the same answer or an error", (context) => {
    const tally = holdsFor(fc.tuple(askedWorld, seed), ([asked, order], counts) => {
      const view = whole(asked.world);
      const { model, tuples, now } = asked.world;
      const graph = new PagingGraph(tuples, () => true);
      const plan = planModel(model, graph.symbols);
      const choose = chooserOf(order);
      for (const query of shuffle(queriesOf(asked), order).slice(0, 40)) {
        const answer = graph.evaluate(
          () => checkRelation({ graph, plan, now }, query, defaultLimits),
          choose,
        );
        counts.count(answer.kind);
        if (answer.kind === "error") continue;
        assertNoMore(answer, ask(view, query), query);
      }
    });
    context.diagnostic(tally.format());
    assert.ok(tally.of("member") >= lawRuns / 4, tally.format());
  });
});

/** Where names are missing and something went wrong as well, either may be said. */
function assertAgrees(answer: CheckAnswer, truth: Truth, query: CheckQuery): void {
  if (truth.troubled && answer.kind === "needs") {
    assert.ok(answer.names.length > 0, formatQuery(query));
    return;
  }
  const expected = formatTruth(truth);
  assert.equal(formatAnswer(answer), expected, formatQuery(query));
}

/**
 * Asserts that an answer found within a limit is the full one. Its proof may be another, and of
 * the names it may know fewer: what is missing within the limit is missing beyond it.
 */
function assertNoMore(limited: CheckAnswer, full: CheckAnswer, query: CheckQuery): void {
  assert.equal(limited.kind, full.kind, formatQuery(query));
  if (limited.kind !== "needs" || full.kind !== "needs") return;
  assert.ok(limited.names.length > 0 && new Set(limited.names).isSubsetOf(new Set(full.names)));
}

function queriesOf({ world, objects, subjects, context, contextual }: AskedWorld): CheckQuery[] {
  return objects.flatMap((object) =>
    relationsOf(world.model, object).flatMap((relation) =>
      subjects.map((subject) => ({
        object,
        relation,
        subject,
        context,
        contextualTuples: contextual,
      })),
    ),
  );
}

function whole(world: World): View {
  return viewOf(world.model, world.tuples, world.now.earliestMs, world.now.latestMs);
}

function ask(view: View, query: CheckQuery, limits: EngineLimits = defaultLimits): CheckAnswer {
  return decided(checkRelation(view, query, limits));
}

/** The prose of an error may name another of several tuples that went wrong. */
function comparable(answer: CheckAnswer): unknown {
  return answer.kind === "error" ? { ...answer, detail: "" } : answer;
}

function formatAnswer(answer: CheckAnswer): string {
  switch (answer.kind) {
    case "member":
      return "yes";
    case "not_member":
      return "no";
    case "needs":
      return `needs ${answer.names.join(",")}`;
    case "error":
      return "unknown";
  }
}

function formatQuery({ object, relation, subject, context }: CheckQuery): string {
  const asked = `${formatObject(object)}#${relation}@${formatSubject(subject)}`;
  return `${asked} with ${JSON.stringify(context)}`;
}
