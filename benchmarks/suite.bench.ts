import { join } from "node:path";
import { parseArgs } from "node:util";
import { chain } from "./questions/chain.ts";
import { check } from "./questions/check.ts";
import { delegation } from "./questions/delegation.ts";
import { evaluation } from "./questions/evaluation.ts";
import { fault } from "./questions/fault.ts";
import { list } from "./questions/list.ts";
import { relation } from "./questions/relation.ts";
import { shape } from "./questions/shape.ts";
import { size } from "./questions/size.ts";
import { start } from "./questions/start.ts";
import { transfer } from "./questions/transfer.ts";
import { circumstances } from "./report/machine.ts";
import { summaryOf } from "./report/summary.ts";
import { tables } from "./report/table.ts";
import { runSuite, type Group } from "./suite.ts";

// What does it cost, beside servers that say nothing and beside a peer? What is told is the median of
// rounds that go through all questions forth and back, and processor time first: others may use this
// machine too. Prints tables and, as the last line, the figures by which runs are compared.

const { values } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    only: { type: "string", default: "" },
    seconds: { type: "string" },
    rounds: { type: "string" },
  },
});
const groups: readonly Group[] = [
  [check, relation, evaluation],
  [chain, shape, list],
  [delegation, transfer, fault],
  [start],
  [size("size-10k", 10_000), size("size-100k", 100_000), size("size-1m", 1_000_000)],
];
const root = join(import.meta.dirname, "..");
// Of a second, only whether it runs can be told.
const tries = values.seconds !== undefined && Number(values.seconds) <= 1;
const taken = circumstances(root);
const rows = await runSuite(values.quick ? groups.slice(0, 1) : groups, {
  root,
  extent: tries ? "trial" : values.quick ? "quick" : "full",
  rounds: tries ? 1 : Number(values.rounds ?? 3),
  seconds: tries ? 0.2 : Number(values.seconds ?? (values.quick ? 0.8 : 3)),
  warmUpSeconds: tries ? 0.1 : values.quick ? 0.3 : 0.7,
  only: values.only,
});
const { takenAt, commit, machine, node, loadAverage } = taken;
console.log(
  `${takenAt}, commit ${commit}, ${machine}, Node ${node}, load average ${loadAverage}\n`,
);
console.log(tables(rows));
console.log(JSON.stringify(summaryOf(rows)));
