import type { Covered, Delegation, DelegationRecord, DelegationState } from "../core/delegation.ts";
import { delegationType } from "../core/delegation.ts";
import type { Now } from "../core/now.ts";
import { parseName, parseObjectId, type Name, type ObjectRef } from "../core/object.ts";
import type { Revision } from "../core/revision.ts";
import type { RelationTuple } from "../core/tuple.ts";
import type { Storage } from "./storage.ts";

export const delegationTypeName: Name = parseName(delegationType, "type");

export function delegationObject(id: string, field: string): ObjectRef {
  return { type: delegationTypeName, id: parseObjectId(id, field) };
}

/** Delegations that are read in one statement. */
const readAtOnce = 250;

/** Reads delegations, in the order of the ids; those that have no tuple at the revision are left out. */
export async function readDelegations(
  storage: Storage,
  tenant: string,
  at: { readonly revision: Revision; readonly now: Now },
  ids: readonly string[],
): Promise<readonly Delegation[]> {
  return (await readWhole(storage, tenant, at, ids)).delegations;
}

/** The same, with all tuples that they are made of. */
export async function readWhole(
  storage: Storage,
  tenant: string,
  at: { readonly revision: Revision; readonly now: Now },
  ids: readonly string[],
): Promise<{
  readonly delegations: readonly Delegation[];
  readonly tuples: readonly RelationTuple[];
}> {
  if (ids.length === 0) return { delegations: [], tuples: [] };
  const tuples: RelationTuple[] = [];
  const records: DelegationRecord[] = [];
  for (let start = 0; start < ids.length; start += readAtOnce) {
    const some = ids.slice(start, start + readAtOnce);
    const objects = some.map((id) => delegationObject(id, "delegation_id"));
    tuples.push(...(await storage.tuples.readObjects(tenant, at.revision, objects)));
    records.push(...(await storage.tuples.readRecords(tenant, some)));
  }
  return { delegations: delegationsOf(ids, { tuples, records }, at.now), tuples };
}

/** Of those that have a tuple, in the order of the ids. */
export function delegationsOf(
  ids: readonly string[],
  read: {
    readonly tuples: readonly RelationTuple[];
    readonly records: readonly DelegationRecord[];
  },
  now: Now,
): readonly Delegation[] {
  const tuplesOf = Map.groupBy(read.tuples, (tuple) => tuple.object.id as string);
  const recordOf = new Map(read.records.map((record) => [record.id, record]));
  return ids.flatMap((id) => {
    const own = tuplesOf.get(id);
    return own === undefined ? [] : [delegationOf(id, own, recordOf.get(id), now)];
  });
}

/** Makes the noun of a delegation's tuples, as they stand at one revision and one instant. */
function delegationOf(
  id: string,
  tuples: readonly RelationTuple[],
  record: DelegationRecord | undefined,
  now: Now,
): Delegation {
  const of = (relation: string): RelationTuple[] =>
    tuples.filter((tuple) => tuple.relation === relation);
  const identity = [...of("principal"), ...of("delegator"), ...of("delegate")];
  const ends = identity.flatMap(({ expiresAtMs }) =>
    expiresAtMs === undefined ? [] : [expiresAtMs],
  );
  const expiresAtMs = ends.length === 0 ? undefined : Math.min(...ends);
  const suspensions = of("suspended").filter((tuple) => isLive(tuple, now.earliestMs));
  return {
    id,
    ...one("principal", of("principal")),
    ...one("delegator", of("delegator")),
    ...one("delegate", of("delegate")),
    ...parentOf(of("parent")),
    tools: of("tool").map(coveredOf),
    resources: of("resource").map(coveredOf),
    sessions: of("session").map(coveredOf),
    delegableTo: of("delegable_to").map(coveredOf),
    suspensionIds: suspensions.flatMap(({ subject }) =>
      subject.kind === "object" ? [subject.object.id] : [],
    ),
    ...(expiresAtMs === undefined ? {} : { expiresAtMs }),
    state: stateOf(tuples, suspensions.length > 0, expiresAtMs, now),
    ...(record === undefined ? {} : { record }),
  };
}

/** The link itself; whether its ancestors let it work is another question. */
function stateOf(
  tuples: readonly RelationTuple[],
  suspended: boolean,
  expiresAtMs: number | undefined,
  now: Now,
): DelegationState {
  const count = (relation: string): number =>
    tuples.filter((tuple) => tuple.relation === relation).length;
  const whole =
    count("principal") === 1 &&
    count("delegator") === 1 &&
    count("delegate") === 1 &&
    count("parent") <= 1;
  if (!whole) return "broken";
  if (expiresAtMs !== undefined && expiresAtMs <= now.latestMs) return "expired";
  return suspended ? "suspended" : "live";
}

function isLive(tuple: RelationTuple, atMs: number): boolean {
  return tuple.expiresAtMs === undefined || tuple.expiresAtMs > atMs;
}

function one<Key extends "principal" | "delegator" | "delegate">(
  key: Key,
  tuples: readonly RelationTuple[],
): { readonly [K in Key]?: ObjectRef } {
  const object = plainObject(tuples[0]);
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a computed key widens to string
  return (object === undefined ? {} : { [key]: object }) as { readonly [K in Key]?: ObjectRef };
}

function parentOf(tuples: readonly RelationTuple[]): { readonly parentId?: string } {
  const object = plainObject(tuples[0]);
  return object === undefined ? {} : { parentId: object.id };
}

function plainObject(tuple: RelationTuple | undefined): ObjectRef | undefined {
  return tuple?.subject.kind === "object" ? tuple.subject.object : undefined;
}

function coveredOf(tuple: RelationTuple): Covered {
  const { subject, condition, expiresAtMs } = tuple;
  return {
    subject,
    ...(condition === undefined ? {} : { condition }),
    ...(expiresAtMs === undefined ? {} : { expiresAtMs }),
  };
}
