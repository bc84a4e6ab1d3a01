import fc from "fast-check";
import { parseName } from "../../src/core/object.ts";
import { parseTupleText, type RelationTuple } from "../../src/core/tuple.ts";
import type { Now } from "../../src/core/now.ts";
import { parseModel } from "../../src/model/parse-model.ts";

/** Every operator, recursion through usersets and tuplesets, wildcards and conditions; stratified. */
export const denseModel: ReturnType<typeof parseModel> = parseModel(`
model
  schema 1.1
type user
type group
  relations
    define member: [user, user:*, group#member, user with on] or owner
    define owner: [user, group#owner]
type doc
  relations
    define parent: [doc, doc with on]
    define direct: [user, user:*, group#member, doc#viewer, group#member with on]
    define blocked: [user, group#owner, user with on, user:*]
    define viewer: (direct or viewer from parent) but not blocked
    define editor: direct and viewer
    define odd: [user] but not editor
condition on(x: int) { x == 1 }
`);

const users = ["user:a", "user:b"];
const groups = ["group:g", "group:h"];
const docs = ["doc:1", "doc:2"];

const stored: readonly string[] = [
  ...groups.flatMap((group) => [
    ...[...users, "user:*", "group:g#member", "group:h#member"].map(
      (subject) => `${group}#member@${subject}`,
    ),
    ...[...users, "group:g#owner", "group:h#owner"].map((subject) => `${group}#owner@${subject}`),
  ]),
  ...docs.flatMap((doc) => [
    ...docs.map((parent) => `${doc}#parent@${parent}`),
    ...[...users, "user:*", "group:g#member", "group:h#member", "doc:1#viewer", "doc:2#viewer"].map(
      (subject) => `${doc}#direct@${subject}`,
    ),
    ...[...users, "user:*", "group:g#owner", "group:h#owner"].map(
      (subject) => `${doc}#blocked@${subject}`,
    ),
    ...users.map((subject) => `${doc}#odd@${subject}`),
  ]),
];

/** Conditions stand where the model has them; elsewhere such a tuple is as if it were not there. */
const tuple: fc.Arbitrary<RelationTuple> = fc
  .tuple(
    fc.constantFrom(...stored),
    fc.constantFrom(undefined, undefined, undefined, 10, 20),
    fc.constantFrom(undefined, undefined, undefined, {}, { x: 1 }, { x: 2 }),
  )
  .map(([text, expiresAtMs, context]) => ({
    ...parseTupleText(text, "tuple"),
    ...(expiresAtMs === undefined ? {} : { expiresAtMs }),
    ...(context === undefined
      ? {}
      : { condition: { name: parseName("on", "condition"), context } }),
  }));

export const denseTuples: fc.Arbitrary<readonly RelationTuple[]> = fc.array(tuple, {
  maxLength: 24,
  size: "max",
});

export const instant: fc.Arbitrary<Now> = fc.constantFrom(
  { earliestMs: 5, latestMs: 5 },
  { earliestMs: 9, latestMs: 11 },
  { earliestMs: 15, latestMs: 25 },
  { earliestMs: 30, latestMs: 30 },
);

export const objectsAndRelations: readonly (readonly [object: string, relation: string])[] = [
  ...groups.flatMap((group) => [[group, "member"] as const, [group, "owner"] as const]),
  ...docs.flatMap((doc) =>
    ["direct", "blocked", "viewer", "editor", "odd"].map((relation) => [doc, relation] as const),
  ),
];

export const subjects: readonly string[] = [
  ...users,
  "user:c",
  "user:*",
  "group:g#member",
  "group:h#owner",
  "doc:1#viewer",
];
