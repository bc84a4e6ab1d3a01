import type { Database, Statement } from "./database.ts";

/** The part of a chain that is older than is kept. */
export interface AgedRows {
  readonly chain: string;
  /** The last of them, and its hash. */
  readonly through: number;
  readonly hash: string;
}

const batchSegments = 500;

/** What there is of each chain from before that time, up to the last whole segment. */
export async function findAgedRows(
  database: Database,
  tenant: string,
  beforeMs: number,
): Promise<readonly AgedRows[]> {
  const rows = await database.query<{
    readonly chain: string;
    readonly last_seq: number;
    readonly hash: Buffer;
  }>("reads", agedStatement, [tenant, beforeMs]);
  return rows.map((row) => ({
    chain: row.chain,
    through: row.last_seq,
    hash: row.hash.toString("hex"),
  }));
}

/** Deletes those rows, by the batch, and the checkpoints on them. The chain must say so first. */
export async function deleteAgedRows(
  database: Database,
  tenant: string,
  { chain, through }: AgedRows,
): Promise<void> {
  const values = [tenant, chain, through, batchSegments];
  for (;;) {
    const rows = await database.query("hints", segmentStatement, values);
    if (rows.length < batchSegments) break;
  }
  await database.query("hints", checkpointStatement, [tenant, chain, through]);
}

/** Forgets who wrote revisions of before that time, below the horizon: what they changed is gone. */
export async function forgetRevisions(
  database: Database,
  tenant: string,
  beforeMs: number,
): Promise<void> {
  const values = [tenant, beforeMs, 5_000];
  for (;;) {
    const rows = await database.query("hints", revisionStatement, values);
    if (rows.length < 5_000) return;
  }
}

const agedStatement: Statement = {
  name: "log_aged",
  text: `select c.chain, s.last_seq, substring(s.hashes from octet_length(s.hashes) - 31) as hash
    from log_chain c cross join lateral (
      select s.last_seq, s.hashes from log_segment s
      where s.tenant_id = c.tenant_id and s.chain = c.chain and s.from_ms < $2
        and s.first_seq < (select coalesce(min(k.first_seq), 9007199254740991) from log_segment k
          where k.tenant_id = c.tenant_id and k.chain = c.chain and k.to_ms >= $2)
      order by s.first_seq desc limit 1) s
    where c.tenant_id = $1`,
};

const segmentStatement: Statement = {
  name: "log_aged_delete",
  text: `with gone as (select first_seq from log_segment
      where tenant_id = $1 and chain = $2 and last_seq <= $3 order by first_seq limit $4)
    delete from log_segment s using gone
    where s.tenant_id = $1 and s.chain = $2 and s.first_seq = gone.first_seq returning 1`,
};

const checkpointStatement: Statement = {
  name: "log_aged_checkpoints",
  text: "delete from log_checkpoint where tenant_id = $1 and chain = $2 and seq < $3",
};

/** The horizon's own row says when it was: it stays. */
const revisionStatement: Statement = {
  name: "log_aged_revisions",
  text: `with gone as (select r.rev from revision r join tenant t on t.id = r.tenant_id
      where r.tenant_id = $1 and r.committed_at_ms < $2 and r.rev < t.horizon
      order by r.rev limit $3)
    delete from revision r using gone where r.tenant_id = $1 and r.rev = gone.rev returning 1`,
};
