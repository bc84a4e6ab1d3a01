import { compareBytes } from "../../../src/core/byte-order.ts";
import { toStringMethod } from "fast-check";
import type { JsonObject } from "../../../src/core/json.ts";
import type { Now } from "../../../src/core/now.ts";
import { formatObject, type Name, type ObjectRef } from "../../../src/core/object.ts";
import { compareTuples, formatTuple, type RelationTuple } from "../../../src/core/tuple.ts";
import type {
  AuthorizationModel,
  RelationDefinition,
} from "../../../src/model/authorization-model.ts";
import { formatWorld } from "./world-text.ts";
import { needing, no, trouble, truthOf, yes, type Truth } from "./truth.ts";

/** Everything that an answer may depend on, but the question. */
export interface World {
  readonly model: AuthorizationModel;
  /** At most one a key. Some may be such as the model does not allow: they count as absent. */
  readonly tuples: readonly RelationTuple[];
  readonly now: Now;
  /** What tuples mention, and what questions name beside: each once, in canonical order. */
  readonly objects: readonly ObjectRef[];
  /** The allowed tuples by `object#relation`, in canonical order. */
  readonly allowed: ReadonlyMap<string, readonly RelationTuple[]>;
  /** `favourable`: as if every condition that grants were true, and every one that takes false. */
  readonly conditions: "evaluated" | "favourable";
  readonly [toStringMethod]: () => string;
}

/** `named` are objects of which nothing need be stored, whose usersets are asked about. */
export function worldOf(
  model: AuthorizationModel,
  tuples: readonly RelationTuple[],
  now: Now,
  named: readonly ObjectRef[] = [],
): World {
  const allowed = Map.groupBy(
    tuples.filter((tuple) => isAllowed(model, tuple)).toSorted(compareTuples),
    (tuple) => `${formatObject(tuple.object)}#${tuple.relation}`,
  );
  return {
    model,
    tuples,
    now,
    objects: uniqueObjects([...tuples.flatMap(objectsOf), ...named]),
    allowed,
    conditions: "evaluated",
    [toStringMethod]: () => formatWorld(model, tuples),
  };
}

/** The same world with other tuples. */
export function replaceTuples(world: World, tuples: readonly RelationTuple[]): World {
  return worldOf(world.model, tuples, world.now, world.objects);
}

/**
 * The world in which these tuples stand as well. Where one has the key of a stored one, it stands
 * instead of it.
 */
export function withTuples(world: World, added: readonly RelationTuple[]): World {
  const keys = new Set(added.map(formatTuple));
  const kept = world.tuples.filter((tuple) => !keys.has(formatTuple(tuple)));
  return replaceTuples(world, [...kept, ...added]);
}

/** `grants`: the statement helps to allow. `takes`: it stands under an odd number of subtractions. */
export type Polarity = "grants" | "takes";

export function opposite(polarity: Polarity): Polarity {
  return polarity === "grants" ? "takes" : "grants";
}

export function definitionOf(
  model: AuthorizationModel,
  type: Name,
  relation: Name,
): RelationDefinition | undefined {
  return model.types.get(type)?.relations.get(relation);
}

export function withFavourableConditions(world: World): World {
  return { ...world, conditions: "favourable" };
}

/** The tuples of object#relation that the model allows, expired ones included, in canonical order. */
export function tuplesOf(
  world: World,
  object: ObjectRef,
  relation: Name,
): readonly RelationTuple[] {
  return world.allowed.get(`${formatObject(object)}#${relation}`) ?? [];
}

/** Whether the tuple stands now: it has not expired and its condition is true. */
export function standing(
  world: World,
  tuple: RelationTuple,
  polarity: Polarity,
  context: JsonObject,
): Truth {
  if (!isUnexpired(world.now, tuple, polarity)) return no;
  if (tuple.condition === undefined) return yes;
  if (world.conditions === "favourable") return truthOf(polarity === "grants");
  const condition = world.model.conditions.get(tuple.condition.name);
  if (condition === undefined) return no;
  const outcome = condition.evaluate(tuple.condition.context, context, world.now);
  switch (outcome.kind) {
    case "met":
      return yes;
    case "met_at_either":
      return polarity === "grants" ? no : yes;
    case "not_met":
      return no;
    case "needs":
      return needing(outcome.names);
    case "failed":
      return trouble;
  }
}

/** A tuple that grants must outlive the latest time that it may be, one that takes away the earliest. */
export function isUnexpired(now: Now, tuple: RelationTuple, polarity: Polarity): boolean {
  const boundMs = polarity === "grants" ? now.latestMs : now.earliestMs;
  return tuple.expiresAtMs === undefined || tuple.expiresAtMs > boundMs;
}

function isAllowed(model: AuthorizationModel, tuple: RelationTuple): boolean {
  const { subject } = tuple;
  const definition = definitionOf(model, tuple.object.type, tuple.relation);
  return (definition?.restrictions ?? []).some(
    (restriction) =>
      restriction.form === subject.kind &&
      restriction.type === (subject.kind === "wildcard" ? subject.type : subject.object.type) &&
      restriction.relation === (subject.kind === "userset" ? subject.relation : undefined) &&
      restriction.condition === tuple.condition?.name,
  );
}

function objectsOf({ object, subject }: RelationTuple): ObjectRef[] {
  return subject.kind === "wildcard" ? [object] : [object, subject.object];
}

function uniqueObjects(objects: readonly ObjectRef[]): ObjectRef[] {
  const byText = new Map(objects.map((object) => [formatObject(object), object]));
  return [...byText.values()].toSorted(
    (left, right) => compareBytes(left.type, right.type) || compareBytes(left.id, right.id),
  );
}
