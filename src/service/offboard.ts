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
  readonly keyStorage: Pick<KeyStorage, "list">;
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
  const revokedKeyIds = await revokeKeys(ports, context, new Set(callerIds), options);
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
    withdrawn += (await deleteAll(ports, inSystem(context), filter, options)).deleted;
  }
  return withdrawn;
}

/** Keys of this tenant and of the deployment that the callers made: they have seen the secrets. */
async function revokeKeys(
  { keyStorage, keys }: Ports,
  context: RequestContext,
  makers: ReadonlySet<string>,
  options: MutationOptions,
): Promise<readonly string[]> {
  const revoked: string[] = [];
  if (makers.size === 0) return revoked;
  for (const within of [context, inSystem(context)]) {
    let after = "";
    for (;;) {
      const page = await keyStorage.list(within.tenant, { after, limit: pageKeys });
      for (const { id, createdBy } of page) {
        if (!makers.has(createdBy)) continue;
        await keys.revoke(within, id, options);
        revoked.push(id);
      }
      if (page.length < pageKeys) break;
      after = page.at(-1)?.id ?? "";
    }
    if (context.tenant === systemTenant) break;
  }
  return revoked;
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

function inSystem(context: RequestContext): RequestContext {
  const { caller, signal, deadlineMs } = context;
  const deadline = deadlineMs === undefined ? {} : { deadlineMs };
  return { caller, signal, tenant: systemTenant, ...deadline };
}
