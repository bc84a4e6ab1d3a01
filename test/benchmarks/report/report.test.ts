import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { chosenTopics } from "../../../benchmarks/plan.ts";
import type { Measured, Topic } from "../../../benchmarks/question.ts";
import { latencyPlot, sizePlot } from "../../../benchmarks/report/plots.ts";
import { readmeSection } from "../../../benchmarks/report/readme.ts";
import { median, rowsOf } from "../../../benchmarks/report/row.ts";
import { summaryOf } from "../../../benchmarks/report/summary.ts";
import { tables } from "../../../benchmarks/report/table.ts";
import { shares } from "../../../benchmarks/load/job.ts";

const taken = {
  takenAt: "2026-01-02T03:04:05.000Z",
  commit: "abc",
  machine: "a machine",
  node: "v24",
  loadAverage: 0,
};
const costs = (name: string, ...us: readonly number[]): readonly Measured[] =>
  us.map((serverCpuUs) => ({ name, unit: "check", serverCpuUs }));

suite("reports", () => {
  test("a row has the median of its rounds, and the extremes", () => {
    const [row] = rowsOf("check", costs("Check, 4 × 32", 9, 5, 7));
    assert.deepEqual(row?.serverCpuUs, { median: 7, min: 5, max: 9 });
    assert.equal(row?.rounds, 3);
    assert.equal(median([4, 1, 3, 2]), 2.5);
  });

  test("latencies are the median of the rounds at each share", () => {
    const rounds = [10, 30, 20].map((us) => ({
      name: "a",
      unit: "check",
      latenciesUs: shares.map(() => us),
    }));
    assert.deepEqual(
      rowsOf("check", rounds)[0]?.latenciesUs,
      shares.map(() => 20),
    );
  });

  test("what was not measured is null in the summary, and a ratio is ours by theirs", () => {
    const rows = rowsOf("relation", [
      ...costs("CheckRelation direct, 127 tuples", 30),
      ...costs("SpiceDB in its process, direct, 127 tuples", 300),
      ...costs("CheckRelation nested, 127 tuples", 30),
    ]);
    const summary = summaryOf(rows);
    assert.equal(summary["direct_vs_spicedb"], 0.1);
    assert.equal(summary["nested_vs_spicedb"], null);
    assert.equal(summary["check_cpu_us"], null);
  });

  test("tables have every row, and the README only those that it names", () => {
    const rows = rowsOf("check", [...costs("Check, 4 × 32", 33), ...costs("another", 44)]);
    assert.match(tables(rows), /\| another \| check \| 44\.0 \|/);
    const section = readmeSection(taken, rows);
    assert.match(section, /one link.*\| 33\.0 \|/);
    assert.doesNotMatch(section, /44\.0/);
  });

  test("a plot needs what it shows", () => {
    assert.equal(latencyPlot(rowsOf("check", costs("Check, 4 × 32", 33))), undefined);
    const sized = [1_000, 100_000].map((tuples) => ({
      name: `Check, ${tuples.toLocaleString("en")} tuples`,
      unit: "check",
      serverCpuUs: 20,
      tuples,
    }));
    assert.match(sizePlot(rowsOf("size", sized)) ?? "", /<polyline points="[0-9., ]+"/);
  });

  test("a topic that is not there is refused with the names of those that are", () => {
    const topic = {
      name: "check",
      preparationSeconds: 0,
      questions: 0,
      prepare: () => Promise.resolve([]),
    } satisfies Topic;
    assert.throws(() => chosenTopics([[topic]], "chekc"), /one of check/);
    assert.deepEqual(chosenTopics([[topic], []], "check:4 × 32"), [[topic]]);
  });
});
