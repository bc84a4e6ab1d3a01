import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { authorize } from "../../src/engine/authorize.ts";
import { defaultLimits } from "../../src/engine/limits.ts";
import { planModel } from "../../src/engine/plan.ts";
import { noon, object, PagingGraph, tuplesOf } from "../support/graphs.ts";
import {
  agents,
  all,
  ask,
  call,
  chained,
  fixed,
  longChain,
  reasonOf,
  single,
  toHelper,
  without,
} from "./delegated-call.ts";
import { aliceLetsMailbot, stock } from "./stock-model.ts";

suite("a chain of delegations", () => {
  test("follows a chain whose every link covers the call", () => {
    assert.deepEqual(ask(toHelper, chained), { kind: "allowed", delegationIds: ["d1", "d2"] });
    const narrow = without(chained, tuplesOf("delegation:d1#tool@tool:read"));
    assert.equal(reasonOf(ask(toHelper, narrow)), "tool_not_covered");
  });

  test("breaks a chain where a delegate is not among those to whom an earlier link lets it go", () => {
    const closed = without(chained, tuplesOf("delegation:d1#delegable_to@agent:helper"));
    assert.equal(reasonOf(ask(toHelper, closed)), "chain_broken");
  });

  test("breaks a chain where a link is not from whom the link before it went to", () => {
    for (const [link, delegator] of [
      ["d1", "user:alice"],
      ["d2", "agent:mailbot"],
    ]) {
      const other = [
        ...without(chained, tuplesOf(`delegation:${link}#delegator@${delegator}`)),
        ...tuplesOf(`delegation:${link}#delegator@agent:other`),
      ];
      assert.equal(reasonOf(ask(toHelper, other)), "chain_broken", link);
    }
  });

  test("breaks a chain when its parent is deleted", () => {
    const orphan = chained.filter((tuple) => tuple.object.id !== "d1");
    assert.equal(reasonOf(ask(toHelper, orphan)), "chain_broken");
  });

  test("verifies the actors that are claimed", () => {
    const helperAlone = { actors: [object("agent:helper")] };
    assert.equal(reasonOf(ask(helperAlone, chained)), "chain_broken");
    assert.equal(ask({ ...helperAlone, partialChain: true }, chained).kind, "allowed");
    const byAnother = { actors: [object("agent:other"), object("agent:helper")] };
    assert.equal(reasonOf(ask(byAnother, chained)), "chain_broken");
  });

  test("judges suspensions of parties that a partial chain does not name", () => {
    const world = [...chained, ...tuplesOf("agent:mailbot#suspended@suspension:s1")];
    const helperAlone = { actors: [object("agent:helper")], partialChain: true };
    assert.equal(reasonOf(ask(helperAlone, world)), "delegation_suspended");
  });

  test("follows eight links and not nine", () => {
    assert.equal(ask({ actors: agents(8) }, longChain(8)).kind, "allowed");
    const last = { actors: agents(9).slice(-1), partialChain: true };
    const tooLong = ask(last, longChain(9));
    assert.equal(reasonOf(tooLong), "chain_broken");
    const detail = "the chain has more than 8 delegations";
    assert.equal(tooLong.kind === "denied" && tooLong.detail, detail);
    const eighth = { actors: agents(8).slice(-1), partialChain: true };
    assert.equal(ask(eighth, longChain(9)).kind, "allowed");
  });

  test("fits a session that the delegation names, whose principal and actor are the call's", () => {
    const world = [
      ...without(aliceLetsMailbot, tuplesOf("delegation:d1#session@session:*")),
      ...tuplesOf(
        "delegation:d1#session@session:s",
        "session:s#principal@user:alice",
        "session:s#actor@agent:mailbot",
      ),
    ];
    assert.equal(ask({ session: object("session:s") }, world).kind, "allowed");
    assert.equal(reasonOf(ask({ session: object("session:t") }, world)), "session_mismatch");
    assert.equal(reasonOf(ask({}, world)), "session_mismatch");
    const foreign = without(world, tuplesOf("session:s#actor@agent:mailbot"));
    assert.equal(reasonOf(ask({ session: object("session:s") }, foreign)), "session_mismatch");
  });

  test("looks at so many chains as the budget lets it, and at few ahead of what it knows", () => {
    const ids = Array.from({ length: 60 }, (_, index) => `e${index + 10}`);
    const world = [
      ...aliceLetsMailbot.filter(({ object: { type } }) => type !== "delegation"),
      ...ids.flatMap((id) => single(id, "user:alice", "user:alice", "agent:mailbot")),
      ...tuplesOf("delegation:e69#tool@tool:read", "delegation:e69#resource@document:plan"),
    ];
    assert.equal(ask({}, world).kind, "allowed");
    const expired = world.map((tuple) =>
      tuple.relation === "delegate" ? { ...tuple, expiresAtMs: noon - 1 } : tuple,
    );
    assert.equal(reasonOf(ask({}, expired)), "delegation_expired");
    const limited = ask({}, expired, noon, noon, { ...defaultLimits, stepsMax: 40 });
    assert.equal(limited.kind === "error" && limited.code, "budget_exceeded");

    const graph = new PagingGraph(world);
    const view = { graph, plan: planModel(stock, graph.symbols), now: fixed };
    const asked: number[] = [];
    const answer = graph.evaluate(() => {
      const evaluated = authorize(view, call(), defaultLimits);
      if (evaluated.kind === "missing") {
        const delegations = evaluated.pages.flatMap((page) =>
          "object" in page && page.object.type === "delegation" ? [page.object.id] : [],
        );
        asked.push(new Set(delegations).size);
      }
      return evaluated;
    }, all);
    assert.equal(answer.kind, "allowed");
    // Twice as many as are known, and some to begin with: neither one by one nor all at once.
    assert.ok(Math.max(...asked.slice(0, 2)) <= 9, asked.join());
    assert.ok(Math.max(...asked) <= 30, asked.join());
    assert.ok(graph.rounds <= 12, asked.join());
  });

  test("needs few rounds when nothing is in memory", () => {
    const graph = new PagingGraph(chained);
    const view = { graph, plan: planModel(stock, graph.symbols), now: fixed };
    const answer = graph.evaluate(() => authorize(view, call(toHelper), defaultLimits), all);
    assert.equal(answer.kind, "allowed");
    assert.ok(graph.rounds <= 4, `${graph.rounds} rounds`);
  });
});
