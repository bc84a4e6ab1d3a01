import type { Permits } from "../core/caller.ts";
import type { RevisionChange } from "../core/change.ts";
import { delegationType } from "../core/delegation.ts";
import { sameObject, type ObjectRef } from "../core/object.ts";
import { formatToken, parseToken, type Revision, type Timeline } from "../core/revision.ts";
import type { RelationTuple } from "../core/tuple.ts";
import type { Replica } from "../replica/replica.ts";
import { delegationObject } from "./delegation-view.ts";
import type { Evaluator } from "./evaluator.ts";
import type { RequestContext } from "./request.ts";
import type { Storage } from "./storage.ts";
import { pinNow } from "./tuple-reader.ts";
import type { WatchEvent, WatchRequest } from "./tuples.ts";
import { wakeOnApplied } from "./wake.ts";

export interface WatchDependencies {
  readonly evaluator: Evaluator;
  readonly storage: Storage;
  readonly replica: Pick<Replica, "onApplied">;
  readonly permits: Permits;
}

const heartbeatMs = 5_000;

/**
 * Every change after the token in revision order, then each as it comes. History that is gone is
 * said, not skipped, and ends the watch. A reader that is slow holds the changes of one read here, some
 * 5,000 tuples: the next ones are read as it asks for them.
 */
export async function* watchChanges(
  dependencies: WatchDependencies,
  context: RequestContext,
  request: WatchRequest,
): AsyncGenerator<WatchEvent, void, undefined> {
  const { storage, replica, permits } = dependencies;
  const { tenant, signal } = context;
  await permits(context.caller, "operator", { tenant });
  // Subscribes the node to the tenant, so that applied revisions wake this watcher.
  const { token } = request;
  const start = await pinNow(
    dependencies,
    context,
    token === "" ? { kind: "default" } : { kind: "at_least_as_fresh", token },
  );
  const asked = request.token === "" ? undefined : parseToken(request.token, tenant, "token");
  let { timeline, revision } = asked ?? start;
  using wake = wakeOnApplied(replica, tenant, signal);
  yield heartbeat(tenant, timeline, revision);
  let toldMs = performance.now();
  for (;;) {
    const { head, changes } = await storage.tuples.readChanges(tenant, revision);
    if (head.timeline !== timeline || changes === undefined) {
      ({ timeline, revision } = head);
      yield { kind: "resync_required", token: formatToken({ tenant, timeline, revision }) };
      return;
    }
    for (const change of changes) {
      revision = change.revision;
      // What the watcher may has changed, perhaps, since it began.
      await permits(context.caller, "operator", { tenant });
      const shown = await select(dependencies, tenant, change, request);
      if (shown === undefined) continue;
      yield { kind: "change", change: shown, token: formatToken({ tenant, timeline, revision }) };
      toldMs = performance.now();
    }
    // Also where much happens that this watcher does not ask for: its token must not grow old.
    if (performance.now() - toldMs >= heartbeatMs) {
      yield heartbeat(tenant, timeline, revision);
      toldMs = performance.now();
    }
    if (revision < head.revision) continue;
    await wake.next(Math.max(1, Math.ceil(toldMs + heartbeatMs - performance.now())));
    await permits(context.caller, "operator", { tenant });
  }
}

function heartbeat(tenant: string, timeline: Timeline, revision: Revision): WatchEvent {
  return { kind: "heartbeat", token: formatToken({ tenant, timeline, revision }) };
}

/** What of a change the watcher asked for; a change matches if any filter does. */
async function select(
  { storage }: WatchDependencies,
  tenant: string,
  change: RevisionChange,
  request: WatchRequest,
): Promise<RevisionChange | undefined> {
  const { types, objects, principal, delegationId } = request;
  const all =
    types.length === 0 &&
    objects.length === 0 &&
    principal === undefined &&
    delegationId === undefined;
  if (all) return change;
  const owned =
    principal === undefined
      ? new Set<string>()
      : await delegationsOf(storage, tenant, change, principal);
  const wanted = ({ object }: RelationTuple): boolean =>
    types.includes(object.type) ||
    objects.some((one) => sameObject(one, object)) ||
    (object.type === delegationType && (object.id === delegationId || owned.has(object.id)));
  const deleted = change.deleted.filter(wanted);
  const created = change.created.filter(wanted);
  // Another model may change what any of them means.
  if (deleted.length + created.length === 0 && change.modelId === undefined) return undefined;
  return { ...change, deleted, created };
}

/** Ids of the changed delegations whose principal it is, before the change or after it. */
async function delegationsOf(
  storage: Storage,
  tenant: string,
  change: RevisionChange,
  principal: ObjectRef,
): Promise<ReadonlySet<string>> {
  const touched = [...change.deleted, ...change.created].filter(
    ({ object }) => object.type === delegationType,
  );
  const ids = [...new Set(touched.map(({ object }) => object.id))];
  if (ids.length === 0) return new Set();
  const objects = ids.map((id) => delegationObject(id, "delegation_id"));
  const stored = await storage.tuples.readObjects(tenant, change.revision, objects);
  const owned = [...touched, ...stored].filter(
    ({ relation, subject }) =>
      relation === "principal" &&
      subject.kind === "object" &&
      sameObject(subject.object, principal),
  );
  return new Set(owned.map(({ object }) => object.id));
}
