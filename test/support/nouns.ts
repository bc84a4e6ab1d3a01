import fc from "fast-check";
import { parseName, parseObjectId, type Name, type ObjectRef } from "../../src/core/object.ts";
import type { Subject } from "../../src/core/subject.ts";
import type { RelationTuple } from "../../src/core/tuple.ts";

/** Names, odd ones included. */
export const name: fc.Arbitrary<Name> = fc
  .stringMatching(/^[A-Za-z][A-Za-z0-9_-]{0,63}$/)
  .map((text) => parseName(text, "name"));

/** Ids of every script, with the characters that the text form must encode. */
export const objectIdText: fc.Arbitrary<string> = fc
  .oneof(
    fc.string({ unit: "binary", minLength: 1, maxLength: 40 }),
    fc.string({
      unit: fc.constantFrom("%", "#", "@", "*", " ", ":", "/", "a", "é", "😀", "\u2028"),
      minLength: 1,
      maxLength: 40,
    }),
  )
  .filter((text) => !/[\p{Cc}\p{Cs}]/u.test(text) && text !== "*");

export const object: fc.Arbitrary<ObjectRef> = fc.record(
  { type: name, id: objectIdText.map((text) => parseObjectId(text, "id")) },
  { noNullPrototype: true },
);

export const subject: fc.Arbitrary<Subject> = fc.oneof(
  object.map((value): Subject => ({ kind: "object", object: value })),
  fc
    .record({ object, relation: name }, { noNullPrototype: true })
    .map((value): Subject => ({ kind: "userset", ...value })),
  name.map((type): Subject => ({ kind: "wildcard", type })),
);

export const tuple: fc.Arbitrary<RelationTuple> = fc.record(
  { object, relation: name, subject },
  { noNullPrototype: true },
);
