import assert from "node:assert/strict";
import { formatObject, type Name, type ObjectRef } from "../../../src/core/object.ts";
import type { RelationTuple } from "../../../src/core/tuple.ts";
import { formatSubject, type Subject } from "../../../src/core/subject.ts";
import type { Rewrite } from "../../../src/model/authorization-model.ts";
import { strataOf } from "./strata.ts";
import { definitionOf, opposite, tuplesOf, type Polarity, type World } from "./world.ts";

/** When some subject, not yet said which, has a relation to an object: the rewrite, spelled out. */
export type Formula =
  | { readonly kind: "any" | "every"; readonly of: readonly Formula[] }
  | { readonly kind: "not"; readonly of: Formula }
  /** The tuple stands. */
  | { readonly kind: "stands"; readonly tuple: RelationTuple; readonly polarity: Polarity }
  /** The subject is the one named, or one that the wildcard means. */
  | { readonly kind: "is"; readonly named: Subject; readonly text: string }
  /** The subject has this other relation. */
  | { readonly kind: "has"; readonly key: string };

export interface Node {
  readonly key: string;
  /** `object#relation`. */
  readonly text: string;
  readonly formula: Formula;
  readonly stratum: number;
}

/** A node for each object, relation and polarity that some tuple could make true. */
export function nodesOf(world: World): Node[] {
  const strata = strataOf(world.model);
  const nodes = world.objects.flatMap((object) =>
    [...(world.model.types.get(object.type)?.relations.keys() ?? [])].flatMap((relation) =>
      (["grants", "takes"] as const).map((polarity) => ({
        key: nodeKey(object, relation, polarity),
        text: `${formatObject(object)}#${relation}`,
        formula: formulaOf(world, object, relation, polarity),
        stratum: strata.get(`${object.type}#${relation}`) ?? 0,
      })),
    ),
  );
  return nodes.filter(({ formula }) => !isNever(formula));
}

export function nodeKey(object: ObjectRef, relation: Name, polarity: Polarity): string {
  return `${polarity} ${formatObject(object)}#${relation}`;
}

function formulaOf(world: World, object: ObjectRef, relation: Name, within: Polarity): Formula {
  const definition = definitionOf(world.model, object.type, relation);
  assert.ok(definition);
  return spell(definition.rewrite, within);

  function spell(rewrite: Rewrite, polarity: Polarity): Formula {
    switch (rewrite.kind) {
      case "this":
        return {
          kind: "any",
          of: tuplesOf(world, object, relation).map((tuple) => ({
            kind: "every",
            of: [{ kind: "stands", tuple, polarity }, named(tuple.subject, polarity)],
          })),
        };
      case "computed_userset":
        return { kind: "has", key: nodeKey(object, rewrite.relation, polarity) };
      case "tuple_to_userset":
        return {
          kind: "any",
          of: tuplesOf(world, object, rewrite.tupleset).map((tuple) => {
            assert.ok(tuple.subject.kind === "object");
            const key = nodeKey(tuple.subject.object, rewrite.relation, polarity);
            return {
              kind: "every",
              of: [
                { kind: "stands", tuple, polarity },
                { kind: "has", key },
              ],
            };
          }),
        };
      case "union":
        return { kind: "any", of: rewrite.of.map((operand) => spell(operand, polarity)) };
      case "intersection":
        return { kind: "every", of: rewrite.of.map((operand) => spell(operand, polarity)) };
      case "exclusion": {
        const subtracted = spell(rewrite.subtract, opposite(polarity));
        return {
          kind: "every",
          of: [spell(rewrite.base, polarity), { kind: "not", of: subtracted }],
        };
      }
    }
  }
}

/** Without tuples nothing holds: most objects have most relations to nobody. */
function isNever(formula: Formula): boolean {
  switch (formula.kind) {
    case "any":
      return formula.of.every(isNever);
    case "every":
      return formula.of.some(isNever);
    case "not":
    case "stands":
    case "is":
    case "has":
      return false;
  }
}

function named(subject: Subject, polarity: Polarity): Formula {
  const itself: Formula = { kind: "is", named: subject, text: formatSubject(subject) };
  if (subject.kind !== "userset") return itself;
  const key = nodeKey(subject.object, subject.relation, polarity);
  return { kind: "any", of: [itself, { kind: "has", key }] };
}
