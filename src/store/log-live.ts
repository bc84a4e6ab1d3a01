import type { LivePart, LogBase } from "../audit/log-part.ts";
import type { Json } from "../core/json.ts";
import { onlyRow, type Database, type Statement } from "./database.ts";
import type { TupleRow } from "./schema.ts";
import { sealedTuple, tupleColumns } from "./tuple-row.ts";

/** Where a tenant stands, as of one time. */
export interface Standing {
  readonly head: number;
  /** What of the changes is gone because it was too old. */
  readonly base: LogBase;
  readonly live: LivePart;
}

/** Where a tuple stands among all that there ever were. */
export interface TuplePlace {
  readonly createdRev: number;
  readonly ord: number;
}

export async function readStanding(database: Database, tenant: string): Promise<Standing> {
  const row = onlyRow(await database.query<StandingRow>("reads", standingStatement, [tenant]));
  const { id, sources, parsed } = row;
  const isModel = id !== null && sources !== null && parsed !== null;
  return {
    head: row.head,
    base: { seq: row.aged_through ?? 0, hash: row.aged_hash?.toString("hex") ?? "" },
    live: { kind: "live", ...(isModel ? { model: { id, sources, parsed } } : {}) },
  };
}

/**
 * The tuples that were live at a revision within the history, after that place, as a node would find them:
 * what is said to be made after the head counts, and what is said to be deleted after it does not.
 */
export async function readLiveTuples(
  database: Database,
  tenant: string,
  revision: number,
  after: TuplePlace | undefined,
  limit: number,
): Promise<readonly (readonly Json[])[]> {
  const rows =
    after === undefined
      ? await database.query<LiveRow>("reads", firstStatement, [tenant, revision, limit])
      : await database.query<LiveRow>("reads", nextStatement, [
          tenant,
          revision,
          limit,
          after.createdRev,
          after.ord,
        ]);
  return rows.map((row) => [row.created_rev, row.ord, ...sealedTuple(row)]);
}

interface StandingRow {
  readonly head: number;
  readonly aged_through: number | null;
  readonly aged_hash: Buffer | null;
  readonly id: string | null;
  readonly sources: string | null;
  readonly parsed: string | null;
}

interface LiveRow extends TupleRow {
  readonly created_rev: number;
  readonly ord: number;
}

const standingStatement: Statement = {
  name: "log_standing",
  text: `select t.head, c.aged_through, c.aged_hash, m.id, m.sources, m.parsed from tenant t
    left join log_chain c on c.tenant_id = t.id and c.chain = ''
    left join authorization_model m on m.tenant_id = t.id and m.id = t.active_model_id
    where t.id = $1`,
};

const firstStatement: Statement = { name: "log_live_tuples", text: textAfter("") };

const nextStatement: Statement = {
  name: "log_live_tuples_after",
  text: textAfter("and (t.created_rev, t.ord) > ($4, $5)"),
};

function textAfter(place: string): string {
  const head = "(select h.head from tenant h where h.id = $1)";
  return `select t.created_rev, t.ord, ${tupleColumns.map((name) => `t.${name}`).join(", ")}
    from relation_tuple t where t.tenant_id = $1 ${place}
      and (t.created_rev <= $2 or t.created_rev > ${head})
      and (t.deleted_rev is null or (t.deleted_rev > $2 and t.deleted_rev <= ${head}))
    order by t.created_rev, t.ord limit $3`;
}
