import type { DecisionRange } from "../audit/log-part.ts";
import { expectNoWarning, outcomeUnknown, type Database, type Statement } from "./database.ts";

/** The end of a chain. */
export interface ChainHead {
  readonly seq: number;
  /** Of the last row, in hexadecimal. */
  readonly hash: string;
}

/** Rows to append, linked and compressed. */
export interface NewSegment {
  readonly tenant: string;
  readonly chain: string;
  readonly previous: ChainHead;
  readonly last: ChainHead;
  readonly fromMs: number;
  readonly toMs: number;
  readonly decisions?: DecisionRange;
  readonly terms: readonly number[];
  readonly packed: Uint8Array;
  readonly hashes: Uint8Array;
}

export interface NewCheckpoint {
  readonly tenant: string;
  readonly chain: string;
  readonly seq: number;
  readonly body: string;
  readonly signature: string;
}

/** A chain by its name. */
export interface ChainName {
  readonly tenant: string;
  readonly chain: string;
}

/**
 * Where chains end, which are made where there are none; in two statements, however many they are. One
 * that is left out is of a tenant that does not exist.
 */
export async function openChains(
  database: Database,
  names: readonly ChainName[],
): Promise<readonly (ChainName & { readonly end: ChainHead })[]> {
  const values = [names.map(({ tenant }) => tenant), names.map(({ chain }) => chain)];
  await database.query("log", makeStatement, values);
  const rows = await database.query<
    HeadRow & { readonly tenant_id: string; readonly chain: string }
  >("log", headsStatement, values);
  return rows.map((row) => ({ tenant: row.tenant_id, chain: row.chain, end: headOfRow(row) }));
}

export async function readChainHead(
  database: Database,
  tenant: string,
  chain: string,
): Promise<ChainHead | undefined> {
  const [row] = await database.query<HeadRow>("log", headStatement, [tenant, chain]);
  return row && headOfRow(row);
}

/**
 * Appends segments, in order, in one transaction that is durable when this resolves. Returns
 * for each whether it was appended: not where its chain does not end as the writer thinks.
 */
export async function appendSegments(
  database: Database,
  segments: readonly NewSegment[],
): Promise<readonly boolean[]> {
  return database.lend("log", (client) =>
    expectNoWarning(client, async () => {
      // One flight. Of a transaction in which a statement failed nothing is committed.
      const begun = client.query("begin");
      const appending = segments.map((segment) =>
        client.query({ ...appendStatement, values: valuesOf(segment) }),
      );
      const [commit] = await Promise.all([client.query("commit"), begun, ...appending]);
      const appended = await Promise.all(appending);
      if (commit.command !== "COMMIT") throw outcomeUnknown(commit.command);
      return appended.map((result) => result.rowCount === 1);
    }),
  );
}

export async function insertCheckpoints(
  database: Database,
  checkpoints: readonly NewCheckpoint[],
): Promise<void> {
  await database.query("log", checkpointStatement, [
    checkpoints.map(({ tenant }) => tenant),
    checkpoints.map(({ chain }) => chain),
    checkpoints.map(({ seq }) => seq),
    checkpoints.map(({ body }) => body),
    checkpoints.map(({ signature }) => Buffer.from(signature, "base64url")),
  ]);
}

function valuesOf(segment: NewSegment): unknown[] {
  const { tenant, chain, previous, last, fromMs, toMs, decisions, terms } = segment;
  return [
    tenant,
    chain,
    previous.seq,
    Buffer.from(previous.hash, "hex"),
    last.seq,
    Buffer.from(last.hash, "hex"),
    fromMs,
    toMs,
    decisions?.source ?? null,
    decisions?.first ?? null,
    decisions?.last ?? null,
    terms,
    Buffer.from(segment.packed),
    Buffer.from(segment.hashes),
  ];
}

interface HeadRow {
  readonly head_seq: number;
  readonly head_hash: Buffer;
}

function headOfRow({ head_seq: seq, head_hash: hash }: HeadRow): ChainHead {
  return { seq, hash: hash.toString("hex") };
}

const makeStatement: Statement = {
  name: "log_chain_make",
  text: `insert into log_chain (tenant_id, chain)
    select t.id, n.chain from unnest($1::text[], $2::text[]) as n(tenant_id, chain)
    join tenant t on t.id = n.tenant_id on conflict do nothing`,
};

const headsStatement: Statement = {
  name: "log_chain_heads",
  text: `select c.tenant_id, c.chain, c.head_seq, c.head_hash
    from unnest($1::text[], $2::text[]) as n(tenant_id, chain)
    join log_chain c on c.tenant_id = n.tenant_id and c.chain = n.chain`,
};

const headStatement: Statement = {
  name: "log_chain_head",
  text: "select head_seq, head_hash from log_chain where tenant_id = $1 and chain = $2",
};

const appendStatement: Statement = {
  name: "log_append",
  text: `with advanced as (update log_chain set head_seq = $5, head_hash = $6
      where tenant_id = $1 and chain = $2 and head_seq = $3 and head_hash = $4 returning chain)
    insert into log_segment (tenant_id, chain, first_seq, last_seq, from_ms, to_ms,
      decision_source, decision_first, decision_last, terms, rows, hashes)
    select $1, a.chain, $3::bigint + 1, $5, $7, $8, $9, $10, $11, $12, $13, $14 from advanced a`,
};

const checkpointStatement: Statement = {
  name: "log_checkpoint",
  text: `insert into log_checkpoint (tenant_id, chain, seq, body, signature)
    select * from unnest($1::text[], $2::text[], $3::bigint[], $4::text[], $5::bytea[])
    on conflict do nothing`,
};
