import { setTimeout as sleep } from "node:timers/promises";
import { tupleToProto } from "../src/client/tuple.ts";
import { checkForEver, writeForEver, type Clients } from "./clients.ts";
import type { Counted } from "./counted.ts";
import type { Node } from "./node.ts";
import { modelText, seedTuples, users } from "./world.ts";

/** Tenants, a model, and what no client changes. */
export async function seed(node: Node | undefined, tenants: readonly string[]): Promise<void> {
  if (node === undefined) throw new Error("there is no node");
  const { client } = node;
  const options = { deadlineMs: 20_000 };
  for (const tenant of tenants) {
    await client.admin.createTenant({ tenant }, options);
    await client.model.writeModel({ tenant, source: { case: "text", value: modelText } }, options);
    const operations = seedTuples.map((tuple) => ({
      operation: { case: "create" as const, value: tupleToProto(tuple) },
    }));
    await client.tuple.writeTuples({ tenant, operations }, options);
  }
}

/** Everybody writes and checks, as fast as they can, until the signal. */
export async function sendTraffic(clients: Clients, counted: Counted): Promise<void> {
  await Promise.all([
    ...Array.from({ length: 8 }, (_, place) => checkForEver(clients, place)),
    ...clients.tenants.flatMap((tenant) =>
      users.map((user) => writeForEver(clients, tenant, user)),
    ),
    countForEver(clients, counted),
  ]);
}

async function countForEver({ nodes, signal }: Clients, counted: Counted): Promise<void> {
  while (!signal.aborted) {
    await Promise.all(nodes().map((node) => counted.read(node)));
    await sleep(300);
  }
}
