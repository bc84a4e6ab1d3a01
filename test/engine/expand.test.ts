import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { parseName } from "../../src/core/object.ts";
import { formatSubject } from "../../src/core/subject.ts";
import type { RelationTuple } from "../../src/core/tuple.ts";
import {
  expand,
  type ExpandAnswer,
  type ExpandNode,
  type UsersetTree,
} from "../../src/engine/expand.ts";
import { explainCall, explainCheck } from "../../src/engine/explain.ts";
import { authorize } from "../../src/engine/authorize.ts";
import { defaultLimits } from "../../src/engine/limits.ts";
import { decided, expiring, noon, object, tuplesOf, viewOf } from "../support/graphs.ts";
import { call } from "./delegated-call.ts";
import { aliceLetsMailbot, stock } from "./stock-model.ts";

const world = tuplesOf(`
  document:plan#viewer@group:eng#member
  document:plan#viewer@user:alice
  document:plan#parent@folder:work
  document:plan#blocked@user:bob
  folder:work#viewer@user:carol
  group:eng#member@group:eng#member
  group:eng#member@user:dave
`);

suite("expand", () => {
  test("takes one level apart and names what lies below", () => {
    assert.equal(
      show(1),
      "document:plan#viewer = ((this(group:eng#member [group:eng#member], user:alice) | parent(folder:work#viewer)) - document:plan#blocked)",
    );
  });

  test("follows usersets down to the depth, and stops where one is in itself", () => {
    assert.equal(
      show(9),
      "document:plan#viewer = ((this(group:eng#member [group:eng#member = this(group:eng#member [group:eng#member], user:dave)], user:alice) | parent(folder:work#viewer = (this(user:carol) | parent()))) - document:plan#blocked = this(user:bob))",
    );
  });

  test("leaves out what is expired", () => {
    const expired = [...world, expiring("document:plan#viewer@user:eve", noon)];
    assert.equal(show(1, expired), show(1));
  });

  test("fails rather than cut a tree off", () => {
    const answer = ask(9, world, 3);
    assert.equal(answer.kind === "error" && answer.code, "budget_exceeded");
  });
});

suite("explain", () => {
  test("answers as the evaluation does and shows on what it rests", () => {
    const view = viewOf(stock, aliceLetsMailbot);
    const { answer, explanation } = decided(explainCall(view, call(), defaultLimits));
    assert.deepEqual(answer, decided(authorize(view, call(), defaultLimits)));
    assert.equal(explanation.outcome, "yes");
    const text = JSON.stringify(explanation);
    for (const part of ["rule 1", "rule 4", "d1", "document:plan#viewer@user:alice"]) {
      assert.ok(text.includes(part), part);
    }
  });

  test("says why a call is denied", () => {
    const view = viewOf(stock, []);
    const { explanation } = decided(explainCall(view, call(), defaultLimits));
    assert.equal(explanation.outcome, "no");
    assert.match(explanation.detail ?? "", /^tool_unregistered: /);
  });

  test("stays within its limit and says that it left something out", () => {
    const query = {
      object: object("document:plan"),
      relation: parseName("viewer", "relation"),
      subject: { kind: "object", object: object("user:zoe") },
      context: {},
      contextualTuples: [],
    } as const;
    const limits = { ...defaultLimits, explanationNodesMax: 2 };
    const { explanation } = decided(explainCheck(viewOf(stock, world), query, limits));
    assert.equal(explanation.outcome, "no");
    assert.ok(JSON.stringify(explanation).includes('"truncated":true'));
  });
});

function ask(
  depth: number,
  tuples: readonly RelationTuple[],
  expandNodesMax: number,
): ExpandAnswer {
  const query = {
    object: object("document:plan"),
    relation: parseName("viewer", "relation"),
    depth,
    context: {},
    contextualTuples: [],
  };
  return decided(expand(viewOf(stock, tuples), query, { ...defaultLimits, expandNodesMax }));
}

function show(depth: number, tuples: readonly RelationTuple[] = world): string {
  const answer = ask(depth, tuples, 1_000);
  assert(answer.kind === "tree");
  return showTree(answer.tree);
}

function showTree({ object: { type, id }, relation, node }: UsersetTree): string {
  return `${type}:${id}#${relation}${node === undefined ? "" : ` = ${showNode(node)}`}`;
}

function showNode(node: ExpandNode): string {
  switch (node.kind) {
    case "leaf":
      return `this(${node.subjects
        .map(({ subject, userset }) =>
          userset === undefined
            ? formatSubject(subject)
            : `${formatSubject(subject)} [${showTree(userset)}]`,
        )
        .join(", ")})`;
    case "computed_userset":
      return showTree(node.of);
    case "tuple_to_userset":
      return `${node.tupleset}(${node.of.map(showTree).join(", ")})`;
    case "union":
      return `(${node.of.map(showNode).join(" | ")})`;
    case "intersection":
      return `(${node.of.map(showNode).join(" & ")})`;
    case "exclusion":
      return `(${showNode(node.base)} - ${showNode(node.subtract)})`;
  }
}
