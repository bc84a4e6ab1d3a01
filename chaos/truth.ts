import { setTimeout as sleep } from "node:timers/promises";
import { DomainError } from "../src/core/error.ts";
import type { RelationTuple } from "../src/core/tuple.ts";
import { Database } from "../src/store/database.ts";
import { truncateHistory } from "../src/store/retention.ts";
import type { RelationTupleTable } from "../src/store/schema.ts";
import { tupleOfRow } from "../src/store/tuple-row.ts";

/** What a database says that happened in one tenant: the order of the revisions, and who lived when. */
export interface Truth {
  readonly head: number;
  /** The reason of each revision, which names its write. */
  readonly reasons: readonly string[];
  readonly committedMs: readonly number[];
  readonly tuples: readonly Dated[];
}

interface Dated {
  /** Tells one row from another. */
  readonly key: string;
  readonly tuple: RelationTuple;
  readonly createdAt: number;
  readonly deletedAt: number;
}

interface RevisionRow {
  readonly rev: number;
  readonly reason: string;
  readonly committed_at_ms: number;
}

/** Of one timeline, by tenant. */
export type Truths = ReadonlyMap<string, Truth>;

/** Longer than a database takes that is started again on a busy machine. */
const patienceMs = 30_000;

/** `before` has what the database may have forgotten since. */
export function readTruths(
  connectionString: string,
  tenants: readonly string[],
  before: Truths = new Map(),
): Promise<Truths> {
  return patiently(() => readTruthsNow(connectionString, tenants, before));
}

/** Has the database forget all but the last moments, of which these truths are all that is left. */
export function forgetHistory(connectionString: string, truths: Truths): Promise<void> {
  return patiently(() => forgetHistoryNow(connectionString, truths));
}

export function tuplesAt({ tuples }: Truth, revision: number): readonly RelationTuple[] {
  return tuples
    .filter(({ createdAt, deletedAt }) => createdAt <= revision && revision < deletedAt)
    .map(({ tuple }) => tuple);
}

/** Again, while the database is away: another fault may just have ended it. */
async function patiently<Value>(ask: () => Promise<Value>): Promise<Value> {
  for (const untilMs = performance.now() + patienceMs; ;) {
    try {
      return await ask();
    } catch (error) {
      const isAway = error instanceof DomainError && error.code === "not_serving";
      if (!isAway || performance.now() > untilMs) throw error;
      await sleep(200);
    }
  }
}

async function readTruthsNow(
  connectionString: string,
  tenants: readonly string[],
  before: Truths,
): Promise<Truths> {
  const database = new Database({ connectionString, log: () => {} });
  try {
    const truths = new Map<string, Truth>();
    for (const tenant of tenants) {
      truths.set(tenant, await readTruth(database, tenant, before.get(tenant)));
    }
    return truths;
  } finally {
    await database.close();
  }
}

async function forgetHistoryNow(connectionString: string, truths: Truths): Promise<void> {
  const database = new Database({ connectionString, log: () => {} });
  try {
    for (const [tenant, { committedMs }] of truths) {
      const last = committedMs.at(-1) ?? 0;
      // Another revision may have come in the very millisecond of the last one.
      const known = committedMs.findLast((ms) => ms < last);
      if (known !== undefined) await truncateHistory(database, tenant, known);
    }
  } finally {
    await database.close();
  }
}

async function readTruth(
  database: Database,
  tenant: string,
  before: Truth | undefined,
): Promise<Truth> {
  const { revisions, rows } = await database.snapshot(async (session) => ({
    revisions: await session.query<RevisionRow>(revisionsStatement, [tenant]),
    rows: await session.query<RelationTupleTable>(tuplesStatement, [tenant]),
  }));
  const reasons = [...(before?.reasons ?? [])];
  const committedMs = [...(before?.committedMs ?? [])];
  for (const { rev, reason, committed_at_ms: atMs } of revisions) {
    reasons[rev - 1] = reason;
    committedMs[rev - 1] = atMs;
  }
  const tuples = new Map(before?.tuples.map((dated) => [dated.key, dated]));
  for (const row of rows) {
    const key = `${row.created_rev} ${row.ord}`;
    tuples.set(key, {
      key,
      tuple: tupleOfRow(row),
      createdAt: row.created_rev,
      deletedAt: row.deleted_rev ?? Infinity,
    });
  }
  return { head: reasons.length, reasons, committedMs, tuples: [...tuples.values()] };
}

const revisionsStatement = {
  name: "chaos_revisions",
  text: "select rev, reason, committed_at_ms from revision where tenant_id = $1 order by rev",
};

const tuplesStatement = {
  name: "chaos_tuples",
  text: "select * from relation_tuple where tenant_id = $1",
};
