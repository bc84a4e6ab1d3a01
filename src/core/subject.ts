import { DomainError } from "./error.ts";
import {
  formatObject,
  parseName,
  parseObject,
  parseObjectText,
  type Name,
  type ObjectRef,
} from "./object.ts";

/** Who has a relation to an object: an object, all subjects of a userset, or all objects of a type. */
export type Subject =
  | { readonly kind: "object"; readonly object: ObjectRef }
  | Userset
  | { readonly kind: "wildcard"; readonly type: Name };

/** All subjects that have `relation` to `object`. */
export interface Userset {
  readonly kind: "userset";
  readonly object: ObjectRef;
  readonly relation: Name;
}

/** Reads `user:alice`, `group:eng#member` or `user:*`. Inverse of `formatSubject`. */
export function parseSubjectText(text: string, field: string): Subject {
  if (text.endsWith(":*")) {
    return { kind: "wildcard", type: parseName(text.slice(0, -2), `${field}.type`) };
  }
  const hash = text.indexOf("#");
  if (hash < 0) return { kind: "object", object: parseObjectText(text, field) };
  return {
    kind: "userset",
    object: parseObjectText(text.slice(0, hash), field),
    relation: parseName(text.slice(hash + 1), `${field}.relation`),
  };
}

export function formatSubject(subject: Subject): string {
  switch (subject.kind) {
    case "object":
      return formatObject(subject.object);
    case "userset":
      return `${formatObject(subject.object)}#${subject.relation}`;
    case "wildcard":
      return `${subject.type}:*`;
  }
}

export function typeOfSubject(subject: Subject): Name {
  return subject.kind === "wildcard" ? subject.type : subject.object.type;
}

export function sameSubject(left: Subject, right: Subject): boolean {
  return formatSubject(left) === formatSubject(right);
}

/** A plain object as a subject. */
export function subjectOf(object: ObjectRef): Subject {
  return { kind: "object", object };
}

/** Makes a subject of parts that are not text yet: an empty relation says object. */
export function parseSubject(type: string, id: string, relation: string, field: string): Subject {
  const object = parseObject(type, id, field);
  if (relation === "") return { kind: "object", object };
  return { kind: "userset", object, relation: parseName(relation, `${field}.relation`) };
}

/** Fails unless the subject is a plain object. */
export function objectOfSubject(subject: Subject, field: string): ObjectRef {
  if (subject.kind === "object") return subject.object;
  throw new DomainError(
    "malformed",
    `${field} must be an object, got \`${formatSubject(subject)}\``,
    {
      field,
    },
  );
}
