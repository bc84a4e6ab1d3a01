import type { RelationTuple } from "../src/core/tuple.ts";
import { Database } from "../src/store/database.ts";
import type { RelationTupleTable } from "../src/store/schema.ts";
import { tupleOfRow } from "../src/store/tuple-row.ts";

/** What a database says that happened in one tenant: the order of the revisions, and who lived when. */
export interface Truth {
  readonly head: number;
  /** The reason of each revision, which names its write. */
  readonly reasons: readonly string[];
  readonly tuples: readonly Dated[];
}

interface Dated {
  readonly tuple: RelationTuple;
  readonly createdAt: number;
  readonly deletedAt: number;
}

interface RevisionRow {
  readonly rev: number;
  readonly reason: string;
}

/** Of one timeline, by tenant. */
export type Truths = ReadonlyMap<string, Truth>;

export async function readTruths(
  connectionString: string,
  tenants: readonly string[],
): Promise<Truths> {
  const database = new Database({ connectionString, log: () => {} });
  try {
    const truths = new Map<string, Truth>();
    for (const tenant of tenants) truths.set(tenant, await readTruth(database, tenant));
    return truths;
  } finally {
    await database.close();
  }
}

export function tuplesAt({ tuples }: Truth, revision: number): readonly RelationTuple[] {
  return tuples
    .filter(({ createdAt, deletedAt }) => createdAt <= revision && revision < deletedAt)
    .map(({ tuple }) => tuple);
}

async function readTruth(database: Database, tenant: string): Promise<Truth> {
  return await database.snapshot(async (session) => {
    const revisions = await session.query<RevisionRow>(
      {
        name: "chaos_revisions",
        text: "select rev, reason from revision where tenant_id = $1 order by rev",
      },
      [tenant],
    );
    const rows = await session.query<RelationTupleTable>(
      { name: "chaos_tuples", text: "select * from relation_tuple where tenant_id = $1" },
      [tenant],
    );
    return {
      head: revisions.length,
      reasons: revisions.map(({ reason }) => reason),
      tuples: rows.map((row) => ({
        tuple: tupleOfRow(row),
        createdAt: row.created_rev,
        deletedAt: row.deleted_rev ?? Infinity,
      })),
    };
  });
}
