import type { Call } from "../../../src/core/decision.ts";
import type { JsonObject } from "../../../src/core/json.ts";
import type { Name, ObjectRef } from "../../../src/core/object.ts";
import { compareSubjects, type RelationTuple } from "../../../src/core/tuple.ts";
import { subjectOf, type Subject } from "../../../src/core/subject.ts";
import { isListed } from "./delegated.ts";
import { membershipsIn } from "./memberships.ts";
import type { Questions } from "./questions.ts";
import { formatTruth, type Truth } from "./truth.ts";
import { withTuples, type World } from "./world.ts";

/** An element that is in a list, or that may be: then `truth` says on what it hangs. */
export interface Listed<Element> {
  readonly element: Element;
  readonly truth: string;
}

export interface Lists {
  /** Every object of the type, tried one by one. */
  objects(type: Name, relation: Name, subject: Subject): Listed<ObjectRef>[];
  /** Every object of the subject type, or with a relation every userset, tried one by one. */
  subjects(object: ObjectRef, relation: Name, type: Name, of: Name | undefined): Listed<Subject>[];
}

export function listsOf(
  stored: World,
  context: JsonObject,
  contextual: readonly RelationTuple[],
): Lists {
  const world = withTuples(stored, contextual);
  const membershipsOf = membershipsIn(world);
  const objectsOf = (type: Name) => world.objects.filter((object) => object.type === type);
  return {
    objects(type, relation, subject) {
      const memberships = membershipsOf(subject, context);
      return objectsOf(type).flatMap((object) =>
        listed(object, memberships.of(object, relation, "grants")),
      );
    },
    subjects(object, relation, type, of) {
      const subjects: Subject[] =
        of === undefined
          ? [...objectsOf(type).map(subjectOf), { kind: "wildcard", type }]
          : objectsOf(type).map((one) => ({ kind: "userset", object: one, relation: of }));
      return subjects
        .toSorted(compareSubjects)
        .flatMap((subject) =>
          listed(subject, membershipsOf(subject, context).of(object, relation, "grants")),
        );
    },
  };
}

/** Every tool, tried one by one. `call.tool` and `call.accesses` say nothing here. */
export function toolsFor(questions: Questions, call: Call): ObjectRef[] {
  return questions.world.objects
    .filter(({ type }) => type === "tool")
    .filter((tool) => isListed(questions, { ...call, tool, accesses: [] }));
}

function listed<Element>(element: Element, truth: Truth): Listed<Element>[] {
  return truth.possible ? [{ element, truth: formatTruth(truth) }] : [];
}
