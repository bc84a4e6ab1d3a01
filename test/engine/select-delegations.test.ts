import assert from "node:assert/strict";
import { suite, test } from "node:test";
import type { RelationTuple } from "../../src/core/tuple.ts";
import { defaultLimits } from "../../src/engine/limits.ts";
import { planModel } from "../../src/engine/plan.ts";
import {
  DelegationSelection,
  selectDelegations,
  type SelectAnswer,
  type SelectQuery,
} from "../../src/engine/select-delegations.ts";
import type { View } from "../../src/engine/view.ts";
import { parseModel } from "../../src/model/parse-model.ts";
import { decided, noon, object, PagingGraph, tuplesOf, viewOf } from "../support/graphs.ts";
import { all, single, whole } from "./delegated-call.ts";
import { stock } from "./stock-model.ts";

const world: readonly RelationTuple[] = [
  ...whole("d1"),
  ...whole("d2"),
  ...single("d3", "user:bob", "user:bob", "agent:mailbot"),
  ...single("d4", "user:alice", "user:alice", "agent:helper"),
  ...tuplesOf("delegation:d3#tool@tool:read", "delegation:orphan#tool@tool:read"),
];

suite("selectDelegations", () => {
  test("selects nothing where nothing is asked for", () => {
    assert.deepEqual(select({}), { kind: "selection", selected: [] });
  });

  test("finds those of a principal and those of an actor, and what all that is set agrees on", () => {
    const alice = object("user:alice");
    const mailbot = object("agent:mailbot");
    assert.deepEqual(selected({ principal: alice }), ["d1", "d2", "d4"]);
    assert.deepEqual(selected({ actor: mailbot }), ["d1", "d2", "d3"]);
    assert.deepEqual(selected({ principal: alice, actor: mailbot }), ["d1", "d2"]);
    assert.deepEqual(selected({ principal: alice, tool: object("tool:read") }), ["d1", "d2"]);
    assert.deepEqual(selected({ principal: object("user:carol"), actor: mailbot }), []);
  });

  test("finds a delegation by its id if any of its parties is stored, and by no tool alone", () => {
    assert.deepEqual(selected({ delegationId: "d2" }), ["d2"]);
    assert.deepEqual(selected({ delegationId: "d9" }), []);
    assert.deepEqual(selected({ delegationId: "orphan" }), []);
    for (const party of ["principal", "delegator", "delegate"]) {
      const remains = tuplesOf(`delegation:d8#${party}@agent:mailbot`);
      assert.deepEqual(selected({ delegationId: "d8" }, remains), ["d8"], party);
    }
    const child = tuplesOf("delegation:d8#parent@delegation:d1");
    assert.deepEqual(selected({ delegationId: "d8" }, child), ["d8"]);
  });

  test("finds a delegation by its id only where all else that is set fits it", () => {
    const bob = object("user:bob");
    assert.deepEqual(selected({ delegationId: "d3", principal: bob }), ["d3"]);
    assert.deepEqual(selected({ delegationId: "d2", principal: bob }), []);
    assert.deepEqual(selected({ delegationId: "d3", tool: object("tool:send") }), []);
  });

  test("finds nothing of a party of a type that the model does not have", () => {
    assert.deepEqual(selected({ principal: object("robot:r2") }), []);
    assert.deepEqual(selected({ actor: object("robot:r2"), tool: object("tool:read") }), []);
  });

  test("refuses what could cover nothing: an object of a type that the model does not have", () => {
    for (const covering of ["tool", "resource", "session"] as const) {
      assert.deepEqual(select({ principal: object("user:bob"), [covering]: object("robot:r2") }), {
        kind: "error",
        code: "unknown_type",
        detail: "the model has no type for `robot:r2`",
      });
    }
  });

  test("needs a model with delegations", () => {
    const plain = viewOf(parseModel("model\n  schema 1.1\ntype user\ntype document\n"), []);
    assert.deepEqual(decided(selectDelegations(plain, { tool: object("tool:t") }, defaultLimits)), {
      kind: "error",
      code: "no_delegations",
      detail: "the active authorization model has no type `delegation`",
    });
  });

  test("is complete whatever is in memory", () => {
    const graph = new PagingGraph(world);
    const now = { earliestMs: noon, latestMs: noon };
    const view = { graph, plan: planModel(stock, graph.symbols), now };
    for (const query of [
      { delegationId: "d2", tool: object("tool:read") },
      { principal: object("user:alice"), actor: object("agent:mailbot") },
      { resource: object("document:plan"), session: object("session:s") },
    ]) {
      const found = graph.evaluate(() => selectDelegations(view, query, defaultLimits), all);
      assert.deepEqual(found, select(query));
      assert.ok(found.kind === "selection" && found.selected.length > 0);
    }
  });

  test("fails where what the object is within lies deeper than the limit", () => {
    const folders = tuplesOf("document:plan#parent@folder:a", "folder:a#parent@folder:b");
    const limits = { ...defaultLimits, depthMax: 2 };
    const view = viewOf(stock, [...world, ...folders]);
    const asked = { resource: object("document:plan") };
    assert.deepEqual(decided(selectDelegations(view, asked, limits)), {
      kind: "error",
      code: "budget_exceeded",
      detail: "a path is longer than 2 usersets",
    });
    assert.deepEqual(select(asked, [...world, ...folders]), {
      kind: "selection",
      selected: ["d1", "d2"],
    });
  });

  test("weighs what it keeps: finds while it searches, and candidates once they are found", () => {
    const view = viewOf(stock, world);
    const selection = new DelegationSelection(
      { principal: object("user:alice"), tool: object("tool:read") },
      { ...defaultLimits, sliceStepsMax: 2 },
    );
    const weighed = weights(selection, view);
    assert.deepEqual(weighed.slice(0, 3), [0, 2, 3]);
    // Four delegations are reached, of which two are the principal's: found, and candidates.
    assert.ok(Math.max(...weighed) >= 3 + 4 + 2 + 2, weighed.join());
    assert.equal(weighed.at(-1), 2);
  });
});

function select(query: SelectQuery, tuples: readonly RelationTuple[] = world): SelectAnswer {
  return decided(selectDelegations(viewOf(stock, tuples), query, defaultLimits));
}

function selected(query: SelectQuery, tuples?: readonly RelationTuple[]): readonly string[] {
  const answer = select(query, tuples);
  assert.ok(answer.kind === "selection", JSON.stringify(answer));
  return answer.selected;
}

/** Before the first slice and after each. */
function weights(selection: DelegationSelection, view: View): readonly number[] {
  const weighed = [selection.weight];
  for (;;) {
    const slice = decided(selection.slice(view, 1));
    assert.ok(slice.kind === "slice");
    weighed.push(selection.weight);
    if (slice.next === undefined) return weighed;
  }
}
