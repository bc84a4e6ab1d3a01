import { join } from "node:path";
import { parseArgs } from "node:util";
import { fillTenant } from "./fill.ts";
import { storeRows } from "./large/rows.ts";
import { GeneratorProcess } from "./load/generator-process.ts";
import { organisationModel, organisationOf } from "./organisation.ts";
import { checksOf } from "./questions/size.ts";
import { startDatabase } from "./servers/database.ts";
import { startNode, type NodeProcess } from "./servers/node-process.ts";

// What does a check over a socket cost in a graph of ten million tuples, against one of ten thousand, with
// all that is asked about in memory? In turn, and twice: as it comes, and with every verdict decided anew.
// Prints a line of JSON, in microseconds of the server's processor time. Filling takes minutes:
//   node benchmarks/flatness.bench.ts --seconds 2
// With --seconds 1 it only says whether it runs, on small graphs.

const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: "2" },
    rounds: { type: "string" },
    tuples: { type: "string" },
  },
});
const isTrial = Number(values.seconds) <= 1;
const seconds = isTrial ? 0.2 : Number(values.seconds);
const rounds = Number(values.rounds ?? (isTrial ? 1 : 9));
const tuples = Number(values.tuples ?? (isTrial ? 20_000 : 10_000_000));
const smallTuples = isTrial ? 2_000 : 10_000;
const tellEvery = 500_000;
const root = join(import.meta.dirname, "..");

await using database = await startDatabase();
const { environment } = database;
const sizes = { large: organisationOf(tuples), small: organisationOf(smallTuples) };
{
  await using node = await startNode(root, environment);
  await fillTenant(node.client, "small", organisationModel, sizes.small.tuples());
  await fillTenant(node.client, "large", organisationModel, []);
}
await storeRows(database.environment.DATABASE_URL, "large", sizes.large.tuples(), (stored) => {
  if (stored % tellEvery === 0) process.stderr.write(`${stored} of ${tuples} tuples are stored\n`);
});
await using kept = await startNode(root, environment, ["--node-name=kept"]);
await using anew = await startNode(root, environment, ["--node-name=anew", "--verdicts-max=0"]);
using generator = new GeneratorProcess();
const calls = {
  large: checksOf("large", sizes.large),
  small: checksOf("small", sizes.small),
};
const nodes = { kept, anew };
const asked = (["kept", "anew"] as const).flatMap((node) =>
  (["large", "small"] as const).map((size) => ({ node, size, us: [] as number[] })),
);
for (const { node, size } of asked) await bringIntoMemory(nodes[node], size);
for (let round = 0; round < rounds; round += 1) {
  for (const { node, size, us } of round % 2 === 0 ? asked : asked.toReversed()) {
    us.push(await cpuUs(nodes[node], size));
  }
}
const figure = (node: "kept" | "anew", size: "large" | "small"): number =>
  median(asked.find((one) => one.node === node && one.size === size)?.us ?? []);
const ratio = (node: "kept" | "anew"): number =>
  Math.round((figure(node, "large") / figure(node, "small")) * 1_000) / 1_000;
console.log(
  JSON.stringify({
    benchmark: "flatness",
    tuples,
    smallTuples,
    largeUs: figure("kept", "large"),
    smallUs: figure("kept", "small"),
    ratio: ratio("kept"),
    anew: {
      largeUs: figure("anew", "large"),
      smallUs: figure("anew", "small"),
      ratio: ratio("anew"),
    },
  }),
);

async function bringIntoMemory(node: NodeProcess, size: "large" | "small"): Promise<void> {
  const { messages } = calls[size];
  await generator.run({
    ...jobOf(node, size),
    inFlight: 4,
    requests: messages.length,
    seconds: 300,
  });
}

async function cpuUs(node: NodeProcess, size: "large" | "small"): Promise<number> {
  return (await generator.run({ ...jobOf(node, size), warmUpSeconds: seconds / 4 })).serverCpuUs;
}

function jobOf({ grpcPort: port, processId, token }: NodeProcess, size: "large" | "small") {
  return {
    kind: "unary",
    port,
    serverProcessId: processId,
    token,
    calls: [calls[size]],
    order: [0],
    firstMessage: 0,
    connections: 4,
    inFlight: 32,
    warmUpSeconds: 0,
    seconds,
  } as const;
}

function median(figures: readonly number[]): number {
  const sorted = figures.toSorted((left, right) => left - right);
  return Math.round((sorted[sorted.length >> 1] ?? Number.NaN) * 100) / 100;
}
