import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { formatObject } from "../../src/core/object.ts";
import type { RelationTuple } from "../../src/core/tuple.ts";
import { formatSubject, type Subject } from "../../src/core/subject.ts";
import { checkRelation } from "../../src/engine/check.ts";
import { expand, type ExpandNode, type UsersetTree } from "../../src/engine/expand.ts";
import { defaultLimits } from "../../src/engine/limits.ts";
import { decided } from "../support/graphs.ts";
import { holdsFor, lawRuns, type Tally } from "../support/laws.ts";
import { membershipsIn } from "../support/reference/memberships.ts";
import { any, every, no, not, truthOf, yes, type Truth } from "../support/reference/truth.ts";
import {
  opposite,
  replaceTuples,
  standing,
  type Polarity,
  type World,
} from "../support/reference/world.ts";
import { wholeView } from "../support/verdicts.ts";
import { askedWorld, relationsOf, type AskedWorld } from "../support/worlds.ts";

suite("expand", () => {
  test("gives a tree that, read as set algebra, has the members that the fixpoint has", (context) => {
    const tally = holdsFor(askedWorld, (asked, counts) =>
      assertTrees(withoutConditionalParents(asked), counts),
    );
    context.diagnostic(tally.format());
    for (const outcome of ["yes", "no", "open"]) {
      assert.ok(tally.of(outcome) >= lawRuns / 20, `${outcome} is too rare: ${tally.format()}`);
    }
  });

  test("follows no more levels than it is told", () => {
    holdsFor(askedWorld, ({ world, objects, context }) => {
      const view = wholeView(world);
      for (const object of objects) {
        for (const relation of relationsOf(world.model, object)) {
          for (const depth of [1, 2]) {
            const query = { object, relation, depth, context, contextualTuples: [] };
            const answer = decided(expand(view, query, defaultLimits));
            if (answer.kind === "tree") assert.ok(levelsOf(answer.tree) <= depth);
          }
        }
      }
    });
  });
});

function assertTrees({ world, objects, subjects, context }: AskedWorld, counts: Tally): void {
  const view = wholeView(world);
  const membershipsOf = membershipsIn(world);
  for (const object of objects) {
    for (const relation of relationsOf(world.model, object)) {
      const query = { object, relation, depth: 64, context, contextualTuples: [] };
      const answer = decided(expand(view, query, defaultLimits));
      if (answer.kind === "error") {
        assert.equal(answer.code, "budget_exceeded");
        counts.count("too large");
        continue;
      }
      for (const subject of subjects) {
        const expected = membershipsOf(subject, context).of(object, relation, "grants");
        const read = readTree(world, answer.tree, subject, context);
        const question = `${formatObject(object)}#${relation}@${formatSubject(subject)}`;
        assert.equal(kindOf(read), kindOf(expected), question);
        counts.count(kindOf(read));
        const checked = decided(checkRelation(view, { ...query, subject }, defaultLimits));
        if (checked.kind === "member") assert.equal(kindOf(read), "yes", question);
      }
    }
  }
}

/** The tree of a tupleset shows the usersets that it leads to, and not the tuples that lead there. */
function withoutConditionalParents(asked: AskedWorld): AskedWorld {
  const tuples = asked.world.tuples.filter(
    ({ relation, condition, expiresAtMs }) =>
      !["parent", "child", "group"].includes(relation) ||
      (condition === undefined && expiresAtMs === undefined),
  );
  return { ...asked, world: replaceTuples(asked.world, tuples) };
}

function readTree(
  world: World,
  tree: UsersetTree,
  subject: Subject,
  context: AskedWorld["context"],
): Truth {
  return readUserset(tree, "grants");

  function readUserset({ object, relation, node }: UsersetTree, polarity: Polarity): Truth {
    const isItself =
      subject.kind === "userset" &&
      subject.relation === relation &&
      formatObject(subject.object) === formatObject(object);
    if (isItself) return yes;
    // A userset within itself adds no members.
    return node === undefined ? no : readNode(node, { object, relation }, polarity);
  }

  function readNode(
    node: ExpandNode,
    of: Pick<RelationTuple, "object" | "relation">,
    polarity: Polarity,
  ): Truth {
    switch (node.kind) {
      case "leaf":
        return any(
          node.subjects.map(({ userset, ...shown }) =>
            every([
              standing(world, { ...of, ...shown }, polarity, context),
              any([truthOf(means(shown.subject)), userset ? readUserset(userset, polarity) : no]),
            ]),
          ),
        );
      case "computed_userset":
        return readUserset(node.of, polarity);
      case "tuple_to_userset":
        return any(node.of.map((tree) => readUserset(tree, polarity)));
      case "union":
        return any(node.of.map((operand) => readNode(operand, of, polarity)));
      case "intersection":
        return every(node.of.map((operand) => readNode(operand, of, polarity)));
      case "exclusion":
        return every([
          readNode(node.base, of, polarity),
          not(readNode(node.subtract, of, opposite(polarity))),
        ]);
    }
  }

  function means(named: Subject): boolean {
    if (formatSubject(named) === formatSubject(subject)) return true;
    return (
      named.kind === "wildcard" && subject.kind === "object" && subject.object.type === named.type
    );
  }
}

function levelsOf(tree: UsersetTree): number {
  return tree.node === undefined ? 0 : 1 + Math.max(0, ...treesIn(tree.node).map(levelsOf));
}

function treesIn(node: ExpandNode): UsersetTree[] {
  switch (node.kind) {
    case "leaf":
      return node.subjects.flatMap(({ userset }) => (userset === undefined ? [] : [userset]));
    case "computed_userset":
      return [node.of];
    case "tuple_to_userset":
      return [...node.of];
    case "union":
    case "intersection":
      return node.of.flatMap(treesIn);
    case "exclusion":
      return [...treesIn(node.base), ...treesIn(node.subtract)];
  }
}

function kindOf(truth: Truth): string {
  if (truth.sure) return "yes";
  return truth.possible ? "open" : "no";
}
