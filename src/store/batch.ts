import type { PoolClient } from "pg";
import { DomainError } from "../core/error.ts";
import { parseTimeline } from "../core/revision.ts";
import { applyMutation } from "./apply.ts";
import { readBatch } from "./batch-reads.ts";
import { BatchState } from "./batch-state.ts";
import { writeBatch } from "./batch-writes.ts";
import { sqlStateOf } from "./database-error.ts";
import { readLastDigest, sealRevisions } from "./revision-seal.ts";
import { expectNoWarning, outcomeUnknown, sessionOf, type Database } from "./database.ts";
import type { Mutation, MutationResult } from "./mutation.ts";

const lockStatement = {
  name: "batch_lock",
  text: `update tenant set head = head + $2,
      head_at_ms = greatest(head_at_ms, prokura_now_ms())
    where id = $1
    returning head, head_at_ms, horizon, active_model_id, prokura_timeline() as timeline`,
};

interface LockRow {
  readonly head: number;
  readonly head_at_ms: number;
  readonly horizon: number;
  readonly active_model_id: string | null;
  readonly timeline: string;
}

/**
 * Writes the mutations of one tenant in one transaction, each at a revision of its own, in order, and
 * answers each by itself. The lock is a statement of its own and the first: what is read in the same
 * statement as a lock is waited for may be older than the lock.
 *
 * Rejects with `outcome_unknown` where the commit may or may not have happened, with
 * `tenant_not_found`, or with the database's error: then nothing was written.
 */
export async function runBatch(
  database: Database,
  tenant: string,
  mutations: readonly Mutation[],
): Promise<readonly MutationResult[]> {
  return await database.lend("writes", async (client) => {
    const session = sessionOf(client);
    // One flight: the server runs them one after another.
    const [, locked, reads, lastDigest] = await Promise.all([
      client.query("begin isolation level read committed"),
      session.query<LockRow>(lockStatement, [tenant, mutations.length]),
      readBatch(session, tenant, mutations),
      readLastDigest(session, tenant),
    ]);
    const [lock] = locked;
    if (lock === undefined) {
      await client.query("rollback");
      throw new DomainError("tenant_not_found", `there is no tenant \`${tenant}\``);
    }
    const headBefore = lock.head - mutations.length;
    const state = new BatchState({
      ...reads,
      nowMs: lock.head_at_ms,
      horizon: lock.horizon,
      headBefore,
      activeModelId: lock.active_model_id ?? undefined,
    });
    const timeline = parseTimeline(lock.timeline);
    const results = mutations.map((mutation, index) =>
      applyMutation(state, mutation, headBefore + index + 1, timeline),
    );
    const seals = sealRevisions(tenant, lastDigest, lock.head_at_ms, mutations, results);
    await settle(client, () => writeBatch(session, tenant, state, mutations, results, seals));
    return results.map((result, index) => ({ ...result, digest: seals[index]?.digest ?? "" }));
  });
}

/** Sends the commit right behind the writes, in the same flight, and finds out what became of it. */
async function settle(client: PoolClient, write: () => readonly Promise<unknown>[]): Promise<void> {
  await expectNoWarning(client, async () => {
    const writes = write();
    const [commit, ...written] = await Promise.allSettled([client.query("commit"), ...writes]);
    const failed = written.find((each) => each.status === "rejected");
    // PostgreSQL commits nothing of a transaction in which a statement failed.
    if (failed !== undefined && sqlStateOf(failed.reason) !== undefined) throw failed.reason;
    if (commit.status === "rejected") {
      // A conflict that is found at the commit undoes it; after anything else nobody knows.
      if (sqlStateOf(commit.reason)?.startsWith("40") === true) throw commit.reason;
      throw outcomeUnknown(commit.reason);
    }
    if (commit.value.command !== "COMMIT") throw outcomeUnknown(commit.value.command);
  });
}
