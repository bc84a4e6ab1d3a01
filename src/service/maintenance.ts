import type { Caller } from "../core/caller.ts";

import type { RelationTuple } from "../core/tuple.ts";
import type { Replica } from "../replica/replica.ts";
import type { Mutation, TupleStep } from "../store/mutation.ts";
import type { Storage } from "./storage.ts";

/** What grows old is removed; no answer depends on it. */
export interface Upkeep {
  readonly storage: Storage;
  readonly replica: Pick<Replica, "enforce">;
  readonly aged: AgedStorage;
  /** How long history and expired tuples are kept. */
  readonly windowMs: number;
  readonly killMs: number;
}

/** What the upkeep asks of the database beside the use cases' storage. */
export interface AgedStorage {
  /** By the database's clock. */
  readonly readNowMs: () => Promise<number>;
  readonly truncateHistory: (tenant: string, beforeMs: number) => Promise<unknown>;
  readonly forgetReplies: (tenant: string, beforeMs: number) => Promise<unknown>;
  readonly findExpired: (
    tenant: string,
    beforeMs: number,
    limit: number,
  ) => Promise<readonly RelationTuple[]>;
  /** Tuples of delegations that have none of their identity tuples left. */
  readonly findOrphans: (tenant: string, limit: number) => Promise<readonly RelationTuple[]>;
}

const repliesKeptMs = 24 * 3_600_000;
const sweepTuples = 1_000;
const tenantsAtOnce = 200;
const sweeper: Caller = { id: "maintenance", proof: { kind: "process" } };

/**
 * Goes once over all tenants: deletes, as ordinary revisions, tuples that expired before the window
 * and what revoked delegations left behind; then truncates the history and forgets old replies.
 * Several nodes may do it at once: each step is harmless to repeat.
 */
export async function maintain(upkeep: Upkeep, signal: AbortSignal): Promise<void> {
  const { storage, aged, windowMs } = upkeep;
  let after: string | undefined;
  do {
    const page = after === undefined ? {} : { after };
    const tenants = await storage.tenants.list({ ...page, limit: tenantsAtOnce });
    for (const { tenant } of tenants) {
      if (signal.aborted) return;
      const nowMs = await aged.readNowMs();
      const beforeMs = nowMs - windowMs;
      await sweep(upkeep, tenant, async () => {
        const expired = await aged.findExpired(tenant, beforeMs, sweepTuples);
        return expired.map((tuple) => ({ kind: "delete_expired", tuple, beforeMs }));
      });
      await sweep(upkeep, tenant, async () => {
        const orphans = await aged.findOrphans(tenant, sweepTuples);
        return orphans.map((tuple) => ({ kind: "delete", tuple }));
      });
      await aged.truncateHistory(tenant, beforeMs);
      await aged.forgetReplies(tenant, nowMs - repliesKeptMs);
    }
    after = tenants.length < tenantsAtOnce ? undefined : tenants.at(-1)?.tenant;
  } while (after !== undefined);
}

/** Deletes what is found until nothing is, each batch with its barrier (REVOCATION W7). */
async function sweep(
  { storage, replica, killMs }: Upkeep,
  tenant: string,
  find: () => Promise<readonly TupleStep[]>,
): Promise<void> {
  for (;;) {
    const steps = await find();
    if (steps.length === 0) return;
    const result = await storage.write(mutationOf(tenant, steps));
    await replica.enforce(tenant, result.timeline, result.revision, killMs * 2);
    // What was found may have been renewed meanwhile, and is then left out: it is looked for again.
    if (result.kind !== "committed" || result.deleted.length === 0) return;
  }
}

function mutationOf(tenant: string, steps: readonly TupleStep[]): Mutation {
  return {
    tenant,
    caller: sweeper,
    operation: "sweep",
    reason: "",
    steps,
    preconditions: [],
    records: [],
    urgent: false,
  };
}
