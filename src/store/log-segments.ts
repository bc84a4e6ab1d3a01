import { splitHashes } from "../audit/chain.ts";
import type { ChainPart, CheckpointPart, SegmentPart } from "../audit/log-part.ts";
import { unpackRows } from "../audit/packing.ts";
import type { Database, Statement } from "./database.ts";

/** Where a segment stands in the order of time. */
export interface SegmentKey {
  readonly fromMs: number;
  readonly chain: string;
  readonly firstSeq: number;
}

/** Which segments may have rows that are looked for. */
export interface SegmentQuery {
  readonly sinceMs: number;
  /** Not included. */
  readonly untilMs: number;
  /** All of them are in the segment, in whatever rows. */
  readonly terms: readonly number[];
  /** The first to be looked at. */
  readonly from?: SegmentKey;
  readonly newestFirst: boolean;
  readonly limit: number;
}

/** Segments that may have what is looked for, in the order of the time when they begin. */
export async function findSegments(
  database: Database,
  tenant: string,
  query: SegmentQuery,
): Promise<readonly SegmentPart[]> {
  const { sinceMs, untilMs, terms, from, newestFirst, limit } = query;
  const [sign, order] = newestFirst ? ["<=", "desc"] : [">=", "asc"];
  const values: unknown[] = [tenant, sinceMs, untilMs, limit];
  const where = ["tenant_id = $1", "to_ms >= $2", "from_ms < $3"];
  if (terms.length > 0) where.push(`terms @> $${values.push(terms)}::bigint[]`);
  if (from !== undefined) {
    const first = values.push(from.fromMs, from.chain, from.firstSeq) - 2;
    where.push(`(from_ms, chain, first_seq) ${sign} ($${first}, $${first + 1}, $${first + 2})`);
  }
  // No name: how common a term is decides which index serves, and a kept plan does not know.
  const text = `select ${columns} from log_segment where ${where.join(" and ")}
    order by from_ms ${order}, chain ${order}, first_seq ${order} limit $4`;
  return (await database.readOnce<SegmentRow>(text, values)).map(partOfRow);
}

/** The segments whose decisions' ids, of that source, lie around the number. */
export async function findDecision(
  database: Database,
  tenant: string,
  decision: { readonly source: string; readonly count: number },
): Promise<readonly SegmentPart[]> {
  const values = [tenant, decision.source, decision.count];
  return (await database.query<SegmentRow>("reads", decisionStatement, values)).map(partOfRow);
}

/** Where a chain begins and ends, and the first of its segments, as of one time. */
export async function readChainStart(
  database: Database,
  tenant: string,
  chain: string,
  limit: number,
): Promise<{ readonly part: ChainPart; readonly segments: readonly SegmentPart[] }> {
  return database.snapshot(async (session) => {
    const [heads, rows] = await Promise.all([
      session.query<ChainRow>(startStatement, [tenant, chain]),
      session.query<SegmentRow>(chainStatement, [tenant, chain, -1, limit]),
    ]);
    const part = chainOfRow({ ...noHead, ...heads[0], chain });
    return { part, segments: rows.map(partOfRow) };
  });
}

/** The segments of a chain in order, after that of the row. */
export async function readChain(
  database: Database,
  tenant: string,
  chain: string,
  afterSeq: number,
  limit: number,
): Promise<readonly SegmentPart[]> {
  const values = [tenant, chain, afterSeq, limit];
  return (await database.query<SegmentRow>("reads", chainStatement, values)).map(partOfRow);
}

/** The names of the chains, in order; also of those of which there are only segments. */
export async function listChains(database: Database, tenant: string): Promise<readonly string[]> {
  const rows = await database.query<Pick<ChainRow, "chain">>("reads", chainsStatement, [tenant]);
  return rows.map(({ chain }) => chain);
}

/** In the order of chain and row, after that of the checkpoint. */
export async function readCheckpoints(
  database: Database,
  tenant: string,
  after: { readonly chain: string; readonly seq: number },
  limit: number,
): Promise<readonly CheckpointPart[]> {
  const rows = await database.query<CheckpointRow>("reads", checkpointsStatement, [
    tenant,
    after.chain,
    after.seq,
    limit,
  ]);
  return rows.map(checkpointOfRow);
}

/** The last checkpoint of each chain by each key: whoever keeps one keeps that key's word as well. */
export async function lastCheckpoints(
  database: Database,
  tenant: string,
): Promise<readonly CheckpointPart[]> {
  return (await database.query<CheckpointRow>("reads", lastStatement, [tenant])).map(
    checkpointOfRow,
  );
}

interface ChainRow {
  readonly chain: string;
  readonly head_seq: number | null;
  readonly head_hash: Buffer | null;
  readonly aged_through: number | null;
  readonly aged_hash: Buffer | null;
}

/** Of a chain of which there are only segments nothing says where it ends. */
const noHead = { head_seq: null, head_hash: null, aged_through: null, aged_hash: null };

interface SegmentRow {
  readonly chain: string;
  readonly first_seq: number;
  readonly last_seq: number;
  readonly from_ms: number;
  readonly to_ms: number;
  readonly decision_source: string | null;
  readonly decision_first: number | null;
  readonly decision_last: number | null;
  readonly terms: readonly string[];
  readonly rows: Buffer;
  readonly hashes: Buffer;
}

interface CheckpointRow {
  readonly chain: string;
  readonly seq: number;
  readonly body: string;
  readonly signature: Buffer;
}

function chainOfRow(row: ChainRow): ChainPart {
  const base = { seq: row.aged_through ?? 0, hash: row.aged_hash?.toString("hex") ?? "" };
  const headHash = row.head_hash?.toString("hex") ?? "";
  return { kind: "chain", chain: row.chain, headSeq: row.head_seq ?? -1, headHash, base };
}

function partOfRow(row: SegmentRow): SegmentPart {
  const { decision_source: source, decision_first: first, decision_last: last } = row;
  const ranged = source !== null && first !== null && last !== null;
  return {
    kind: "segment",
    chain: row.chain,
    firstSeq: row.first_seq,
    rows: unpackRows(row.rows),
    hashes: splitHashes(row.hashes),
    index: {
      lastSeq: row.last_seq,
      fromMs: row.from_ms,
      toMs: row.to_ms,
      ...(ranged ? { decisions: { source, first, last } } : {}),
      terms: row.terms.map(Number),
    },
  };
}

function checkpointOfRow({ chain, seq, body, signature }: CheckpointRow): CheckpointPart {
  const signed = { body, signature: signature.toString("base64url") };
  return { kind: "checkpoint", signed, at: { chain, seq } };
}

const columns = `chain, first_seq, last_seq, from_ms, to_ms,
  decision_source, decision_first, decision_last, terms, rows, hashes`;

const decisionStatement: Statement = {
  name: "log_decision",
  text: `select ${columns} from log_segment where tenant_id = $1 and decision_source = $2
      and decision_last >= $3 and decision_first <= $3
    order by decision_last limit 16`,
};

const chainStatement: Statement = {
  name: "log_chain_read",
  text: `select ${columns} from log_segment
    where tenant_id = $1 and chain = $2 and first_seq > $3 order by first_seq limit $4`,
};

const chainsStatement: Statement = {
  name: "log_chains",
  text: `with recursive named(chain) as (
      (select chain from log_segment where tenant_id = $1 order by chain limit 1)
      union all
      select (select s.chain from log_segment s where s.tenant_id = $1 and s.chain > n.chain
        order by s.chain limit 1) from named n where n.chain is not null)
    select x.chain from (
      select chain from named where chain is not null
      union select chain from log_chain where tenant_id = $1 and chain <> '') x order by x.chain`,
};

const startStatement: Statement = {
  name: "log_chain_start",
  text: `select chain, head_seq, head_hash, aged_through, aged_hash from log_chain
    where tenant_id = $1 and chain = $2`,
};

const checkpointsStatement: Statement = {
  name: "log_checkpoints",
  text: `select chain, seq, body, signature from log_checkpoint
    where tenant_id = $1 and (chain, seq) > ($2, $3) order by chain, seq limit $4`,
};

/** Keys with which one chain was signed. */
const keysMax = 100;
const keyOfBody = `coalesce(substring(k.body from '"key":"([^"]*)"'), '')`;

const lastStatement: Statement = {
  name: "log_last_checkpoints",
  text: `with recursive found as (
      select k.*, array[${keyOfBody}] as keys from log_chain c cross join lateral (
        select * from log_checkpoint k where k.tenant_id = c.tenant_id and k.chain = c.chain
        order by k.seq desc limit 1) k
      where c.tenant_id = $1
      union all
      select k.*, f.keys || ${keyOfBody} from found f cross join lateral (
        select * from log_checkpoint k where k.tenant_id = f.tenant_id and k.chain = f.chain
          and k.seq < f.seq and ${keyOfBody} <> all(f.keys)
        order by k.seq desc limit 1) k
      where cardinality(f.keys) < ${keysMax})
    select chain, seq, body, signature from found order by chain, seq`,
};
