import { parseRevision, type Revision } from "../core/revision.ts";
import type { RelationTuple } from "../core/tuple.ts";
import { onlyRow, type Database, type Statement } from "./database.ts";
import type { TupleRow } from "./schema.ts";
import { findRevisionAt } from "./revisions.ts";
import { tupleColumns, tupleOfRow } from "./tuple-row.ts";

const batchRows = 5_000;

/**
 * Moves the horizon to the last revision that is older than the window, commits that, and only then
 * deletes what lies below, by the batch. Breaking it off at any point is harmless. Returns the horizon.
 * Who wrote a revision, and why, is kept as long as the log of decisions.
 */
export async function truncateHistory(
  database: Database,
  tenant: string,
  beforeMs: number,
): Promise<Revision> {
  const wanted = await database.snapshot((session) => findRevisionAt(session, tenant, beforeMs));
  const [row] = await database.query<{ readonly horizon: number }>("writes", horizonStatement, [
    tenant,
    wanted ?? 0,
  ]);
  const horizon = parseRevision(row?.horizon ?? 0);
  await deleteAll(database, tupleStatement, [tenant, horizon]);
  await deleteAll(database, recordStatement, [tenant, horizon]);
  return horizon;
}

const timeStatement: Statement = {
  name: "retention_time",
  text: "select prokura_now_ms() as now_ms",
};

/** By the database's clock, which all expiries are judged by: a node's may be wrong by hours. */
export async function readDatabaseTime(database: Database): Promise<number> {
  const rows = await database.query<{ readonly now_ms: number }>("reads", timeStatement, []);
  return onlyRow(rows).now_ms;
}

/** Forgets the answers to requests of before that time. */
export async function forgetReplies(
  database: Database,
  tenant: string,
  beforeMs: number,
): Promise<number> {
  return await deleteAll(database, replyStatement, [tenant, beforeMs]);
}

/**
 * Live tuples that expired before that time, the longest expired first. They are deleted by an
 * ordinary mutation of `delete_expired` steps, which leaves out what was renewed meanwhile.
 */
export async function findExpiredTuples(
  database: Database,
  tenant: string,
  beforeMs: number,
  limit: number,
): Promise<readonly RelationTuple[]> {
  const values = [tenant, beforeMs, limit];
  return (await database.query<TupleRow>("reads", expiredStatement, values)).map(tupleOfRow);
}

/** Where nothing has grown old nothing is written: every node asks for every tenant, again and again. */
const horizonStatement: Statement = {
  name: "retention_horizon",
  text: `with moved as (update tenant set horizon = least($2::bigint, head)
      where id = $1 and horizon < least($2::bigint, head) returning horizon)
    select coalesce((select horizon from moved), (select horizon from tenant where id = $1), 0)
      as horizon`,
};

const tupleStatement: Statement = {
  name: "retention_tuples",
  text: `with gone as (select created_rev, ord from relation_tuple
      where tenant_id = $1 and deleted_rev <= $2 order by deleted_rev limit $3)
    delete from relation_tuple t using gone
    where t.tenant_id = $1 and t.created_rev = gone.created_rev and t.ord = gone.ord returning 1`,
};

const recordStatement: Statement = {
  name: "retention_records",
  text: `with gone as (select d.id from delegation_record d
        join retired_delegation r on r.tenant_id = d.tenant_id and r.id = d.id
      where d.tenant_id = $1 and r.rev <= $2 limit $3)
    delete from delegation_record d using gone where d.tenant_id = $1 and d.id = gone.id returning 1`,
};

const replyStatement: Statement = {
  name: "retention_replies",
  text: `with gone as (select caller_id, key from idempotency
      where tenant_id = $1 and created_at_ms < $2 order by created_at_ms limit $3)
    delete from idempotency i using gone
    where i.tenant_id = $1 and i.caller_id = gone.caller_id and i.key = gone.key returning 1`,
};

const expiredStatement: Statement = {
  name: "retention_expired",
  text: `select ${tupleColumns.join(", ")} from relation_tuple
    where tenant_id = $1 and deleted_rev is null and expires_at_ms < $2
    order by expires_at_ms limit $3`,
};

async function deleteAll(
  database: Database,
  statement: Statement,
  values: readonly unknown[],
): Promise<number> {
  for (let total = 0; ;) {
    const rows = await database.query("hints", statement, [...values, batchRows]);
    total += rows.length;
    if (rows.length < batchRows) return total;
  }
}
