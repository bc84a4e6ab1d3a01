import fc from "fast-check";
import type { JsonObject } from "../../src/core/json.ts";
import { parseName, parseObject, type Name, type ObjectRef } from "../../src/core/object.ts";
import type { Now } from "../../src/core/now.ts";
import { formatTuple, type RelationTuple } from "../../src/core/tuple.ts";
import type { Subject } from "../../src/core/subject.ts";
import type {
  AuthorizationModel,
  RelationDefinition,
  Restriction,
  Rewrite,
} from "../../src/model/authorization-model.ts";
import { parseModel } from "../../src/model/parse-model.ts";
import { conditionsText, plainConditions } from "./plain-conditions.ts";
import { worldOf, type World } from "./reference/world.ts";

/** A world and what to ask of it: every object#relation, for each of the subjects. */
export interface AskedWorld {
  readonly world: World;
  readonly objects: readonly ObjectRef[];
  readonly subjects: readonly Subject[];
  readonly context: JsonObject;
  readonly contextual: readonly RelationTuple[];
}

/** The clock's two ends are apart, so that expiries fall before, into and after the gap. */
export const now: Now = { earliestMs: 1_800_000_000_000, latestMs: 1_800_000_000_010 };

/** Before, within and after the clock's gap, and on its very ends. */
export const expiries: readonly number[] = [
  now.earliestMs - 60_000,
  now.earliestMs,
  now.earliestMs + 1,
  now.latestMs,
  now.latestMs + 1,
  now.latestMs + 60_000,
];

/** Expiries around both ends of the clock; half of the tuples have none. */
export const expiry: fc.Arbitrary<number | undefined> = fc.oneof(
  fc.constant(undefined),
  fc.constantFrom(...expiries),
);

const instants = [-1, 0, 1, 5, 10, 11, 60_000].map((offsetMs) =>
  new Date(now.earliestMs + offsetMs).toISOString(),
);

const storedContexts: Readonly<Record<string, fc.Arbitrary<JsonObject>>> = {
  one: fc.constantFrom<JsonObject>({}, {}, {}, { x: 1 }, { x: 0 }),
  both: fc.constantFrom<JsonObject>({}, {}, { x: 1 }, { y: 1 }, { x: 0 }),
  early: fc.constantFrom<JsonObject>(...instants.map((until) => ({ until }))),
  late: fc.constantFrom<JsonObject>(...instants.map((from) => ({ from }))),
  broken: fc.constantFrom<JsonObject>({}, { x: 0 }, { x: 1 }),
};

export const requestContext: fc.Arbitrary<JsonObject> = fc.constantFrom<JsonObject>(
  {},
  {},
  {},
  { x: 1 },
  { x: 0 },
  { y: 1 },
  { x: 1, y: 1 },
  { x: 0, y: 1 },
);

const templates: readonly string[] = [
  `model
  schema 1.1
type user
type group
  relations
    define member: [user, user:*, group#member, user with one]
type folder
  relations
    define parent: [folder]
    define owner: [user, group#member]
    define viewer: [user, user:*, group#member with early] or owner or viewer from parent
type doc
  relations
    define parent: [folder, doc]
    define blocked: [user, user:*, group#member, user with both, user with late]
    define viewer: ([user, group#member, user with one] or viewer from parent) but not blocked
${conditionsText}`,
  `model
  schema 1.1
type user
type group
  relations
    define parent: [group]
    define banned: [user, user:*, user with early] or banned from parent
    define pardoned: [user with one, user with early, group#pardoned, user]
    define member: ([user, group#member, user:*] or member from parent) but not (banned but not pardoned)
type doc
  relations
    define group: [group]
    define reader: member from group and allowed
    define allowed: [user, user:*, group#member, doc#reader]
    define stranger: allowed but not reader
${conditionsText}`,
  `model
  schema 1.1
type user
type group
  relations
    define parent: [group]
    define child: [group]
    define member: [user, group#admin] or admin or member from child
    define admin: [user, group#member] or admin from parent
    define peer: member and admin
${conditionsText}`,
];

/** Models that people would write. */
export const templateModel: fc.Arbitrary<AuthorizationModel> = fc.constantFrom(
  ...templates.map((text) => ({ ...parseModel(text), conditions: plainConditions })),
);

/**
 * Two types, each with a tupleset `parent` and three relations of random rewrites. A relation
 * subtracts only relations of a lower number, so that every model is stratified.
 */
export const generatedModel: fc.Arbitrary<AuthorizationModel> = fc
  .record({
    parents: fc.subarray(parentRestrictions(), { minLength: 1 }),
    group: fc.tuple(definition(0), definition(1), definition(2)),
    doc: fc.tuple(definition(0), definition(1), definition(2)),
  })
  .map(({ parents, group, doc }) => {
    const parent: RelationDefinition = {
      name: nameOf("parent"),
      rewrite: { kind: "this" },
      restrictions: parents,
    };
    const typeOf = (type: string, relations: readonly RelationDefinition[]) =>
      [
        nameOf(type),
        { name: nameOf(type), relations: new Map(relations.map((each) => [each.name, each])) },
      ] as const;
    return {
      schemaVersion: "1.1",
      types: new Map([
        typeOf("user", []),
        typeOf("group", [parent, ...group]),
        typeOf("doc", [parent, ...doc]),
      ]),
      conditions: plainConditions,
      hasDelegations: false,
    };
  });

/** A model, 6 to 40 tuples of three objects a type, and subjects of every form. */
export const askedWorld: fc.Arbitrary<AskedWorld> = fc
  .oneof({ arbitrary: templateModel, weight: 1 }, { arbitrary: generatedModel, weight: 2 })
  .chain((model) => {
    const objects = objectsIn(model, ["a", "b", "c"]);
    const usersets = objects.flatMap((object) =>
      relationsOf(model, object).map((relation): Subject => ({
        kind: "userset",
        object,
        relation,
      })),
    );
    return fc
      .record({
        tuples: tuplesIn(model, objects, { minLength: 6, maxLength: 40 }),
        contextual: fc.oneof(
          { arbitrary: fc.constant([]), weight: 3 },
          { arbitrary: tuplesIn(model, objects, { minLength: 1, maxLength: 3 }), weight: 1 },
        ),
        usersets: fc.subarray(usersets, { minLength: 2, maxLength: 4 }),
        context: requestContext,
      })
      .map(({ tuples, contextual, usersets: chosen, context }) => ({
        world: worldOf(model, tuples, now, objects),
        objects,
        subjects: [
          ...objects.slice(0, 4).map((object): Subject => ({ kind: "object", object })),
          { kind: "wildcard", type: nameOf("user") },
          ...chosen,
        ],
        context,
        contextual,
      }));
  });

/**
 * Tuples that the model allows, at most one a key, and now and then one that it does not: such as
 * stays behind when the model changes.
 */
export function tuplesIn(
  model: AuthorizationModel,
  objects: readonly ObjectRef[],
  size: { readonly minLength: number; readonly maxLength: number },
): fc.Arbitrary<RelationTuple[]> {
  const slots = objects.flatMap((object) =>
    relationsOf(model, object).flatMap((relation) => {
      const restrictions = model.types.get(object.type)?.relations.get(relation)?.restrictions;
      return (restrictions ?? [])
        .filter(({ type }) => objects.some((candidate) => candidate.type === type))
        .map((restriction) => ({ object, relation, restriction }));
    }),
  );
  if (slots.length === 0) return fc.constant([]);
  const tuple = fc
    .record({ slot: fc.constantFrom(...slots), oddity: fc.nat(39) })
    .chain(({ slot, oddity }) => {
      const { object, relation } = slot;
      const restriction = oddity === 0 ? { ...slot.restriction, ...strange } : slot.restriction;
      const { condition } = restriction;
      const subject = subjectFor(restriction, objects);
      const stored = storedContexts[condition ?? ""] ?? fc.constant({});
      return fc
        .record({ subject, expiresAtMs: expiry, context: stored })
        .map(({ subject: chosen, expiresAtMs, context }): RelationTuple => ({
          object,
          relation,
          subject: chosen,
          ...(condition === undefined ? {} : { condition: { name: condition, context } }),
          ...(expiresAtMs === undefined ? {} : { expiresAtMs }),
        }));
    });
  return fc.uniqueArray(tuple, { ...size, selector: formatTuple });
}

/** No relation of the generated models takes an unconditional userset of this relation. */
const strange = { condition: nameOf("early") };

/** Instants, as the clock's latest, around which a tuple may begin or cease to stand. */
export function breakpointsOf(tuples: readonly RelationTuple[]): number[] {
  const instantsMs = tuples.flatMap(({ condition, expiresAtMs }) => [
    expiresAtMs ?? [],
    ...[condition?.context["until"], condition?.context["from"]].map((text) =>
      typeof text === "string" ? Date.parse(text) : [],
    ),
  ]);
  const gapMs = now.latestMs - now.earliestMs;
  const around = instantsMs.flat().flatMap((atMs) => [atMs - 1, atMs, atMs + gapMs]);
  return [...new Set(around)].filter((atMs) => atMs > now.latestMs).toSorted((a, b) => a - b);
}

export function objectsIn(model: AuthorizationModel, ids: readonly string[]): ObjectRef[] {
  return [...model.types.keys()].flatMap((type) =>
    ids.map((id) => parseObject(type, id, "object")),
  );
}

export function relationsOf(model: AuthorizationModel, object: ObjectRef): Name[] {
  return [...(model.types.get(object.type)?.relations.keys() ?? [])];
}

function subjectFor(
  restriction: Restriction,
  objects: readonly ObjectRef[],
): fc.Arbitrary<Subject> {
  const { type, form, relation } = restriction;
  const candidates = objects.filter((object) => object.type === type);
  if (form === "wildcard") return fc.constant({ kind: "wildcard", type });
  return fc
    .constantFrom(...candidates)
    .map((object) =>
      form === "userset" && relation !== undefined
        ? { kind: "userset", object, relation }
        : { kind: "object", object },
    );
}

function parentRestrictions(): Restriction[] {
  return [
    // A type without relations: a tupleset may lead to what has none to follow.
    { type: nameOf("user"), form: "object" },
    { type: nameOf("group"), form: "object" },
    { type: nameOf("doc"), form: "object" },
    { type: nameOf("doc"), form: "object", condition: nameOf("one") },
  ];
}

function definition(level: number): fc.Arbitrary<RelationDefinition> {
  const usersets = ["group", "doc"].flatMap((type) =>
    levels(level).map((relation): Restriction => ({
      type: nameOf(type),
      form: "userset",
      relation,
    })),
  );
  const user = nameOf("user");
  const restrictions: readonly Restriction[] = [
    { type: user, form: "object" },
    { type: user, form: "wildcard" },
    { type: user, form: "object", condition: nameOf("one") },
    { type: user, form: "object", condition: nameOf("both") },
    { type: user, form: "wildcard", condition: nameOf("early") },
    { type: user, form: "object", condition: nameOf("late") },
    { type: user, form: "object", condition: nameOf("broken") },
    { type: nameOf("doc"), form: "object" },
    ...usersets,
    ...usersets.map((each) => ({ ...each, condition: nameOf("one") })),
  ];
  return fc
    .record({
      rewrite: rewriteAt(level, 2, true),
      restrictions: fc.subarray([...restrictions], { minLength: 3, maxLength: 8 }),
    })
    .map(({ rewrite, restrictions: chosen }) => ({
      name: nameOf(`r${level}`),
      rewrite,
      restrictions: readsItself(rewrite) ? chosen : [],
    }));
}

/** `below` is the number of relations that may be read; `direct`: whether `this` may stand here. */
function rewriteAt(level: number, depth: number, direct: boolean): fc.Arbitrary<Rewrite> {
  const read = fc.constantFrom(...levels(level));
  const leaves: fc.WeightedArbitrary<Rewrite>[] = [
    { arbitrary: read.map((relation) => ({ kind: "computed_userset", relation })), weight: 3 },
    {
      arbitrary: read.map((relation) => ({
        kind: "tuple_to_userset",
        tupleset: nameOf("parent"),
        relation,
      })),
      weight: 3,
    },
    ...(direct ? [{ arbitrary: fc.constant<Rewrite>({ kind: "this" }), weight: 9 }] : []),
  ];
  if (depth === 0) return fc.oneof(...leaves);
  const operand = rewriteAt(level, depth - 1, direct);
  const operands = fc.array(operand, { minLength: 2, maxLength: 3 });
  return fc.oneof(
    ...leaves,
    { arbitrary: operands.map((of) => ({ kind: "union", of })), weight: 6 },
    { arbitrary: operands.map((of) => ({ kind: "intersection", of })), weight: 2 },
    ...(level === 0
      ? []
      : [
          {
            arbitrary: fc
              .record({ base: operand, subtract: rewriteAt(level - 1, depth - 1, false) })
              .map((parts): Rewrite => ({ kind: "exclusion", ...parts })),
            weight: 5,
          },
        ]),
  );
}

function readsItself(rewrite: Rewrite): boolean {
  switch (rewrite.kind) {
    case "this":
      return true;
    case "computed_userset":
    case "tuple_to_userset":
      return false;
    case "union":
    case "intersection":
      return rewrite.of.some(readsItself);
    case "exclusion":
      return readsItself(rewrite.base) || readsItself(rewrite.subtract);
  }
}

function levels(level: number): Name[] {
  return Array.from({ length: level + 1 }, (_, index) => nameOf(`r${index}`));
}

function nameOf(text: string): Name {
  return parseName(text, "name");
}
