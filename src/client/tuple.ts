import type { JsonObject as JsonObjectProto, MessageInitShape } from "@bufbuild/protobuf";
import type { Timestamp } from "@bufbuild/protobuf/wkt";
import type { JsonObject } from "../core/json.ts";
import { parseName, parseObject, type ObjectRef } from "../core/object.ts";
import type { Subject } from "../core/subject.ts";
import type { RelationTuple, StoredCondition } from "../core/tuple.ts";
import type {
  Condition as ConditionProto,
  Object$ as ObjectProto,
  RelationTuple as RelationTupleProto,
  RelationTupleSchema,
  Subject as SubjectProto,
  SubjectSchema,
} from "../gen/prokura/v1/core_pb.ts";
import { ApiError } from "./api-error.ts";
import { timeFromProto, timeToProto } from "./time.ts";

/** A tuple as it is sent. */
export function tupleToProto(tuple: RelationTuple): MessageInitShape<typeof RelationTupleSchema> {
  const { object, relation, subject, condition, expiresAtMs } = tuple;
  return {
    object,
    relation,
    subject: subjectToProto(subject),
    condition: condition && { name: condition.name, context: contextToProto(condition.context) },
    expiresAt: expiresAtMs === undefined ? undefined : timeToProto(expiresAtMs),
  };
}

/** Inverse of `tupleToProto`. Fails where the server sends what is no tuple. */
export function tupleFromProto(tuple: RelationTupleProto): RelationTuple {
  return {
    object: objectFromProto(tuple.object),
    relation: parseName(tuple.relation, "relation"),
    subject: subjectFromProto(tuple.subject),
    ...termsFromProto(tuple),
  };
}

export function subjectToProto(subject: Subject): MessageInitShape<typeof SubjectSchema> {
  switch (subject.kind) {
    case "object":
      return { subject: { case: "object", value: subject.object } };
    case "wildcard":
      return { subject: { case: "wildcard", value: { type: subject.type } } };
    case "userset": {
      const { object, relation } = subject;
      return { subject: { case: "userset", value: { object, relation } } };
    }
  }
}

export function subjectFromProto(proto: SubjectProto | undefined): Subject {
  const arm = proto?.subject;
  switch (arm?.case) {
    case "object":
      return { kind: "object", object: objectFromProto(arm.value) };
    case "wildcard":
      return { kind: "wildcard", type: parseName(arm.value.type, "type") };
    case "userset":
      return {
        kind: "userset",
        object: objectFromProto(arm.value.object),
        relation: parseName(arm.value.relation, "relation"),
      };
    case undefined:
      throw new ApiError("internal", "the server sent no subject where there must be one");
  }
}

export function objectFromProto(object: ObjectProto | undefined): ObjectRef {
  if (object === undefined) {
    throw new ApiError("internal", "the server sent no object where there must be one");
  }
  return parseObject(object.type, object.id, "object");
}

/** Under what condition, and until when. */
export function termsFromProto(terms: {
  readonly condition?: ConditionProto | undefined;
  readonly expiresAt?: Timestamp | undefined;
}): { readonly condition?: StoredCondition; readonly expiresAtMs?: number } {
  const { condition, expiresAt } = terms;
  return {
    ...(condition === undefined
      ? {}
      : {
          condition: {
            name: parseName(condition.name, "condition"),
            context: condition.context ?? {},
          },
        }),
    ...(expiresAt === undefined ? {} : { expiresAtMs: timeFromProto(expiresAt) }),
  };
}

/** A copy: what is sent may be changed by nobody. */
export function contextToProto(context: JsonObject): JsonObjectProto {
  const copy: JsonObjectProto = JSON.parse(JSON.stringify(context));
  return copy;
}
