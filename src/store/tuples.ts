import type { Head } from "../core/change.ts";
import type { Revision } from "../core/revision.ts";
import type { RelationTuple, TupleFilter } from "../core/tuple.ts";
import type { Database } from "./database.ts";
import { checkRevision } from "./revisions.ts";
import type { TupleRow } from "./schema.ts";
import { readHeadIn } from "./tenants.ts";
import { filterConditions } from "./tuple-filter.ts";
import { keyColumns, keyOfTuple, tupleColumns, tupleOfRow } from "./tuple-row.ts";

export interface TuplePage {
  readonly tuples: readonly RelationTuple[];
  /** The revision at which they were read. */
  readonly revision: Revision;
  readonly head: Head;
  /** True where more follow the last one. */
  readonly more: boolean;
}

export interface TupleQuery {
  readonly filter: TupleFilter;
  /** Absent: the head. */
  readonly revision?: Revision;
  /** Only tuples behind this one in canonical order. */
  readonly after?: RelationTuple;
  readonly limit: number;
}

/**
 * Reads tuples in canonical order, expired ones included. Fails with `revision_expired` below the
 * horizon, with `revision_ahead` beyond the head.
 */
export async function readTuples(
  database: Database,
  tenant: string,
  query: TupleQuery,
): Promise<TuplePage> {
  return await database.snapshot(async (session) => {
    const head = await readHeadIn(session, tenant);
    const revision = query.revision ?? head.revision;
    checkRevision(head, revision);
    const { text, values } = selectTuples(query, revision === head.revision ? undefined : revision);
    const rows = await session.query<TupleRow>({ name: "", text }, [tenant, ...values]);
    const tuples = rows.slice(0, query.limit).map(tupleOfRow);
    return { tuples, revision, head, more: rows.length > query.limit };
  });
}

/**
 * All tuples that match at one revision, in canonical order, by the chunk: of any number of tuples
 * one chunk is in memory. Fails with `revision_expired` where the history moves on underneath.
 */
export async function* streamTuples(
  database: Database,
  tenant: string,
  query: TupleQuery,
): AsyncGenerator<TuplePage, void, void> {
  let { revision, after } = query;
  for (;;) {
    const page: TuplePage = await readTuples(database, tenant, {
      filter: query.filter,
      limit: query.limit,
      ...(revision === undefined ? {} : { revision }),
      ...(after === undefined ? {} : { after }),
    });
    yield page;
    if (!page.more) return;
    revision = page.revision;
    after = page.tuples.at(-1);
  }
}

/** Parameter 1 is the tenant. */
function selectTuples(
  query: TupleQuery,
  at: Revision | undefined,
): { readonly text: string; readonly values: readonly (string | number)[] } {
  const { conditions, values, fence } = filterConditions(query.filter, 2);
  const parameters: (string | number)[] = [...values];
  const where = ["tenant_id = $1", ...conditions];
  if (query.after !== undefined) {
    const key = keyOfTuple(query.after);
    const places = keyColumns.map((name) => `$${parameters.push(key[name]) + 1}`);
    where.push(`(${keyColumns.join(", ")}) > (${places.join(", ")})`);
  }
  const limit = `limit $${parameters.push(query.limit + 1) + 1}`;
  const columns = tupleColumns.join(", ");
  const order = `order by ${keyColumns.join(", ")} ${limit}`;
  const all = where.join(" and ");
  const select = (visible: string): string =>
    `(select ${columns} from (select * from relation_tuple where ${all} and ${visible}${fence}) t ${order})`;
  if (at === undefined) return { text: select("deleted_rev is null"), values: parameters };
  const revision = `$${parameters.push(at) + 1}::bigint`;
  const live = select(`deleted_rev is null and created_rev <= ${revision}`);
  const deletedSince = select(`deleted_rev > ${revision} and created_rev <= ${revision}`);
  return { text: `${live} union all ${deletedSince} ${order}`, values: parameters };
}
