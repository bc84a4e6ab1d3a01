import type { JsonObject } from "../../../src/core/json.ts";
import { formatObject, parseName, type Name, type ObjectRef } from "../../../src/core/object.ts";
import { subjectOf, type Subject } from "../../../src/core/subject.ts";
import { membershipsIn } from "./memberships.ts";
import { any, every, type Truth } from "./truth.ts";
import { definitionOf, tuplesOf, isUnexpired, type Polarity, type World } from "./world.ts";

/** The questions that the rules of a delegated call are made of, about one world. */
export interface Questions {
  readonly world: World;
  /** Whether the subject has the relation; "no" where the object's type does not define it. */
  has(question: Question, polarity: Polarity): Truth;
  /** The objects that an object's relation `within` may contain, each with how sure that is. */
  containers(object: ObjectRef, context: JsonObject, polarity: Polarity): readonly Container[];
  isSuspended(object: ObjectRef): boolean;
  defines(type: Name, relation: Name): boolean;
}

export interface Question {
  readonly object: ObjectRef;
  readonly relation: Name;
  readonly subject: Subject;
  readonly context: JsonObject;
}

export interface Container {
  readonly object: ObjectRef;
  readonly contains: Truth;
}

type ContractRelation =
  | "actor"
  | "delegable_to"
  | "delegate"
  | "delegator"
  | "eligible"
  | "parent"
  | "principal"
  | "requires"
  | "resource"
  | "server"
  | "session"
  | "suspended"
  | "tool"
  | "within";

/** The relations that the rules know by name. */
export function contract(relation: ContractRelation): Name {
  return parseName(relation, "relation");
}

export function questionsAbout(world: World): Questions {
  const memberships = membershipsIn(world);
  const has: Questions["has"] = ({ object, relation, subject, context }, polarity) =>
    memberships(subject, context).of(object, relation, polarity);
  return {
    world,
    has,
    containers: (object, context, polarity) =>
      world.objects.map((container) => ({
        object: container,
        contains: has(
          { object, relation: contract("within"), subject: subjectOf(container), context },
          polarity,
        ),
      })),
    isSuspended: (object) =>
      tuplesOf(world, object, contract("suspended")).some((tuple) =>
        isUnexpired(world.now, tuple, "takes"),
      ),
    defines: (type, relation) => definitionOf(world.model, type, relation) !== undefined,
  };
}

/**
 * Whether a coverage relation of a delegation contains the object, its type's wildcard, or something
 * that the object is within.
 */
export function covers(
  questions: Questions,
  delegation: ObjectRef,
  relation: Name,
  object: ObjectRef,
  context: JsonObject,
): Truth {
  const covered = (one: ObjectRef) =>
    questions.has({ object: delegation, relation, subject: subjectOf(one), context }, "grants");
  return any([
    covered(object),
    ...questions
      .containers(object, context, "grants")
      .filter((container) => formatObject(container.object) !== formatObject(object))
      .map((container) => every([container.contains, covered(container.object)])),
  ]);
}
