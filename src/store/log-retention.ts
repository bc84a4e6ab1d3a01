import type { Database, Statement } from "./database.ts";

/** The part of a chain that is older than is kept. */
export interface AgedRows extends AgedRevision {
  readonly chain: string;
}

/** The last that is too old, and its hash or digest, in hexadecimal. */
export interface AgedRevision {
  readonly through: number;
  readonly hash: string;
}

const batchSegments = 500;
const batchRevisions = 5_000;

/**
 * What there is of each chain from before that time, up to the last whole segment; and what is gone
 * already, where the row that said so is from before the second time.
 */
export async function findAgedRows(
  database: Database,
  tenant: string,
  beforeMs: number,
  notedBeforeMs: number,
): Promise<readonly AgedRows[]> {
  const rows = await database.query<{
    readonly chain: string;
    readonly last_seq: number;
    readonly hash: Buffer;
  }>("reads", agedStatement, [tenant, beforeMs, notedBeforeMs]);
  return rows.map((row) => ({
    chain: row.chain,
    through: row.last_seq,
    hash: row.hash.toString("hex"),
  }));
}

/** Deletes those rows, by the batch, and the checkpoints on them. A chain must have said so, just now. */
export async function deleteAgedRows(
  database: Database,
  tenant: string,
  { chain, through, hash }: AgedRows,
  notedMs: number,
): Promise<void> {
  await noteAged(database, tenant, chain, { through, hash }, notedMs);
  const values = [tenant, chain, through, batchSegments];
  for (;;) {
    const rows = await database.query("hints", segmentStatement, values);
    if (rows.length < batchSegments) break;
  }
  await database.query("hints", checkpointStatement, [tenant, chain, through]);
}

/**
 * The last revision that was written before that time and lies below the horizon, with its digest; or
 * the last that is gone already, as above.
 */
export async function findAgedRevision(
  database: Database,
  tenant: string,
  beforeMs: number,
  notedBeforeMs: number,
): Promise<AgedRevision | undefined> {
  const [row] = await database.query<{ readonly rev: number; readonly digest: Buffer | null }>(
    "reads",
    agedRevisionStatement,
    [tenant, beforeMs, notedBeforeMs],
  );
  return row === undefined
    ? undefined
    : { through: row.rev, hash: row.digest?.toString("hex") ?? "" };
}

/** Forgets who wrote revisions up to that one: what they changed is gone already. A chain must say so first. */
export async function deleteAgedRevisions(
  database: Database,
  tenant: string,
  aged: AgedRevision,
  notedMs: number,
): Promise<void> {
  await noteAged(database, tenant, "", aged, notedMs);
  const { through } = aged;
  const values = [tenant, through, batchRevisions];
  for (;;) {
    const rows = await database.query("hints", revisionStatement, values);
    if (rows.length < batchRevisions) return;
  }
}

async function noteAged(
  database: Database,
  tenant: string,
  chain: string,
  { through, hash }: AgedRevision,
  notedMs: number,
): Promise<void> {
  const values = [tenant, chain, through, Buffer.from(hash, "hex"), notedMs];
  await database.query("hints", makeStatement, [tenant, chain]);
  await database.query("hints", noteStatement, values);
}

const makeStatement: Statement = {
  name: "log_aged_make",
  text: "insert into log_chain (tenant_id, chain) values ($1, $2) on conflict do nothing",
};

const noteStatement: Statement = {
  name: "log_aged_note",
  text: `update log_chain set aged_through = greatest(aged_through, $3::bigint),
      aged_hash = case when aged_through > $3 then aged_hash else $4 end, aged_noted_ms = $5
    where tenant_id = $1 and chain = $2`,
};

const agedStatement: Statement = {
  name: "log_aged",
  text: `select c.chain, coalesce(s.last_seq, c.aged_through) as last_seq,
      coalesce(s.hash, c.aged_hash) as hash
    from log_chain c left join lateral (
      select s.last_seq, substring(s.hashes from octet_length(s.hashes) - 31) as hash
      from log_segment s
      where s.tenant_id = c.tenant_id and s.chain = c.chain and s.to_ms < $2
        and s.first_seq < (select coalesce(min(k.first_seq), 9007199254740991) from log_segment k
          where k.tenant_id = c.tenant_id and k.chain = c.chain and k.to_ms >= $2)
      order by s.first_seq desc limit 1) s on true
    where c.tenant_id = $1 and c.chain <> '' and (s.last_seq is not null or c.aged_noted_ms < $3)`,
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
const agedRevisionStatement: Statement = {
  name: "log_aged_revision",
  text: `(select r.rev, r.digest from revision r join tenant t on t.id = r.tenant_id
      where r.tenant_id = $1 and r.rev < t.horizon and r.rev < coalesce((select k.rev from revision k
        where k.tenant_id = $1 and k.committed_at_ms >= $2 order by k.rev limit 1), t.horizon)
      order by r.rev desc limit 1)
    union all
    (select c.aged_through, c.aged_hash from log_chain c
      where c.tenant_id = $1 and c.chain = '' and c.aged_noted_ms < $3)
    order by rev desc limit 1`,
};

const revisionStatement: Statement = {
  name: "log_aged_revisions",
  text: `with gone as (select rev from revision where tenant_id = $1 and rev <= $2 order by rev limit $3)
    delete from revision r using gone where r.tenant_id = $1 and r.rev = gone.rev returning 1`,
};
