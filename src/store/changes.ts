import assert from "node:assert/strict";
import type { Head, RevisionChange } from "../core/change.ts";
import { DomainError } from "../core/error.ts";
import { parseRevision, type Revision } from "../core/revision.ts";
import { compareTuples, type RelationTuple } from "../core/tuple.ts";
import type { Database, Session, Statement } from "./database.ts";
import type { RevisionTable, TupleRow } from "./schema.ts";
import { headColumns, headOfRow, readHeadIn, type HeadRow } from "./tenants.ts";
import { tupleColumns, tupleOfRow } from "./tuple-row.ts";

/** Where a tenant stands and how it came there, read in one snapshot. */
export interface PolledChanges {
  readonly head: Head;
  /** Of (applied, head], in order, without a gap; `undefined` where they are not all kept or too many. */
  readonly changes: readonly RevisionChange[] | undefined;
}

/** A poll that has more rows than this to bring says so instead: loading anew is cheaper. */
export const pollRowsMax = 20_000;

/** REVOCATION C1: one statement. Fails with `tenant_not_found`. */
export async function pollChanges(
  database: Database,
  tenant: string,
  applied: Revision,
): Promise<PolledChanges> {
  const values = [tenant, applied, pollRowsMax + 1];
  return polled(tenant, applied, await database.query<PollRow>("reads", pollStatement, values));
}

/** The same, on the snapshot of the session. */
export async function pollChangesIn(
  session: Session,
  tenant: string,
  applied: Revision,
): Promise<PolledChanges> {
  const values = [tenant, applied, pollRowsMax + 1];
  return polled(tenant, applied, await session.query<PollRow>(pollStatement, values));
}

/**
 * The changes of (after, upTo], in order, as many whole revisions as come to about `tuplesMax` tuples
 * and at least one. Fails with `revision_expired` where they are no longer all kept.
 */
export async function readChanges(
  database: Database,
  tenant: string,
  range: { readonly after: Revision; readonly upTo: Revision; readonly tuplesMax: number },
): Promise<readonly RevisionChange[]> {
  return await database.snapshot(async (session) => {
    const head = await readHeadIn(session, tenant);
    if (range.after < head.horizon) {
      throw new DomainError(
        "revision_expired",
        `the history is kept from revision ${head.horizon} on, ${range.after} is older`,
      );
    }
    const upTo = Math.min(range.upTo, head.revision);
    const revisions = await session.query<ChangeRow>(revisionStatement, [
      tenant,
      range.after,
      upTo,
      revisionsMax,
    ]);
    const last = lastWithin(revisions, range.tuplesMax);
    if (last === undefined) return [];
    const tuples = await session.query<ChangeRow>(tupleStatement, [tenant, range.after, last]);
    return assemble([...revisions.filter(({ rev }) => rev <= last), ...tuples]);
  });
}

const revisionsMax = 1_000;

/** A revision (`part` 0), a tuple that it deleted (1) or one that it created (2). */
interface ChangeRow extends Omit<RevisionTable, "tenant_id">, TupleRow {
  readonly part: number;
  readonly ord: number;
}

type PollRow = HeadRow & (ChangeRow | { readonly rev: null });

const revisionColumns =
  "r.rev, r.committed_at_ms, r.caller_id, r.operation, r.reason, r.model_id, r.created_count, r.deleted_count";
const noTuple = tupleColumns
  .map((name) => `null::${name === "expires_at_ms" ? "bigint" : "text"} as ${name}`)
  .join(", ");
const noRevision =
  "null::bigint, null::text, null::text, null::text, null::text, null::integer, null::integer";
const tuple = tupleColumns.map((name) => `c.${name}`).join(", ");

function revisionRows(where: string): string {
  return `select 0 as part, 0 as ord, ${revisionColumns}, ${noTuple} from revision r where ${where}`;
}

function tupleRows(part: 1 | 2, column: string, where: string): string {
  return `select ${part}, c.ord, c.${column}, ${noRevision}, ${tuple} from relation_tuple c where ${where}`;
}

const pollStatement: Statement = {
  name: "poll",
  text: `select ${headColumns}, x.* from tenant t left join lateral (
      (${revisionRows("r.tenant_id = t.id and r.rev > $2 and r.rev <= t.head")} limit $3)
      union all
      (${tupleRows(1, "deleted_rev", "c.tenant_id = t.id and c.deleted_rev > $2 and c.deleted_rev <= t.head")} limit $3)
      union all
      (${tupleRows(2, "created_rev", "c.tenant_id = t.id and c.created_rev > $2 and c.created_rev <= t.head")} limit $3)
    ) x on t.head > $2 and t.horizon <= $2
    where t.id = $1 order by x.rev, x.part, x.ord`,
};

const revisionStatement: Statement = {
  name: "changes_revisions",
  text: `${revisionRows("r.tenant_id = $1 and r.rev > $2 and r.rev <= $3")} order by r.rev limit $4`,
};

const tupleStatement: Statement = {
  name: "changes_tuples",
  text: `${tupleRows(1, "deleted_rev as rev", "c.tenant_id = $1 and c.deleted_rev > $2 and c.deleted_rev <= $3").replace("select 1", "select 1 as part")}
    union all
    ${tupleRows(2, "created_rev", "c.tenant_id = $1 and c.created_rev > $2 and c.created_rev <= $3")}
    order by rev, part, ord`,
};

function polled(tenant: string, applied: Revision, rows: readonly PollRow[]): PolledChanges {
  const head = headOfRow(tenant, rows);
  if (applied >= head.revision) return { head, changes: [] };
  const changeRows = rows.filter((row) => row.rev !== null);
  const changes = changeRows.length > pollRowsMax ? undefined : assemble(changeRows);
  const complete = changes?.length === head.revision - applied;
  return { head, changes: complete ? changes : undefined };
}

function lastWithin(rows: readonly ChangeRow[], tuplesMax: number): number | undefined {
  let tuples = 0;
  let last: number | undefined;
  for (const row of rows) {
    tuples += row.created_count + row.deleted_count;
    if (last !== undefined && tuples > tuplesMax) break;
    last = row.rev;
  }
  return last;
}

/** Rows in any order. A tuple without its revision is no change that anybody can tell of. */
function assemble(rows: readonly ChangeRow[]): readonly RevisionChange[] {
  const changes = new Map<number, Parts>();
  for (const row of rows) {
    if (row.part === 0) changes.set(row.rev, { row, deleted: [], created: [] });
  }
  for (const row of rows) {
    if (row.part === 0) continue;
    const parts = changes.get(row.rev);
    if (parts !== undefined) (row.part === 1 ? parts.deleted : parts.created).push(tupleOfRow(row));
  }
  return [...changes.values()].map(({ row, deleted, created }) => {
    assert.equal(deleted.length, row.deleted_count);
    assert.equal(created.length, row.created_count);
    return {
      revision: parseRevision(row.rev),
      committedAtMs: row.committed_at_ms,
      callerId: row.caller_id,
      reason: row.reason,
      operation: row.operation,
      ...(row.model_id === null ? {} : { modelId: row.model_id }),
      // Rows of several revisions may share their `ord`: in canonical order every reader sees the same.
      deleted: deleted.toSorted(compareTuples),
      created,
    };
  });
}

interface Parts {
  readonly row: ChangeRow;
  readonly deleted: RelationTuple[];
  readonly created: RelationTuple[];
}
