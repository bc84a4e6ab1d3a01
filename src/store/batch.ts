import type { PoolClient } from "pg";
import type { SigningKey } from "../audit/checkpoint.ts";
import { LiveSum } from "../audit/live-sum.ts";
import type { RevisionChange } from "../core/change.ts";
import { DomainError } from "../core/error.ts";
import { parseRevision, parseTimeline, type ConsistencyToken } from "../core/revision.ts";
import { applyMutation } from "./apply.ts";
import { readBatch } from "./batch-reads.ts";
import { BatchState } from "./batch-state.ts";
import { writeBatch } from "./batch-writes.ts";
import { inOneFlight, sqlStateOf } from "./database-error.ts";
import { readLastDigest, sealRevisions } from "./revision-seal.ts";
import {
  expectNoWarning,
  outcomeUnknown,
  sessionOf,
  type Database,
  type Session,
} from "./database.ts";
import type { HintSeal } from "./hint-seal.ts";
import { notifyCommitted } from "./hints.ts";
import { scanLeasesIn, type LeaseScan } from "./leases.ts";
import type { Mutation, MutationResult } from "./mutation.ts";
import { rowOfTuple, tupleOfRow } from "./tuple-row.ts";

const lockStatement = {
  name: "batch_lock",
  text: `update tenant set head = head + $2,
      head_at_ms = greatest(head_at_ms, prokura_now_ms())
    where id = $1
    returning head, head_at_ms, horizon, active_model_id, live_sum, prokura_timeline() as timeline`,
};

interface LockRow {
  readonly head: number;
  readonly head_at_ms: number;
  readonly horizon: number;
  readonly active_model_id: string | null;
  readonly live_sum: Buffer | null;
  readonly timeline: string;
}

/** What a node puts under what it writes. */
export interface Seals {
  /** For the other nodes; absent: they are told nothing. */
  readonly hint: HintSeal | undefined;
  /** For auditors; absent: nothing is signed. */
  readonly key: SigningKey | undefined;
}

/**
 * Writes the mutations of one tenant in one transaction, each at a revision of its own, in order, and
 * answers each by itself. The lock is a statement of its own and the first: what is read in the same
 * statement as a lock is waited for may be older than the lock.
 *
 * Rejects with `outcome_unknown` where the commit may or may not have happened, with
 * `tenant_not_found`, or with the database's error: then nothing was written.
 */
export function runBatch(
  database: Database,
  tenant: string,
  mutations: readonly Mutation[],
  seals: Seals,
): Promise<readonly MutationResult[]> {
  const { promise, resolve, reject } = Promise.withResolvers<readonly MutationResult[]>();
  database
    .lend("writes", async (client) => {
      const { results, told } = await write(client, tenant, mutations, seals);
      resolve(results);
      // The connection stays lent until all is answered; the writers do not wait for that.
      await told;
    })
    .catch(reject);
  return promise;
}

interface Written {
  readonly results: readonly MutationResult[];
  /** Never rejects: a hint may be lost. */
  readonly told: Promise<unknown>;
}

async function write(
  client: PoolClient,
  tenant: string,
  mutations: readonly Mutation[],
  { hint, key }: Seals,
): Promise<Written> {
  const session = sessionOf(client);
  // One flight: the server runs them one after another.
  const [, locked, reads, previous] = await inOneFlight([
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
    liveSum: lock.live_sum === null ? undefined : new LiveSum(lock.live_sum),
  });
  const timeline = parseTimeline(lock.timeline);
  const { liveDigest: liveBefore } = state;
  const applied = mutations.map((mutation, index) => {
    const result = applyMutation(state, mutation, headBefore + index + 1, timeline);
    return { mutation, result, liveDigest: state.liveDigest };
  });
  const place = { tenant, previous, liveBefore, committedAtMs: lock.head_at_ms, key };
  const revisionSeals = sealRevisions(place, applied);
  const written = applied.map(({ mutation, result }, index) => ({
    ...result,
    digest: revisionSeals[index]?.digest ?? "",
    change: changeOf(mutation, result, lock.head_at_ms),
  }));
  const position = { tenant, timeline, revision: parseRevision(lock.head) };
  const { told } = await settle(client, {
    send: () => writeBatch(session, tenant, state, applied, revisionSeals),
    tell: () => (hint === undefined ? undefined : tell(session, hint, position, written)),
  });
  const { hinted, scanned } = told ?? {};
  return {
    results: written.map((result) => (scanned === undefined ? result : { ...result, scanned })),
    told: Promise.all([hinted, scanned]),
  };
}

interface Told {
  readonly hinted: Promise<void>;
  readonly scanned: Promise<LeaseScan | undefined>;
}

/** The hint goes first: on it the other nodes set to work. */
function tell(
  session: Session,
  seal: HintSeal,
  position: ConsistencyToken,
  written: readonly { readonly digest: string; readonly change: RevisionChange }[],
): Told {
  const digest = written.at(-1)?.digest ?? "";
  const changes = written.map(({ change }) => change);
  return {
    hinted: notifyCommitted(session, seal, { ...position, digest }, changes).catch(() => undefined),
    scanned: scanLeasesIn(session, [position]).catch(() => undefined),
  };
}

function changeOf(
  mutation: Mutation,
  result: MutationResult,
  committedAtMs: number,
): RevisionChange {
  const { operation, reason, caller, activateModelId } = mutation;
  const of = { revision: result.revision, committedAtMs, callerId: caller.id, reason, operation };
  if (result.kind !== "committed") return { ...of, deleted: [], created: [] };
  const { deleted } = result;
  // As it is read again: a stored context is what its text says.
  const created = result.created.map((tuple) =>
    tuple.condition === undefined ? tuple : tupleOfRow(rowOfTuple(tuple)),
  );
  const model = activateModelId === undefined ? {} : { modelId: activateModelId };
  return { ...of, ...model, deleted, created };
}

/**
 * Sends the commit right behind the writes, in the same flight, and finds out what became of it. What is
 * told goes right behind that: it leaves when the commit is done, before this process has heard of it.
 */
async function settle(
  client: PoolClient,
  { send, tell }: { send: () => readonly Promise<unknown>[]; tell: () => Told | undefined },
): Promise<{ readonly told: Told | undefined }> {
  return await expectNoWarning(client, async () => {
    const writes = send();
    const committing = client.query("commit");
    const told = tell();
    const [commit, ...written] = await Promise.allSettled([committing, ...writes]);
    const failed = written.find((each) => each.status === "rejected");
    // PostgreSQL commits nothing of a transaction in which a statement failed.
    if (failed !== undefined && sqlStateOf(failed.reason) !== undefined) throw failed.reason;
    if (commit.status === "rejected") {
      // A conflict that is found at the commit undoes it; after anything else nobody knows.
      if (sqlStateOf(commit.reason)?.startsWith("40") === true) throw commit.reason;
      throw outcomeUnknown(commit.reason);
    }
    if (commit.value.command !== "COMMIT") throw outcomeUnknown(commit.value.command);
    return { told };
  });
}
