import { setImmediate as nextTurn } from "node:timers/promises";
import type { PageKey, TakePart } from "../core/page.ts";
import type { Revision } from "../core/revision.ts";
import type { RelationTuple } from "../core/tuple.ts";
import type { Session } from "./database.ts";
import type { TupleRow } from "./schema.ts";
import { keyColumns, tupleColumns, tupleOfRow } from "./tuple-row.ts";

/** So many tuples are parsed, and taken, in one tick. */
const partTuplesMax = 250;

/** What a load of pages reads from. */
export interface Source {
  readonly session: Session;
  readonly tenant: string;
  readonly at: Revision | undefined;
  readonly take: TakePart | undefined;
  /** Tuples since others had their turn. */
  readonly parsed: { sinceTurn: number };
}

/** The values of one column, one a key. */
export type Column = readonly (string | number)[];

/** A tuple, and the place of its key from 1 on. */
export interface PageRow extends TupleRow {
  readonly place: number;
}

export const sortColumns: string = keyColumns.map((name) => `t.${name}`).join(", ");

interface GroupQuery {
  readonly name: string;
  /** The columns that a key fixes, with their values, one a key. */
  readonly columns: readonly string[];
  readonly values: readonly Column[];
  readonly condition?: string;
  /** Only rows whose columns come after these values, in their order. */
  readonly after?: readonly (readonly [string, string])[];
  /** Of the tuples of one key. */
  readonly limit: number;
}

/** The rows of each key, in canonical order. */
export async function readGroups(
  source: Source,
  query: GroupQuery,
): Promise<readonly (readonly PageRow[])[]> {
  if (query.values[0]?.length === 0) return [];
  const { at: revision } = source;
  const bounds = query.after ?? [];
  const more = [query.limit, ...bounds.map(([, value]) => value)];
  if (revision !== undefined) more.push(revision);
  const limit = `$${query.columns.length + 2}`;
  const names = bounds.map(([name]) => `t.${name}`).join(", ");
  const values = bounds.map((_, index) => `$${query.columns.length + 3 + index}`).join(", ");
  const after = bounds.length === 0 ? undefined : `(${names}) > (${values})`;
  const at = `$${query.columns.length + 1 + more.length}::bigint`;
  const arrays = query.columns.map((_, index) => `$${index + 2}::text[]`).join(", ");
  const fixed = query.columns.map((name) => `t.${name} = k.${name}`).join(" and ");
  const condition = [query.condition, after]
    .map((one) => (one === undefined ? "" : ` and ${one}`))
    .join("");
  // Each part in the order of its index: without it a planner that has no statistics yet may take the
  // index by subject, and walk past every subject that there is.
  const part = (visible: string): string =>
    `(select * from relation_tuple t where t.tenant_id = $1 and ${fixed}${condition} and ${visible}
      order by ${sortColumns} limit ${limit})`;
  const visible =
    source.at === undefined
      ? part("t.deleted_rev is null")
      : `(select * from (${part(`t.deleted_rev is null and t.created_rev <= ${at}`)}
          union all ${part(`t.deleted_rev > ${at} and t.created_rev <= ${at}`)}) t
          order by ${sortColumns} limit ${limit})`;
  const rows = await source.session.query<PageRow>(
    {
      name: `${query.name}${after === undefined ? "" : "_after"}${suffixOf(source)}`,
      text: `select k.place::integer as place, ${tupleColumns.map((name) => `t.${name}`).join(", ")}
        from unnest(${arrays}) with ordinality as k(${query.columns.join(", ")}, place)
        cross join lateral ${visible} t
        order by k.place, ${sortColumns}`,
    },
    [source.tenant, ...query.values, ...more],
  );
  return group(rows);
}

/**
 * The tuples that are visible: the live ones of the snapshot's head, or those of an older revision,
 * which are the live ones that were there and the ones deleted since.
 */
export function tuplesOf(
  source: Source,
  parameter: number,
): { readonly text: string; readonly values: readonly number[] } {
  if (source.at === undefined) {
    return { text: "(select * from relation_tuple where deleted_rev is null)", values: [] };
  }
  const at = `$${parameter}::bigint`;
  return {
    text: `(select * from relation_tuple where deleted_rev is null and created_rev <= ${at}
      union all select * from relation_tuple where deleted_rev > ${at} and created_rev <= ${at})`,
    values: [source.at],
  };
}

export function suffixOf(source: Source): string {
  return source.at === undefined ? "" : "_at";
}

export function group(rows: readonly PageRow[]): readonly (readonly PageRow[])[] {
  const groups: PageRow[][] = [];
  for (const row of rows) (groups[row.place - 1] ??= []).push(row);
  return groups;
}

/**
 * The tuples of the rows. Where they are many and the key is given, they are taken in parts and what is
 * returned is the last.
 */
export async function parse(
  { take, parsed }: Source,
  rows: readonly PageRow[],
  key?: PageKey,
): Promise<readonly RelationTuple[]> {
  let tuples: RelationTuple[] = [];
  for (const row of rows) {
    if (take !== undefined && key !== undefined && tuples.length === partTuplesMax) {
      take(key, tuples);
      tuples = [];
    }
    if (parsed.sinceTurn === partTuplesMax) {
      parsed.sinceTurn = 0;
      await nextTurn();
    }
    parsed.sinceTurn += 1;
    tuples.push(tupleOfRow(row));
  }
  return tuples;
}
