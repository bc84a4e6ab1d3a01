import { compareBytes } from "./byte-order.ts";
import { DomainError } from "./error.ts";
import type { JsonObject } from "./json.ts";
import {
  formatObject,
  parseName,
  parseObjectText,
  quote,
  type Name,
  type ObjectRef,
} from "./object.ts";
import { formatSubject, parseSubjectText, type Subject } from "./subject.ts";

/**
 * One stored fact: the subject has the relation to the object. A live tuple is known by its key
 * (object, relation, subject): there are never two that differ in condition or expiry alone.
 */
export interface RelationTuple {
  readonly object: ObjectRef;
  readonly relation: Name;
  readonly subject: Subject;
  readonly condition?: StoredCondition;
  /** Milliseconds since 1970. What a caller gives more finely is rounded down: it never ends late. */
  readonly expiresAtMs?: number;
}

/** A condition by name, and the part of its context that is stored. Stored values beat a request's. */
export interface StoredCondition {
  readonly name: Name;
  readonly context: JsonObject;
}

/** Fields that are absent match everything. Expired tuples that still stand are matched as well. */
export interface TupleFilter {
  readonly objectType?: Name;
  readonly objectId?: string;
  readonly relation?: Name;
  readonly subjectType?: Name;
  readonly subjectId?: string;
  /** `""` asks for plain objects only. */
  readonly subjectRelation?: string;
}

/** Formats the key `object#relation@subject`; condition and expiry have no place in it. */
export function formatTuple(tuple: RelationTuple): string {
  return `${formatObject(tuple.object)}#${tuple.relation}@${formatSubject(tuple.subject)}`;
}

/** Reads `object#relation@subject`. Inverse of `formatTuple`. */
export function parseTupleText(text: string, field: string): RelationTuple {
  const hash = text.indexOf("#");
  const at = text.indexOf("@", hash + 1);
  if (hash < 0 || at < 0) {
    throw new DomainError(
      "malformed",
      `${field} must read type:id#relation@subject, got ${quote(text)}`,
      { field },
    );
  }
  return {
    object: parseObjectText(text.slice(0, hash), `${field}.object`),
    relation: parseName(text.slice(hash + 1, at), `${field}.relation`),
    subject: parseSubjectText(text.slice(at + 1), `${field}.subject`),
  };
}

/** The canonical order of tuples: by object, relation, then subject, each by bytes. */
export function compareTuples(left: RelationTuple, right: RelationTuple): number {
  return (
    compareBytes(left.object.type, right.object.type) ||
    compareBytes(left.object.id, right.object.id) ||
    compareBytes(left.relation, right.relation) ||
    compareSubjects(left.subject, right.subject)
  );
}

/** By type, id (a wildcard's is `*`), then relation (an object's is empty), each by bytes. */
export function compareSubjects(left: Subject, right: Subject): number {
  return (
    compareBytes(typeOf(left), typeOf(right)) ||
    compareBytes(idOf(left), idOf(right)) ||
    compareBytes(relationOf(left), relationOf(right))
  );
}

function typeOf(subject: Subject): string {
  return subject.kind === "wildcard" ? subject.type : subject.object.type;
}

function idOf(subject: Subject): string {
  return subject.kind === "wildcard" ? "*" : subject.object.id;
}

function relationOf(subject: Subject): string {
  return subject.kind === "userset" ? subject.relation : "";
}
