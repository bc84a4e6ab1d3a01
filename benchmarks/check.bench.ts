import { spawnSync } from "node:child_process";
import { arch, availableParallelism, cpus, platform } from "node:os";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { GeneratorProcess } from "./load/generator-process.ts";
import type { LoadResult } from "./load/job.ts";
import { startQuestions, type Question } from "./questions.ts";

// What does one check cost the server, over a real socket, beside a server that says nothing? Servers
// and generator are processes of their own; rounds go through all questions forth and back, and what
// is told is the median. The robust figure is processor time: others use this machine too.

const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: "3" },
    rounds: { type: "string", default: "3" },
    quick: { type: "boolean", default: false },
    only: { type: "string", default: "" },
  },
});
// Of a second, only whether it runs can be told.
const tries = Number(values.seconds) <= 1;
const rounds = tries ? 1 : Number(values.rounds);
const seconds = tries ? 0.2 : values.quick ? 1 : Number(values.seconds);

await using questions = await startQuestions();
using generator = new GeneratorProcess();
const asked = questions.all.filter(({ name }) => name.includes(values.only));
const results = new Map<string, LoadResult[]>(asked.map(({ name }) => [name, []]));
for (let round = 0; round < rounds; round += 1) {
  const inTurn = round % 2 === 0 ? asked : asked.toReversed();
  for (const question of inTurn) {
    process.stderr.write(`\rround ${round + 1} of ${rounds}: ${question.name.padEnd(40)}`);
    results.get(question.name)?.push(await measure(question, round === 0));
  }
}
process.stderr.write(`\r${" ".repeat(70)}\r`);
const rows = asked.map((question) => rowOf(question, results.get(question.name) ?? []));
console.log(
  `${new Date().toISOString()}, ${platform()} ${arch()}, ${availableParallelism()} × ` +
    `${cpus()[0]?.model ?? "unknown"}, Node ${process.version}\n`,
);
console.log(table(rows));
console.log(JSON.stringify(summary()));

async function measure(question: Question, first: boolean): Promise<LoadResult> {
  const warmUpSeconds = first ? Math.max(tries ? 0.2 : 1, seconds / 2) : Math.min(0.5, seconds / 4);
  return await generator.run({ ...question.job, seconds, warmUpSeconds });
}

interface Row {
  readonly name: string;
  readonly serverCpuUs: number;
  readonly spreadUs: number;
  readonly clientCpuUs: number;
  readonly checksPerSecond: number;
  readonly p50Us: number;
  readonly p99Us: number;
}

/** Times are a check, where a message carries many. */
function rowOf({ name, checks }: Question, all: readonly LoadResult[]): Row {
  const median = (of: (result: LoadResult) => number): number => {
    const sorted = all.map(of).toSorted((left, right) => left - right);
    return sorted[sorted.length >> 1] ?? Number.NaN;
  };
  const costs = all.map((result) => result.serverCpuUs / checks);
  return {
    name,
    serverCpuUs: median((result) => result.serverCpuUs / checks),
    spreadUs: Math.max(...costs) - Math.min(...costs),
    clientCpuUs: median((result) => result.clientCpuUs / checks),
    checksPerSecond: median((result) => result.answersPerSecond * checks),
    p50Us: median((result) => result.p50Us),
    p99Us: median((result) => result.p99Us),
  };
}

function table(all: readonly Row[]): string {
  const head = [
    "| question | server CPU, µs a check | spread | generator CPU | checks/s | p50 µs | p99 µs |",
    "|---|---|---|---|---|---|---|",
  ];
  const lines = all.map(
    (row) =>
      `| ${row.name} | ${row.serverCpuUs.toFixed(2)} | ${row.spreadUs.toFixed(2)} | ` +
      `${row.clientCpuUs.toFixed(2)} | ${row.checksPerSecond.toFixed(0)} | ` +
      `${row.p50Us.toFixed(0)} | ${row.p99Us.toFixed(0)} |`,
  );
  return `${[...head, ...lines].join("\n")}\n`;
}

/** What was not measured is null. */
function summary(): Readonly<Record<string, number | null>> {
  const figure = (name: string, of: (row: Row) => number): number | null => {
    const row = rows.find((one) => one.name === name);
    return row === undefined ? null : Math.round(of(row) * 100) / 100;
  };
  const cpu = (name: string): number | null => figure(name, (row) => row.serverCpuUs);
  return {
    check_cpu_us: cpu("Check, 4 × 32"),
    floor_cpu_us: cpu("floor: node:http2, 4 × 32"),
    direct_vs_spicedb: null,
    nested_vs_spicedb: null,
    batch100_cpu_us: cpu("BatchCheck 100"),
    stream_cpu_us: cpu("StreamCheck, one a message"),
    eval_us: evaluationUs(),
    p50_us: figure("Check, one caller", (row) => row.p50Us),
    flatness_10m: null,
    bytes_per_tuple: null,
  };
}

/** The evaluation alone, in a process that has done nothing else. */
function evaluationUs(): number | null {
  const program = fileURLToPath(new URL("./evaluate.bench.ts", import.meta.url));
  const { stdout } = spawnSync(
    process.execPath,
    [program, "--seconds", String(Math.min(seconds, 2))],
    {
      encoding: "utf8",
    },
  );
  const figures: unknown = JSON.parse(stdout.trim().split("\n").at(-1) ?? "null");
  const found: unknown = Reflect.get(Object(figures), "authorizeDirectUs");
  return typeof found === "number" ? found : null;
}
