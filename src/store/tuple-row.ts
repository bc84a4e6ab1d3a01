import assert from "node:assert/strict";
import type { Json, JsonObject } from "../core/json.ts";
import { parseName, parseObject } from "../core/object.ts";
import { parseSubject, type Subject } from "../core/subject.ts";
import type { RelationTuple } from "../core/tuple.ts";
import type { TupleRow } from "./schema.ts";

/** Columns of a relation tuple, in the order in which they make up the canonical order. */
export const keyColumns = [
  "object_type",
  "object_id",
  "relation",
  "subject_type",
  "subject_id",
  "subject_relation",
] as const;

export const tupleColumns: readonly (keyof TupleRow)[] = [
  ...keyColumns,
  "condition_name",
  "condition_context",
  "expires_at_ms",
];

export type TupleKeyRow = Pick<TupleRow, (typeof keyColumns)[number]>;

/** What of a tuple is sealed, in this order. */
export function sealedTuple(row: TupleRow): readonly Json[] {
  return tupleColumns.map((name) => row[name]);
}

/** Inverse of `rowOfTuple`. */
export function tupleOfRow(row: TupleRow): RelationTuple {
  return {
    object: parseObject(row.object_type, row.object_id, "object"),
    relation: parseName(row.relation, "relation"),
    subject: subjectOfRow(row),
    ...conditionOfRow(row),
    ...(row.expires_at_ms === null ? {} : { expiresAtMs: row.expires_at_ms }),
  };
}

export function rowOfTuple(tuple: RelationTuple): TupleRow {
  return {
    ...keyOfTuple(tuple),
    condition_name: tuple.condition?.name ?? null,
    condition_context:
      tuple.condition === undefined ? null : JSON.stringify(tuple.condition.context),
    expires_at_ms: tuple.expiresAtMs ?? null,
  };
}

export function keyOfTuple(tuple: RelationTuple): TupleKeyRow {
  return {
    object_type: tuple.object.type,
    object_id: tuple.object.id,
    relation: tuple.relation,
    ...columnsOfSubject(tuple.subject),
  };
}

/** A wildcard has the id `*`, which no object has; a subject that is no userset has the relation "". */
export function columnsOfSubject(
  subject: Subject,
): Pick<TupleRow, "subject_type" | "subject_id" | "subject_relation"> {
  switch (subject.kind) {
    case "object":
      return {
        subject_type: subject.object.type,
        subject_id: subject.object.id,
        subject_relation: "",
      };
    case "userset":
      return {
        subject_type: subject.object.type,
        subject_id: subject.object.id,
        subject_relation: subject.relation,
      };
    case "wildcard":
      return { subject_type: subject.type, subject_id: "*", subject_relation: "" };
  }
}

/** Equal if and only if the keys are: no part of a key has a line break. */
export function keyText(row: TupleKeyRow): string {
  return `${row.object_type}\n${row.object_id}\n${row.relation}\n${row.subject_type}\n${row.subject_id}\n${row.subject_relation}`;
}

function subjectOfRow(row: TupleRow): Subject {
  if (row.subject_id === "*") {
    return { kind: "wildcard", type: parseName(row.subject_type, "subject.type") };
  }
  return parseSubject(row.subject_type, row.subject_id, row.subject_relation, "subject");
}

function conditionOfRow(row: TupleRow): Pick<RelationTuple, "condition"> {
  if (row.condition_name === null || row.condition_context === null) return {};
  const context: unknown = JSON.parse(row.condition_context);
  assert(isObject(context), "a stored context is an object");
  return { condition: { name: parseName(row.condition_name, "condition.name"), context } };
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
