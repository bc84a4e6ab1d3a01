import type { MessageInitShape } from "@bufbuild/protobuf";
import { parseName, parseObject, parseObjectId, type ObjectRef } from "../core/object.ts";
import type { Subject, Userset } from "../core/subject.ts";
import type { RelationTuple, StoredCondition, TupleFilter } from "../core/tuple.ts";
import type {
  Condition as ConditionProto,
  ConditionSchema,
  Object$ as ObjectProto,
  ObjectSchema,
  RelationTuple as RelationTupleProto,
  RelationTupleSchema,
  Subject as SubjectProto,
  SubjectSchema,
  TupleFilter as TupleFilterProto,
  Userset as UsersetProto,
  UsersetSchema,
} from "../gen/prokura/v1/core_pb.ts";
import { contextFromProto, contextToProto } from "./context.ts";
import { atMost, malformed, required } from "./field.ts";
import type { RequestLimits } from "./limits.ts";
import { timestampFromProto, timestampToProto } from "./time.ts";

export function objectFromProto(object: ObjectProto | undefined, field: string): ObjectRef {
  const { type, id } = required(object, field);
  return parseObject(type, id, field);
}

export function optionalObjectFromProto(
  object: ObjectProto | undefined,
  field: string,
): ObjectRef | undefined {
  return object === undefined ? undefined : objectFromProto(object, field);
}

export function objectToProto(object: ObjectRef): MessageInitShape<typeof ObjectSchema> {
  return { type: object.type, id: object.id };
}

export function subjectFromProto(subject: SubjectProto | undefined, field: string): Subject {
  const { subject: arm } = required(subject, field);
  switch (arm.case) {
    case "object":
      return { kind: "object", object: objectFromProto(arm.value, `${field}.object`) };
    case "userset":
      return usersetFromProto(arm.value, `${field}.userset`);
    case "wildcard":
      return { kind: "wildcard", type: parseName(arm.value.type, `${field}.wildcard.type`) };
    case undefined:
      throw malformed(field, "must be an object, a userset or a wildcard");
  }
}

export function subjectToProto(subject: Subject): MessageInitShape<typeof SubjectSchema> {
  switch (subject.kind) {
    case "object":
      return { subject: { case: "object", value: objectToProto(subject.object) } };
    case "userset":
      return { subject: { case: "userset", value: usersetToProto(subject) } };
    case "wildcard":
      return { subject: { case: "wildcard", value: { type: subject.type } } };
  }
}

export function usersetToProto(
  userset: Pick<Userset, "object" | "relation">,
): MessageInitShape<typeof UsersetSchema> {
  return { object: objectToProto(userset.object), relation: userset.relation };
}

export function conditionFromProto(
  condition: ConditionProto,
  limits: RequestLimits,
  field: string,
): StoredCondition {
  return {
    name: parseName(condition.name, `${field}.name`),
    context: contextFromProto(condition.context, limits.contextBytesMax, `${field}.context`),
  };
}

export function conditionToProto(
  condition: StoredCondition,
): MessageInitShape<typeof ConditionSchema> {
  return { name: condition.name, context: contextToProto(condition.context) };
}

export function tupleFromProto(
  tuple: RelationTupleProto,
  limits: RequestLimits,
  field: string,
): RelationTuple {
  const { condition, expiresAt } = tuple;
  return {
    object: objectFromProto(tuple.object, `${field}.object`),
    relation: parseName(tuple.relation, `${field}.relation`),
    subject: subjectFromProto(tuple.subject, `${field}.subject`),
    ...(condition === undefined
      ? {}
      : { condition: conditionFromProto(condition, limits, `${field}.condition`) }),
    ...(expiresAt === undefined
      ? {}
      : { expiresAtMs: timestampFromProto(expiresAt, `${field}.expires_at`) }),
  };
}

export function tupleToProto(tuple: RelationTuple): MessageInitShape<typeof RelationTupleSchema> {
  const { condition, expiresAtMs } = tuple;
  return {
    object: objectToProto(tuple.object),
    relation: tuple.relation,
    subject: subjectToProto(tuple.subject),
    ...(condition === undefined ? {} : { condition: conditionToProto(condition) }),
    ...(expiresAtMs === undefined ? {} : { expiresAt: timestampToProto(expiresAtMs) }),
  };
}

export function contextualTuplesFromProto(
  tuples: readonly RelationTupleProto[],
  limits: RequestLimits,
  field: string,
): RelationTuple[] {
  atMost(tuples.length, limits.contextualTuplesMax, field);
  return tuples.map((tuple, index) => tupleFromProto(tuple, limits, `${field}[${index}]`));
}

/** An empty field is one that is not set; only `subject_relation` tells the two apart. */
export function filterFromProto(filter: TupleFilterProto | undefined, field: string): TupleFilter {
  if (filter === undefined) return {};
  const { objectType, objectId, relation, subjectType, subjectId, subjectRelation } = filter;
  if (objectId !== "" && objectType === "") {
    throw malformed(`${field}.object_id`, "asks for an object_type beside it");
  }
  if (subjectId !== "" && subjectType === "") {
    throw malformed(`${field}.subject_id`, "asks for a subject_type beside it");
  }
  return {
    ...(objectType === "" ? {} : { objectType: parseName(objectType, `${field}.object_type`) }),
    ...(objectId === "" ? {} : { objectId: parseObjectId(objectId, `${field}.object_id`) }),
    ...(relation === "" ? {} : { relation: parseName(relation, `${field}.relation`) }),
    ...(subjectType === "" ? {} : { subjectType: parseName(subjectType, `${field}.subject_type`) }),
    ...(subjectId === ""
      ? {}
      : {
          subjectId:
            subjectId === "*" ? subjectId : parseObjectId(subjectId, `${field}.subject_id`),
        }),
    ...(subjectRelation === undefined
      ? {}
      : {
          subjectRelation:
            subjectRelation === ""
              ? subjectRelation
              : parseName(subjectRelation, `${field}.subject_relation`),
        }),
  };
}

/** As `filterFromProto`, where a filter that matches everything would be a slip. */
export function narrowFilterFromProto(
  filter: TupleFilterProto | undefined,
  field: string,
): TupleFilter {
  const parsed = filterFromProto(required(filter, field), field);
  if (Object.keys(parsed).length === 0) throw malformed(field, "must have at least one field set");
  return parsed;
}

function usersetFromProto(userset: UsersetProto, field: string): Userset {
  return {
    kind: "userset",
    object: objectFromProto(userset.object, `${field}.object`),
    relation: parseName(userset.relation, `${field}.relation`),
  };
}
