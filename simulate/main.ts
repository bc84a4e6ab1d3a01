import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";
import { Worker } from "node:worker_threads";
import { mistakes } from "../test/support/simulation/mistakes.ts";
import { shrink } from "./shrink.ts";
import type { Job, Report } from "./worker.ts";

// Simulated histories of the protocol for so many seconds, and every seeded mistake once: it must show.
// The last line is JSON. Ends with 1 where a history was violated or a mistake was not found.

const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: "30" },
    seed: { type: "string", default: "1" },
  },
});
const startedMs = performance.now();
const endMs = startedMs + positive(values.seconds, "seconds") * 1000;
const firstSeed = positive(values.seed, "seed");

let histories = 0;
let checks = 0;
let nextSeed = firstSeed;
let toldMs = startedMs;
const found = new Set<string>();
const violations: Extract<Report, { kind: "history" }>[] = [];
const jobs: Job[] = mistakes.map((_, index) => ({ kind: "mistake", index }));

say(`histories from seed ${firstSeed} on, and ${mistakes.length} seeded mistakes`);
await Promise.all(Array.from({ length: Math.min(4, availableParallelism()) }, work));
for (const { fact } of mistakes) if (!found.has(fact)) say(`NOT FOUND: ${fact}`);
const [first] = violations;
if (first !== undefined) await showShrunk(first.seed);
say(
  JSON.stringify({
    histories,
    checks,
    violations: violations.length,
    seeded_bugs: mistakes.length,
    seeded_bugs_found: found.size,
  }),
);
process.exitCode = violations.length === 0 && found.size === mistakes.length ? 0 : 1;

/** One thread: gives it one job after another until the time is over or a history was violated. */
async function work(): Promise<void> {
  const worker = new Worker(new URL("worker.ts", import.meta.url));
  for (let job = nextJob(); job !== undefined; job = nextJob()) {
    const { promise, resolve, reject } = Promise.withResolvers<Report>();
    worker.once("message", resolve);
    worker.once("error", reject);
    worker.postMessage(job);
    take(await promise);
    worker.removeListener("error", reject);
  }
  await worker.terminate();
}

/** The mistakes go first: they are all to be tried, however short the time. */
function nextJob(): Job | undefined {
  const mistake = jobs.shift();
  if (mistake !== undefined) return mistake;
  if (performance.now() >= endMs || violations.length > 0) return undefined;
  return { kind: "history", seed: nextSeed++ };
}

function take(report: Report): void {
  switch (report.kind) {
    case "mistake":
      say(`${report.found ? "found" : "NOT FOUND"} in ${report.tried} histories: ${report.fact}`);
      if (report.found) found.add(report.fact);
      return;
    case "history":
      histories += 1;
      checks += report.checks;
      if (report.violation !== undefined) violations.push(report);
      if (performance.now() - toldMs < 2000) return;
      toldMs = performance.now();
      say(`${histories} histories, ${checks} checks, seed ${report.seed}`);
  }
}

async function showShrunk(seed: number): Promise<void> {
  say(`VIOLATION with --seed ${seed}; what of its history is needed for one:`);
  for (const line of await shrink(seed)) say(`  ${line}`);
}

function positive(text: string, name: string): number {
  const value = Number(text);
  if (value > 0 && Number.isFinite(value)) return value;
  throw new RangeError(`--${name} must be a number above 0`);
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
