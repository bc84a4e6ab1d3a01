import type { Delegation } from "../core/delegation.ts";
import type { Now } from "../core/now.ts";
import type { RelationTuple } from "../core/tuple.ts";
import type { SelectQuery } from "../engine/select-delegations.ts";
import { delegationObject, delegationsOf, readWhole } from "./delegation-view.ts";
import { descendantsOf } from "./descendants.ts";
import type { Pin } from "./evaluator.ts";
import type { RequestContext } from "./request.ts";
import { selectAll, type Selection } from "./selection.ts";
import type { DelegationSurvey, Storage } from "./storage.ts";

type Ports = Parameters<typeof selectAll>[0] & { readonly storage: Storage };

/** More of them are not read in one flight. */
const surveyedMax = 250;

export interface Subtrees {
  readonly pin: Pin;
  readonly now: Now;
  /** Those that the query chose, less what was not wanted of them. */
  readonly selected: ReadonlySet<string>;
  /** The selected first, then what hangs on them. */
  readonly delegations: readonly Delegation[];
  /** All that they are made of. */
  readonly tuples: readonly RelationTuple[];
}

/** What the query chooses and the test lets pass, with all below it, at the head as the call arrives, or later. */
export async function findSubtrees(
  ports: Ports,
  context: RequestContext,
  query: SelectQuery,
  isWanted: (delegation: Delegation) => boolean,
): Promise<Subtrees> {
  return (
    (await findQuickly(ports, context, query, isWanted)) ??
    (await findAll(ports, context, query, isWanted))
  );
}

/**
 * Selects on the replica as it is, then reads the selected and the head in one flight: where the replica
 * stood at that head, nothing is missing. Else, or where they are many, there is no answer.
 */
async function findQuickly(
  ports: Ports,
  context: RequestContext,
  query: SelectQuery,
  isWanted: (delegation: Delegation) => boolean,
): Promise<Subtrees | undefined> {
  const selection = await selectAll(ports, context, query, { kind: "default" });
  const { pin, now, selected: ids } = selection;
  if (ids.length > surveyedMax) return undefined;
  const objects = ids.map((id) => delegationObject(id, "delegation_id"));
  const read = await ports.storage.tuples.surveyDelegations(context.tenant, objects);
  if (read?.head.revision !== pin.revision || read.head.timeline !== pin.timeline) return undefined;
  const wanted = delegationsOf(ids, read, now).filter(isWanted);
  return withDescendants(ports, context, selection, wanted, read);
}

async function withDescendants(
  { storage }: Ports,
  { tenant }: RequestContext,
  { pin, now, selected }: Selection,
  wanted: readonly Delegation[],
  read: Pick<DelegationSurvey, "tuples"> & Partial<Pick<DelegationSurvey, "childIds">>,
): Promise<Subtrees> {
  const ids = new Set(wanted.map(({ id }) => id));
  const children = ids.size === selected.length ? read.childIds : undefined;
  const below = await descendantsOf(storage, tenant, pin.revision, ids, children);
  const tuples = read.tuples.filter(({ object }) => ids.has(object.id));
  const more = await readWhole(storage, tenant, { revision: pin.revision, now }, below);
  return {
    pin,
    now,
    selected: ids,
    delegations: [...wanted, ...more.delegations],
    tuples: [...tuples, ...more.tuples],
  };
}

async function findAll(
  ports: Ports,
  context: RequestContext,
  query: SelectQuery,
  isWanted: (delegation: Delegation) => boolean,
): Promise<Subtrees> {
  const selection = await selectAll(ports, context, query);
  const at = { revision: selection.pin.revision, now: selection.now };
  const read = await readWhole(ports.storage, context.tenant, at, selection.selected);
  const wanted = read.delegations.filter(isWanted);
  return withDescendants(ports, context, selection, wanted, read);
}
