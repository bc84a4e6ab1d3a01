import { parseTupleText, type RelationTuple } from "../../src/core/tuple.ts";
import { fillTenant, importTuples } from "../fill.ts";
import { processTimeBetween, readProcessTime } from "../load/process-time.ts";
import type { Bench, Measured, Question, Topic } from "../question.ts";
import { worldModel } from "../world.ts";

const tenant = "transfers";

/** Many tuples in and out, by one caller, in chunks of 5,000. */
export const transfer: Topic = {
  name: "transfer",
  preparationSeconds: 1,
  questions: 2,
  async prepare(bench) {
    const count = bench.extent === "trial" ? 1_000 : 20_000;
    await fillTenant(bench.node.client, tenant, worldModel, tuplesOf("first", count));
    return [importing(bench, count), exporting(bench, count)];
  },
};

function importing(bench: Bench, count: number): Question {
  const name = `ImportTuples, ${count.toLocaleString("en")}`;
  return {
    name,
    measure: ({ round }) =>
      measured(bench, name, async () => {
        const tuples = tuplesOf(`round${round}`, count);
        return await importTuples(bench.node.client, tenant, tuples);
      }),
  };
}

function exporting(bench: Bench, least: number): Question {
  const name = "ExportTuples, all of them";
  return {
    name,
    measure: () =>
      measured(bench, name, async () => {
        let count = 0;
        const chunks = bench.node.client.tuple.exportTuples({ tenant });
        for await (const { tuples } of chunks) count += tuples.length;
        if (count < least) throw new Error(`${count} of at least ${least} tuples were exported`);
        return count;
      }),
  };
}

async function measured(
  { node }: Bench,
  name: string,
  transferred: () => Promise<number>,
): Promise<readonly Measured[]> {
  const before = readProcessTime(node.processId);
  const startedMs = performance.now();
  const count = await transferred();
  const perSecond = (count * 1000) / (performance.now() - startedMs);
  const serverCpuUs = processTimeBetween(before, readProcessTime(node.processId)) / count;
  return [{ name, unit: "tuple", serverCpuUs, perSecond }];
}

function* tuplesOf(prefix: string, count: number): Generator<RelationTuple> {
  for (let at = 0; at < count; at += 1) {
    yield parseTupleText(`document:${prefix}-${at}#viewer@user:${at % 1000}`, "tuple");
  }
}
