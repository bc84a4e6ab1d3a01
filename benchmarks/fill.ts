import { ApiError } from "../src/client/api-error.ts";
import type { Client } from "../src/client/client.ts";
import { tupleToProto } from "../src/client/tuple.ts";
import type { RelationTuple } from "../src/core/tuple.ts";
import type { Bench } from "./question.ts";

const chunkTuples = 5_000;

const firstTuples = 20_000;
const waitsMax = 30;

/** Makes the tenant, unless it is `default`, writes the model and imports the tuples. Says how many. */
export async function fillTenant(
  client: Client,
  tenant: string,
  model: string,
  tuples: Iterable<RelationTuple>,
): Promise<number> {
  // On a busy machine a node may take longer to have it than a call may wait: the import's end waits.
  const options = { skipBarrier: true };
  if (tenant !== "default") await client.admin.createTenant({ tenant, options });
  await client.model.writeModel({ tenant, source: { case: "text", value: model }, options });
  return await importTuples(client, tenant, tuples);
}

/** Returns when the node has all of them. */
export async function importTuples(
  client: Client,
  tenant: string,
  tuples: Iterable<RelationTuple>,
): Promise<number> {
  let count = 0;
  const chunks = function* () {
    // Only the first message names it.
    let head: object = { tenant, options: { skipBarrier: true } };
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
  const { result } = await client.tuple.importTuples(chunks());
  await enforced(client, tenant, result?.token ?? "");
  return count;
}

/**
 * The same for very many. The planner must know after the first of them what there is: by what it takes
 * for granted of an empty table every further write gets slower.
 */
export async function fillLargeTenant(
  { node, analyze }: Pick<Bench, "node" | "analyze">,
  tenant: string,
  model: string,
  tuples: Iterator<RelationTuple>,
): Promise<number> {
  const first = await fillTenant(node.client, tenant, model, upTo(tuples, firstTuples));
  await analyze();
  return first + (await importTuples(node.client, tenant, upTo(tuples, Infinity)));
}

/** Leaves the rest where it is, for the next. */
function* upTo(tuples: Iterator<RelationTuple>, count: number): Generator<RelationTuple> {
  for (let taken = 0; taken < count; taken += 1) {
    const next = tuples.next();
    if (next.done === true) return;
    yield next.value;
  }
}

/** Asks again where the node takes longer than one call may wait. */
async function enforced(client: Client, tenant: string, token: string): Promise<void> {
  for (let wait = 1; ; wait += 1) {
    try {
      await client.tuple.waitFor({ tenant, token });
      return;
    } catch (error) {
      if (!(error instanceof ApiError) || error.code !== "not_enforced") throw error;
      if (wait === waitsMax) throw error;
    }
  }
}
