import type { Permits } from "../core/caller.ts";
import type { TupleFilter } from "../core/tuple.ts";
import type { ApiKeys } from "./api-keys.ts";
import type { Delegations, Offboarded, OffboardRequest } from "./delegations.ts";
import type { Mutator } from "./mutator.ts";
import type { MutationOptions, RequestContext, WriteResult } from "./request.ts";
import type { KeyStorage } from "./storage.ts";
import { callerObject, systemTenant } from "./system-graph.ts";
import type { Tuples } from "./tuples.ts";

interface Ports {
  readonly permits: Permits;
  readonly mutator: Mutator;
  readonly keyStorage: Pick<KeyStorage, "madeBy">;
  readonly delegations: Pick<Delegations, "suspend" | "revoke">;
  readonly tuples: Pick<Tuples, "delete">;
  readonly keys: Pick<ApiKeys, "revoke">;
}

const pieceTuples = 1_000;
const pageKeys = 1_000;

/**
 * Ends all that a principal or agent has. The suspension comes first and is in force before the rest
 * begins; the rest waits for the nodes once, at its end. What was done before an error stays done.
 */
export async function offboard(
  ports: Ports,
  context: RequestContext,
  { principal, callerIds }: OffboardRequest,
  options: MutationOptions,
): Promise<Offboarded> {
  const { permits, mutator, delegations } = ports;
  const { tenant, caller } = context;
  await permits(caller, "operator", { tenant });
  await permits(caller, "writer", { tenant });
  if (callerIds.length > 0) await permits(caller, "admin", { tenant: systemTenant });
  const { suspensionId } = await delegations.suspend(context, principal, options);
  const withdrawn = await withdraw(ports, context, callerIds, options);
  const revokedKeyIds = await revokeKeys(ports, context, callerIds, options);
  const unhurried = { ...options, skipBarrier: true };
  let revoked = 0;
  for (const selector of [{ principal }, { actor: principal }]) {
    const answer = await delegations.revoke(context, { selector, dryRun: false }, unhurried);
    revoked += answer.total;
  }
  const { type: subjectType, id: subjectId } = principal;
  const startedMs = performance.now();
  const { deleted, last } = await deleteAll(ports, context, { subjectType, subjectId }, unhurried);
  const { timeline, revision } = last;
  const result = await mutator.enforce(context, options, { tenant, timeline, revision }, startedMs);
  return { suspensionId, revoked, deleted, withdrawn, revokedKeyIds, result };
}

/** Deletes what names the callers in the system tenant, holders of keys included. */
async function withdraw(
  ports: Ports,
  context: RequestContext,
  callerIds: readonly string[],
  options: MutationOptions,
): Promise<number> {
  let withdrawn = 0;
  for (const callerId of callerIds) {
    const { type: subjectType, id: subjectId } = callerObject(callerId);
    const filter = { subjectType, subjectId };
    withdrawn += (await deleteAll(ports, inTenant(context, systemTenant), filter, options)).deleted;
  }
  return withdrawn;
}

/** Keys that the callers made, and that were made with those: whoever made one has seen the secret. */
async function revokeKeys(
  { keyStorage, keys }: Ports,
  context: RequestContext,
  makers: readonly string[],
  options: MutationOptions,
): Promise<readonly string[]> {
  const revoked: string[] = [];
  if (makers.length === 0) return revoked;
  // Until none is left: one that was alive may have made another meanwhile.
  for (;;) {
    const page = await keyStorage.madeBy(makers, { without: revoked, limit: pageKeys });
    if (page.length === 0) return revoked;
    for (const { id, tenant } of page) {
      await keys.revoke(inTenant(context, tenant), id, options);
      revoked.push(id);
    }
    context.signal.throwIfAborted();
  }
}

/** In pieces, so that other writes come in between. */
async function deleteAll(
  { tuples }: Ports,
  context: RequestContext,
  filter: TupleFilter,
  options: MutationOptions,
): Promise<{ readonly deleted: number; readonly last: WriteResult }> {
  let deleted = 0;
  for (;;) {
    const request = { filter, limit: pieceTuples, dryRun: false };
    const piece = await tuples.delete(context, request, options);
    deleted += piece.deleted;
    if (!piece.more && piece.result !== undefined) return { deleted, last: piece.result };
    context.signal.throwIfAborted();
  }
}

function inTenant(context: RequestContext, tenant: string): RequestContext {
  const { caller, signal, deadlineMs } = context;
  const deadline = deadlineMs === undefined ? {} : { deadlineMs };
  return { caller, signal, tenant, ...deadline };
}
