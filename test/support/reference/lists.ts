import { compareBytes } from "../../../src/core/byte-order.ts";
import type { Call } from "../../../src/core/decision.ts";
import type { JsonObject } from "../../../src/core/json.ts";
import type { Name, ObjectRef } from "../../../src/core/object.ts";
import { compareSubjects, type RelationTuple } from "../../../src/core/tuple.ts";
import { subjectOf, type Subject } from "../../../src/core/subject.ts";
import { lists } from "./delegated.ts";
import { membershipsIn } from "./memberships.ts";
import { questionsAbout } from "./questions.ts";
import { formatTruth, type Truth } from "./truth.ts";
import { withTuples, type World } from "./world.ts";

/** An element that is in a list, or that may be: then `truth` says on what it hangs. */
export interface Listed<Element> {
  readonly element: Element;
  readonly truth: string;
}

/** Every object of the type, tried one by one. */
export function objectsWith(
  stored: World,
  type: Name,
  relation: Name,
  subject: Subject,
  context: JsonObject,
  contextual: readonly RelationTuple[],
): Listed<ObjectRef>[] {
  const world = withTuples(stored, contextual);
  const memberships = membershipsIn(world)(subject, context);
  return world.objects
    .filter((object) => object.type === type)
    .toSorted((left, right) => compareBytes(left.id, right.id))
    .flatMap((object) => listed(object, memberships.of(object, relation, "grants")));
}

export interface ListedSubject extends Listed<Subject> {
  /** Of a wildcard: objects of its type that are known not to be in. */
  readonly excluded: readonly ObjectRef[];
}

/** Every object of the subject type and its wildcard; or, with a relation, every userset. */
export function subjectsWith(
  stored: World,
  object: ObjectRef,
  relation: Name,
  subjectType: Name,
  subjectRelation: Name | undefined,
  context: JsonObject,
  contextual: readonly RelationTuple[],
): ListedSubject[] {
  const world = withTuples(stored, contextual);
  const membershipsOf = membershipsIn(world);
  const holds = (subject: Subject) =>
    membershipsOf(subject, context).of(object, relation, "grants");
  const objects = world.objects.filter(({ type }) => type === subjectType);
  const subjects: Subject[] =
    subjectRelation === undefined
      ? [...objects.map(subjectOf), { kind: "wildcard", type: subjectType }]
      : objects.map((one) => ({ kind: "userset", object: one, relation: subjectRelation }));
  return subjects.toSorted(compareSubjects).flatMap((subject) =>
    listed(subject, holds(subject)).map((one) => ({
      ...one,
      excluded:
        subject.kind === "wildcard"
          ? objects
              .filter((candidate) => !holds(subjectOf(candidate)).possible)
              .toSorted((left, right) => compareBytes(left.id, right.id))
          : [],
    })),
  );
}

/** Every tool, tried one by one. `call.tool` and `call.accesses` say nothing here. */
export function toolsFor(world: World, call: Call): ObjectRef[] {
  const questions = questionsAbout(world);
  return questions.world.objects
    .filter(({ type }) => type === "tool")
    .toSorted((left, right) => compareBytes(left.id, right.id))
    .filter((tool) => lists(questions, { ...call, tool, accesses: [] }));
}

function listed<Element>(element: Element, truth: Truth): Listed<Element>[] {
  return truth.possible ? [{ element, truth: formatTruth(truth) }] : [];
}
