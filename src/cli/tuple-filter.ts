import type { Client } from "../client/client.ts";
import { DomainError } from "../core/error.ts";
import type { Name, ObjectRef } from "../core/object.ts";
import type { Subject } from "../core/subject.ts";
import {
  optionalName,
  optionalObject,
  optionalSubject,
  type Flag,
  type FlagTable,
} from "./flag.ts";

/** Which tuples are meant: those that match every flag that is given. */
export interface FilterFlags extends FlagTable {
  readonly object: Flag<ObjectRef | undefined>;
  readonly objectType: Flag<Name | undefined>;
  readonly relation: Flag<Name | undefined>;
  readonly subject: Flag<Subject | undefined>;
  readonly subjectType: Flag<Name | undefined>;
}

export const filterFlags: FilterFlags = {
  object: optionalObject("object", "tuples of this object"),
  objectType: optionalName("object-type", "TYPE", "tuples of objects of this type"),
  relation: optionalName("relation", "NAME", "tuples of this relation"),
  subject: optionalSubject(
    "subject",
    "tuples of this subject: user:alice, user:*, group:eng#member",
  ),
  subjectType: optionalName("subject-type", "TYPE", "tuples of subjects of this type"),
};

type Filter = NonNullable<Parameters<Client["tuple"]["readTuples"]>[0]["filter"]>;

/** `undefined` where no flag is given, which means all tuples. */
export function filterOf(values: {
  readonly object: ObjectRef | undefined;
  readonly objectType: Name | undefined;
  readonly relation: Name | undefined;
  readonly subject: Subject | undefined;
  readonly subjectType: Name | undefined;
}): Filter | undefined {
  const { object, objectType, relation, subject, subjectType } = values;
  if (object !== undefined && objectType !== undefined) {
    throw new DomainError("malformed", "only one of --object and --object-type may be given");
  }
  if (subject !== undefined && subjectType !== undefined) {
    throw new DomainError("malformed", "only one of --subject and --subject-type may be given");
  }
  const given = [object, objectType, relation, subject, subjectType];
  if (given.every((one) => one === undefined)) return undefined;
  return {
    objectType: object?.type ?? objectType ?? "",
    objectId: object?.id ?? "",
    relation: relation ?? "",
    ...(subject === undefined ? { subjectType: subjectType ?? "" } : subjectFilter(subject)),
  };
}

function subjectFilter(subject: Subject): Filter {
  switch (subject.kind) {
    case "object":
      return {
        subjectType: subject.object.type,
        subjectId: subject.object.id,
        subjectRelation: "",
      };
    case "wildcard":
      return { subjectType: subject.type, subjectId: "*", subjectRelation: "" };
    case "userset":
      return {
        subjectType: subject.object.type,
        subjectId: subject.object.id,
        subjectRelation: subject.relation,
      };
  }
}
