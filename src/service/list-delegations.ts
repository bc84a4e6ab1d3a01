import type { Permits } from "../core/caller.ts";
import type { Delegation } from "../core/delegation.ts";
import { DomainError } from "../core/error.ts";
import type { Json } from "../core/json.ts";
import { formatObject, parseName, sameObject, type ObjectRef } from "../core/object.ts";
import { formatToken } from "../core/revision.ts";
import { formatTuple, parseTupleText, type TupleFilter } from "../core/tuple.ts";
import type { EngineLimits } from "../engine/limits.ts";
import { DelegationSelection } from "../engine/select-delegations.ts";
import { delegationTypeName, readDelegations } from "./delegation-view.ts";
import type { DelegationFilter } from "./delegations.ts";
import { otherTimeline, pinOf, type Evaluator, type Pin } from "./evaluator.ts";
import { readWhole } from "./lists.ts";
import { formatPageToken, pageSizeOf, parsePageToken } from "./page-token.ts";
import type { Consistency, Paged, PageRequest, RequestContext } from "./request.ts";
import { sightOf } from "./sight.ts";
import type { StandingPorts } from "./standing.ts";
import type { Storage } from "./storage.ts";

export interface ListDependencies {
  readonly evaluator: Evaluator;
  readonly storage: Storage;
  readonly permits: Permits;
  readonly verifySubject: StandingPorts["verifySubject"];
  readonly limits: EngineLimits;
}

const batchSize = 500;

/** Reads one delegation whole. */
export async function getDelegation(
  dependencies: ListDependencies,
  context: RequestContext,
  delegationId: string,
  consistency: Consistency,
): Promise<{ readonly delegation: Delegation; readonly token: string }> {
  const { evaluator, storage } = dependencies;
  const { tenant } = context;
  const sight = await sightOf(dependencies, context);
  const at = await evaluator.run(context, consistency, (snapshot) => ({
    kind: "decided",
    value: { ...pinOf(snapshot), now: snapshot.now },
  }));
  const [delegation] = await readDelegations(storage, tenant, at, [delegationId]);
  if (delegation === undefined || !sight.shows(delegation)) {
    throw new DomainError("delegation_not_found", `there is no delegation \`${delegationId}\``, {
      field: "delegation_id",
    });
  }
  const { timeline, revision } = at;
  return { delegation, token: formatToken({ tenant, timeline, revision }) };
}

/** Delegations in the order of their ids, pinned to the first page's revision. */
export async function listDelegations(
  dependencies: ListDependencies,
  context: RequestContext,
  asked: DelegationFilter,
  page: PageRequest,
  consistency: Consistency,
): Promise<Paged<Delegation>> {
  const { evaluator, storage } = dependencies;
  const { tenant } = context;
  const sight = await sightOf(dependencies, context);
  const filter = sight.narrowed(asked);
  const request: Json = {
    list: "delegations",
    filter: filterJson(filter),
    consistency: { ...consistency },
  };
  const size = pageSizeOf(page);
  const start = parsePageToken(page, request);
  const first = await evaluator.run(context, consistency, (snapshot) => ({
    kind: "decided",
    value: { pin: pinOf(snapshot), now: snapshot.now },
  }));
  const { now } = first;
  if (start !== undefined && start.pin.timeline !== first.pin.timeline) {
    throw otherTimeline("page_token");
  }
  const pin = start?.pin ?? first.pin;
  const token = formatToken({ tenant, ...pin });
  const items: Delegation[] = [];
  let after = start?.after;
  let last = "";
  const selection = selectionOf(filter, dependencies.limits, after);
  for (;;) {
    const keys =
      selection === undefined
        ? await nextKeys(dependencies, context, filter, pin, after)
        : await nextSelected(dependencies, context, selection, pin);
    const at = { revision: pin.revision, now };
    const ids = keys.map(({ id }) => id);
    const found = new Map(
      (await readDelegations(storage, tenant, at, ids)).map((one) => [one.id, one]),
    );
    for (const { id, key } of keys) {
      const delegation = found.get(id);
      if (delegation === undefined || !sight.shows(delegation)) continue;
      if (!matches(delegation, filter)) continue;
      if (items.length === size) {
        return { items, token, nextPageToken: formatPageToken({ pin, after: last }, request) };
      }
      items.push(delegation);
      last = key;
    }
    after = keys.at(-1)?.key;
    if (after === undefined || keys.length < batchSize) return { items, token };
    context.signal.throwIfAborted();
  }
}

/** A candidate, and the key after which the next one follows. */
interface Candidate {
  readonly id: string;
  readonly key: string;
}

/** The next candidates in the order of ids; fewer than a batch are the last. */
async function nextKeys(
  dependencies: ListDependencies,
  context: RequestContext,
  filter: DelegationFilter,
  pin: Pin,
  after: string | undefined,
): Promise<readonly Candidate[]> {
  const tuples = await dependencies.storage.tuples.read(context.tenant, {
    filter: narrowest(filter),
    revision: pin.revision,
    limit: batchSize,
    ...(after === undefined ? {} : { after: parseTupleText(after, "page_token") }),
  });
  return tuples.map((tuple) => ({ id: tuple.object.id, key: formatTuple(tuple) }));
}

/** `undefined` where the filter does not ask what is covered: then the tuples themselves are the list. */
function selectionOf(
  { tool, resource, principal, delegate }: DelegationFilter,
  limits: EngineLimits,
  after: string | undefined,
): DelegationSelection | undefined {
  if (tool === undefined && resource === undefined) return undefined;
  const query = {
    ...(tool === undefined ? {} : { tool }),
    ...(resource === undefined ? {} : { resource }),
    ...(principal === undefined ? {} : { principal }),
    ...(delegate === undefined ? {} : { actor: delegate }),
  };
  return new DelegationSelection(query, limits, after);
}

async function nextSelected(
  dependencies: ListDependencies,
  context: RequestContext,
  listing: DelegationSelection,
  pin: Pin,
): Promise<readonly Candidate[]> {
  const query = { listing, pin, consistency: { kind: "default" as const }, limit: batchSize };
  const { elements } = await readWhole(dependencies, context, query);
  return elements.map((id) => ({ id, key: id }));
}

/** Every delegation has a principal, so that without a filter its tuples are the list. */
function narrowest(filter: DelegationFilter): TupleFilter {
  const of = (relation: string, subject: ObjectRef | undefined): TupleFilter => ({
    objectType: delegationTypeName,
    relation: parseName(relation, "relation"),
    ...(subject === undefined ? {} : { subjectType: subject.type, subjectId: subject.id }),
  });
  const { principal, delegate, parentId } = filter;
  if (parentId !== undefined) {
    return { ...of("parent", undefined), subjectType: delegationTypeName, subjectId: parentId };
  }
  if (principal !== undefined) return of("principal", principal);
  if (delegate !== undefined) return of("delegate", delegate);
  return of("principal", undefined);
}

function matches(delegation: Delegation, filter: DelegationFilter): boolean {
  const { principal, delegate, parentId, labels, includeExpired } = filter;
  return (
    (includeExpired || delegation.state !== "expired") &&
    same(principal, delegation.principal) &&
    same(delegate, delegation.delegate) &&
    (parentId === undefined || parentId === delegation.parentId) &&
    Object.entries(labels).every(([name, value]) => delegation.record?.labels[name] === value)
  );
}

function same(wanted: ObjectRef | undefined, actual: ObjectRef | undefined): boolean {
  if (wanted === undefined) return true;
  return actual !== undefined && sameObject(wanted, actual);
}

function filterJson(filter: DelegationFilter): Json {
  const { principal, delegate, parentId, tool, resource, labels, includeExpired } = filter;
  const text = (object: ObjectRef | undefined): Json =>
    object === undefined ? null : formatObject(object);
  return {
    principal: text(principal),
    delegate: text(delegate),
    parentId: parentId ?? null,
    tool: text(tool),
    resource: text(resource),
    labels: { ...labels },
    includeExpired,
  };
}
