import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { parseName } from "../../src/core/object.ts";
import { subjectOf } from "../../src/core/subject.ts";
import type { RelationTuple } from "../../src/core/tuple.ts";
import { checkRelation } from "../../src/engine/check.ts";
import { defaultLimits } from "../../src/engine/limits.ts";
import { planModel } from "../../src/engine/plan.ts";
import { authorize } from "../../src/engine/authorize.ts";
import { formatModel } from "../../src/model/format-model.ts";
import { parseModel } from "../../src/model/parse-model.ts";
import {
  decided,
  expiring,
  noon,
  object,
  PagingGraph,
  tuplesOf,
  viewOf,
} from "../support/graphs.ts";
import { all, ask, call, fixed, reasonOf, without } from "./delegated-call.ts";
import { aliceLetsMailbot, stock } from "./stock-model.ts";

/** The plan lies in f1, that in f2 and so on, and the delegation is of the last. */
function lyingIn(depth: number): RelationTuple[] {
  return [
    ...without(
      aliceLetsMailbot,
      tuplesOf("delegation:d1#resource@document:plan", "document:plan#parent@folder:work"),
    ),
    ...tuplesOf(
      "document:plan#parent@folder:f1",
      ...Array.from(
        { length: depth - 1 },
        (_, index) => `folder:f${index + 1}#parent@folder:f${index + 2}`,
      ),
      `delegation:d1#resource@folder:f${depth}`,
    ),
  ];
}

suite("what a resource is within", () => {
  test("is followed as deep as the limit, and further is an error", () => {
    for (const depth of [1, 2, 5]) {
      const world = lyingIn(depth);
      assert.equal(ask({}, world).kind, "allowed");
      const kinds = Array.from({ length: 14 }, (_, index) => {
        const answer = ask({}, world, noon, noon, { ...defaultLimits, depthMax: index + 1 });
        return answer.kind === "error" ? answer.code : answer.kind;
      });
      const enough = kinds.indexOf("allowed");
      assert.equal(enough, depth + 1, kinds.join());
      assert.deepEqual(kinds, [
        ...Array.from({ length: enough }, () => "budget_exceeded"),
        ...Array.from({ length: 14 - enough }, () => "allowed"),
      ]);
    }
  });

  test("is an error where a page on the way is too large to be listed", () => {
    for (const [partial, of] of [
      ["parent", "`document#parent`"],
      ["server", "`tool#server`"],
      ["requires", "`tool#requires`"],
    ]) {
      const graph = new PagingGraph(lyingIn(2), (relation) => relation === partial);
      const view = { graph, plan: planModel(stock, graph.symbols), now: fixed };
      const answer = graph.evaluate(() => authorize(view, call(), defaultLimits), all);
      const detail = `${of} of one object has too many tuples to be enumerated`;
      assert.deepEqual(answer, { kind: "error", code: "budget_exceeded", detail });
    }
  });

  test("is an error where a relation is computed through a page too large to be followed", () => {
    const world = [
      ...without(lyingIn(2), tuplesOf("document:plan#viewer@user:alice")),
      ...tuplesOf("folder:f1#viewer@user:alice"),
    ];
    const graph = new PagingGraph(world, (relation) => relation === "parent");
    const view = { graph, plan: planModel(stock, graph.symbols), now: fixed };
    const query = {
      object: object("document:plan"),
      relation: parseName("viewer", "relation"),
      subject: subjectOf(object("user:alice")),
      context: {},
      contextualTuples: [],
    };
    assert.deepEqual(
      graph.evaluate(() => checkRelation(view, query, defaultLimits), all),
      {
        kind: "error",
        code: "budget_exceeded",
        detail: "`document#parent` of one object has too many tuples to be followed",
      },
    );
  });

  test("a circle of folders has an end", () => {
    const world = [...lyingIn(3), ...tuplesOf("folder:f3#parent@folder:f1")];
    assert.equal(ask({}, world).kind, "allowed");
    const other = [...world, ...tuplesOf("folder:f2#suspended@suspension:s")];
    assert.equal(reasonOf(ask({}, other)), "suspended");
  });

  test("may leave out and ask for more than a tuple: what is left out covers nothing", () => {
    const text = formatModel(stock)
      .replace(
        /type folder\n {2}relations\n/,
        "$&    define hidden: [folder]\n    define open: [folder]\n",
      )
      .replace(
        /(type folder[^]*?)define within: [^\n]*/,
        "$1define within: ((parent or within from parent) but not hidden) and (open or parent)",
      );
    const model = parseModel(text);
    const verdict = (tuples: readonly RelationTuple[]): string =>
      reasonOf(decided(authorize(viewOf(model, tuples), call(), defaultLimits)));
    const allowed = JSON.stringify({ kind: "allowed", delegationIds: ["d1"] });
    assert.equal(verdict(lyingIn(2)), allowed);
    const hidden = tuplesOf("folder:f1#hidden@folder:f2");
    assert.equal(verdict([...lyingIn(2), ...hidden]), "resource_not_covered");
    // Not until it is surely over is what takes away gone.
    const ending = expiring("folder:f1#hidden@folder:f2", noon);
    const between = viewOf(model, [...lyingIn(2), ending], noon - 1, noon + 1);
    assert.equal(
      reasonOf(decided(authorize(between, call(), defaultLimits))),
      "resource_not_covered",
    );
    assert.equal(verdict([...lyingIn(2), ending]), allowed);
    // Three up, the intersection needs `open`: f3 is no parent of f1.
    assert.equal(verdict(lyingIn(3)), "resource_not_covered");
    assert.equal(verdict([...lyingIn(3), ...tuplesOf("folder:f1#open@folder:f3")]), allowed);
  });
});
