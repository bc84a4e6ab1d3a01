import { Client } from "pg";
import type { RelationTuple } from "../../src/core/tuple.ts";

const chunkTuples = 5_000;
/** After so many the planner has to know what there is. */
const firstTuples = 50_000;

/**
 * Stores tuples straight into the tables of a tenant that is there, with a revision a chunk, which takes
 * a fraction of the time that an import does. A node that follows the tenant has to begin anew.
 */
export async function storeRows(
  connectionString: string,
  tenant: string,
  tuples: Iterable<RelationTuple>,
  tell: (stored: number) => void,
): Promise<void> {
  const client = new Client({ connectionString });
  await client.connect();
  let stored = 0;
  for (const chunk of inChunks(tuples)) {
    await client.query({ ...chunkStatement, values: [tenant, ...columnsOf(chunk)] });
    stored += chunk.length;
    if (stored === firstTuples) await client.query("analyze relation_tuple");
    tell(stored);
  }
  await client.query("analyze");
  await client.end();
}

const chunkStatement = {
  name: "store_rows",
  text: `with moved as (
      update tenant set head = head + 1 where id = $1 returning head, head_at_ms
    ), told as (
      insert into revision (tenant_id, rev, committed_at_ms, caller_id, operation, reason,
        created_count, deleted_count)
      select $1, head, head_at_ms, 'benchmark', 'import', '', cardinality($2::text[]), 0 from moved
    )
    insert into relation_tuple (tenant_id, created_rev, ord, object_type, object_id, relation,
      subject_type, subject_id, subject_relation)
    select $1, head, t.ord, t.object_type, t.object_id, t.relation, t.subject_type,
      t.subject_id, t.subject_relation from moved, unnest($2::text[], $3::text[], $4::text[],
      $5::text[], $6::text[], $7::text[]) with ordinality
      as t(object_type, object_id, relation, subject_type, subject_id, subject_relation, ord)`,
};

function columnsOf(tuples: readonly RelationTuple[]): readonly string[][] {
  const rows = tuples.map(({ object, relation, subject }) =>
    subject.kind === "wildcard"
      ? [object.type, object.id, relation, subject.type, "*", ""]
      : [
          object.type,
          object.id,
          relation,
          subject.object.type,
          subject.object.id,
          subject.kind === "userset" ? subject.relation : "",
        ],
  );
  return Array.from({ length: 6 }, (_, at) => rows.map((row) => row[at] ?? ""));
}

function* inChunks(tuples: Iterable<RelationTuple>): Generator<RelationTuple[]> {
  let chunk: RelationTuple[] = [];
  for (const tuple of tuples) {
    chunk.push(tuple);
    if (chunk.length < chunkTuples) continue;
    yield chunk;
    chunk = [];
  }
  if (chunk.length > 0) yield chunk;
}
