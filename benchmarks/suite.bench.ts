import { join } from "node:path";
import { parseArgs } from "node:util";
import { chain } from "./questions/chain.ts";
import { check } from "./questions/check.ts";
import { delegation } from "./questions/delegation.ts";
import { evaluation } from "./questions/evaluation.ts";
import { fault } from "./questions/fault.ts";
import { list } from "./questions/list.ts";
import { memory } from "./questions/memory.ts";
import { relation } from "./questions/relation.ts";
import { shape } from "./questions/shape.ts";
import { size } from "./questions/size.ts";
import { start } from "./questions/start.ts";
import { transfer } from "./questions/transfer.ts";
import { circumstances } from "./report/machine.ts";
import { summaryOf } from "./report/summary.ts";
import { publishReadme, writeReport } from "./report/files.ts";
import { circumstancesText, tables } from "./report/table.ts";
import { compareCommits } from "./compare.ts";
import type { Group, Plan } from "./plan.ts";
import { runSuite } from "./suite.ts";

// What does it cost, beside servers that say nothing and beside a peer? What is told is the median of
// rounds that go through all questions forth and back, and processor time first: others may use this
// machine too. Prints tables and, as the last line, the figures by which runs are compared.

const { values, positionals } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    only: { type: "string", default: "" },
    seconds: { type: "string" },
    rounds: { type: "string" },
    compare: { type: "boolean", default: false },
    publish: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
  allowPositionals: true,
});
const first: Group = [check, relation, evaluation, memory];
const groups: readonly Group[] = [
  first,
  [chain, shape, list],
  [delegation, transfer, fault],
  [start],
  [size("size-10k", 10_000), size("size-100k", 100_000), size("size-1m", 1_000_000)],
];
// All on one server, and in so small graphs that sizes make no difference.
const trial: readonly Group[] = [groups.flat().filter(({ name }) => !/^size-1(00k|m)$/.test(name))];
const root = join(import.meta.dirname, "..");
// Of a second, only whether it runs can be told.
const tries = !values.compare && values.seconds !== undefined && Number(values.seconds) <= 1;
const plan: Plan = {
  root,
  extent: values.quick || values.compare ? "quick" : tries ? "trial" : "full",
  rounds: Number(values.rounds ?? (values.compare ? 8 : tries ? 1 : 3)),
  seconds: tries ? 0.1 : Number(values.seconds ?? (values.quick ? 0.7 : values.compare ? 1 : 3)),
  warmUpSeconds: tries ? 0.05 : values.quick || values.compare ? 0.25 : 0.7,
  only: values.only,
};
if (values.help) printHelp();
else if (values.compare) await compare();
else await measure();

async function measure(): Promise<void> {
  const taken = circumstances(root);
  const rows = await runSuite(values.quick ? [first] : tries ? trial : groups, plan);
  const report = { taken, extent: plan.extent, rows, summary: summaryOf(rows) };
  console.log(`${circumstancesText(taken)}\n\n${tables(rows)}`);
  const folder = values.publish ? "results" : "out";
  const name = values.publish ? "published" : plan.extent;
  await writeReport(join(root, "benchmarks", folder), name, report);
  if (values.publish) await publishReadme(root, report);
  process.stderr.write(`written: benchmarks/${folder}/${name}.{json,md} and plots\n`);
  console.log(JSON.stringify(report.summary));
}

/** Unless told otherwise, the last commit against the one before. */
async function compare(): Promise<void> {
  const [before = "HEAD^", after = "HEAD"] = positionals;
  console.log(await compareCommits([check, relation, chain, evaluation], [before, after], plan));
}

function printHelp(): void {
  const topics = groups.flat().map(({ name }) => name);
  console.log(`npm run bench -- [options]

  --quick          the figures of the last line alone, in under a minute
  --only TOPIC     of ${topics.join(", ")};
                   TOPIC:TEXT for the questions that have TEXT in their names
  --seconds N      of each measurement; 1 only tries out whether everything runs
  --rounds N       through all questions, forth and back; 3 unless given
  --publish        write the figures into benchmarks/results and the README
  --compare A B    ask the servers of two commits the same in turn, and say what moved`);
}
