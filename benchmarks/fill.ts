import type { Client } from "../src/client/client.ts";
import { tupleToProto } from "../src/client/tuple.ts";
import type { RelationTuple } from "../src/core/tuple.ts";

const chunkTuples = 5_000;

/** Makes the tenant, unless it is `default`, writes the model and imports the tuples. Says how many. */
export async function fillTenant(
  client: Client,
  tenant: string,
  model: string,
  tuples: Iterable<RelationTuple>,
): Promise<number> {
  if (tenant !== "default") await client.admin.createTenant({ tenant });
  await client.model.writeModel({ tenant, source: { case: "text", value: model } });
  return await importTuples(client, tenant, tuples);
}

export async function importTuples(
  client: Client,
  tenant: string,
  tuples: Iterable<RelationTuple>,
): Promise<number> {
  let count = 0;
  const chunks = function* () {
    // Only the first message names it.
    let head: { readonly tenant?: string } = { tenant };
    let chunk: ReturnType<typeof tupleToProto>[] = [];
    for (const tuple of tuples) {
      chunk.push(tupleToProto(tuple));
      count += 1;
      if (chunk.length < chunkTuples) continue;
      yield { ...head, tuples: chunk, cursor: String(count) };
      head = {};
      chunk = [];
    }
    yield { ...head, tuples: chunk, cursor: String(count) };
  };
  await client.tuple.importTuples(chunks());
  return count;
}
