import type { Database, Statement } from "./database.ts";
import { findRevisionAt } from "./revisions.ts";
import { readHeadIn } from "./tenants.ts";

/** How far a chain is old. */
export interface AgedChain {
  readonly chain: string;
  /** Up to this row its segments are from before the time, or are gone already; 0: none are. */
  readonly through: number;
  /** Whether any of them is still there. */
  readonly isLeft: boolean;
  readonly headSeq: number;
}

const batchSegments = 500;
const batchRevisions = 5_000;
const candidatesMax = 100;

/** The chains of a tenant, and how far they are from before that time. */
export async function findAgedChains(
  database: Database,
  tenant: string,
  beforeMs: number,
): Promise<readonly AgedChain[]> {
  const rows = await database.query<{
    readonly chain: string;
    readonly through: number;
    readonly is_left: boolean;
    readonly head_seq: number;
  }>("reads", agedStatement, [tenant, beforeMs]);
  return rows.map((row) => ({
    chain: row.chain,
    through: row.through,
    isLeft: row.is_left,
    headSeq: row.head_seq,
  }));
}

/** What was signed of the chain's rows up to that one, the last first: some of the last. */
export async function lastCheckpointBodies(
  database: Database,
  tenant: string,
  chain: string,
  through: number,
): Promise<readonly string[]> {
  const values = [tenant, chain, through, candidatesMax];
  const rows = await database.query<{ readonly body: string }>("reads", bodiesStatement, values);
  return rows.map(({ body }) => body);
}

/**
 * Deletes the segments up to that row, by the batch, and the checkpoints before it. With each batch
 * the chain says where it begins from then on.
 */
export async function deleteAgedRows(
  database: Database,
  tenant: string,
  chain: string,
  through: number,
): Promise<void> {
  const values = [tenant, chain, through, batchSegments];
  for (;;) {
    const rows = await database.query("hints", segmentStatement, values);
    if (rows.length < batchSegments) break;
  }
  await database.query("hints", checkpointStatement, [tenant, chain, through]);
}

/** Whether anything is gone from the log of the tenant. */
export async function isLogTruncated(database: Database, tenant: string): Promise<boolean> {
  return (await database.query("reads", truncatedStatement, [tenant])).length > 0;
}

/** The last revision that was written before that time and lies below the horizon; 0: there is none. */
export async function findAgedRevision(
  database: Database,
  tenant: string,
  beforeMs: number,
): Promise<number> {
  const [row] = await database.query<{ readonly rev: number }>("reads", agedRevisionStatement, [
    tenant,
    beforeMs,
  ]);
  return row?.rev ?? 0;
}

/** Whether anything lies above the horizon that was changed up to that time. */
export async function hasOldHistory(
  database: Database,
  tenant: string,
  beforeMs: number,
): Promise<boolean> {
  return database.snapshot(async (session) => {
    const { horizon } = await readHeadIn(session, tenant);
    const last = await findRevisionAt(session, tenant, beforeMs);
    return last !== undefined && last > horizon;
  });
}

/** Forgets who wrote revisions up to that one: what they changed is gone already. */
export async function deleteAgedRevisions(
  database: Database,
  tenant: string,
  through: number,
): Promise<void> {
  await database.query("hints", makeStatement, [tenant]);
  const values = [tenant, through, batchRevisions];
  for (;;) {
    const rows = await database.query("hints", revisionStatement, values);
    if (rows.length < batchRevisions) return;
  }
}

const agedStatement: Statement = {
  name: "log_aged",
  text: `select c.chain, c.head_seq, coalesce(s.last_seq, c.aged_through, 0) as through,
      s.last_seq is not null as is_left
    from log_chain c left join lateral (
      select s.last_seq from log_segment s
      where s.tenant_id = c.tenant_id and s.chain = c.chain and s.to_ms < $2
        and s.first_seq < (select coalesce(min(k.first_seq), 9007199254740991) from log_segment k
          where k.tenant_id = c.tenant_id and k.chain = c.chain and k.to_ms >= $2)
      order by s.first_seq desc limit 1) s on true
    where c.tenant_id = $1 and c.chain <> ''`,
};

const bodiesStatement: Statement = {
  name: "log_aged_bodies",
  text: `select body from log_checkpoint
    where tenant_id = $1 and chain = $2 and seq <= $3 order by seq desc limit $4`,
};

const segmentStatement: Statement = {
  name: "log_aged_delete",
  text: `with gone as (select first_seq, last_seq, hashes from log_segment
      where tenant_id = $1 and chain = $2 and last_seq <= $3 order by first_seq limit $4),
    based as (update log_chain c set aged_through = l.last_seq,
        aged_hash = substring(l.hashes from octet_length(l.hashes) - 31)
      from (select * from gone order by first_seq desc limit 1) l
      where c.tenant_id = $1 and c.chain = $2)
    delete from log_segment s using gone
    where s.tenant_id = $1 and s.chain = $2 and s.first_seq = gone.first_seq returning 1`,
};

/** The last that names a revision stays: it says how old revisions are. */
const checkpointStatement: Statement = {
  name: "log_aged_checkpoints",
  text: `delete from log_checkpoint where tenant_id = $1 and chain = $2
    and seq < coalesce((select k.seq from log_checkpoint k
      where k.tenant_id = $1 and k.chain = $2 and k.seq <= $3 and position('"revision":' in k.body) > 0
      order by k.seq desc limit 1), $3)`,
};

const truncatedStatement: Statement = {
  name: "log_truncated",
  text: "select 1 from log_chain where tenant_id = $1 and aged_through > 0 limit 1",
};

/** The horizon's own row says when it was: it stays. */
const agedRevisionStatement: Statement = {
  name: "log_aged_revision",
  text: `select r.rev from revision r join tenant t on t.id = r.tenant_id
    where r.tenant_id = $1 and r.rev < t.horizon and r.rev < coalesce((select k.rev from revision k
      where k.tenant_id = $1 and k.committed_at_ms >= $2 order by k.rev limit 1), t.horizon)
    order by r.rev desc limit 1`,
};

/** The chain with the empty name stands for the changes. */
const makeStatement: Statement = {
  name: "log_aged_make",
  text: "insert into log_chain (tenant_id, chain) values ($1, '') on conflict do nothing",
};

const revisionStatement: Statement = {
  name: "log_aged_revisions",
  text: `with gone as (select rev, digest, live_digest from revision
      where tenant_id = $1 and rev <= $2 order by rev limit $3),
    based as (update log_chain c set aged_through = l.rev, aged_hash = coalesce(l.digest, ''::bytea) || coalesce(l.live_digest, ''::bytea)
      from (select * from gone order by rev desc limit 1) l
      where c.tenant_id = $1 and c.chain = '')
    delete from revision r using gone where r.tenant_id = $1 and r.rev = gone.rev returning 1`,
};
