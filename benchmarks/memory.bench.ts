import { parseArgs } from "node:util";
import { bytesPerTuple, measureMemory, type Loading } from "./memory.ts";

// How many bytes does a node keep for each tuple of an organisation's graph, everything counted? Ids have
// 12 to 36 bytes. Prints a line of JSON for each way of loading it; of a second, only whether it runs.

const { values } = parseArgs({
  options: { seconds: { type: "string", default: "30" }, tuples: { type: "string" } },
});
const isTrial = Number(values.seconds) <= 1;
const tuples = Number(values.tuples ?? (isTrial ? 10_000 : 1_000_000));

const loadings: readonly Loading[] = ["objects", "both", "checks"];
for (const loading of loadings) {
  console.log(JSON.stringify({ benchmark: "memory", loading, ...measureMemory(tuples, loading) }));
}
if (!isTrial) console.log(JSON.stringify({ bytes_per_tuple: bytesPerTuple() }));
