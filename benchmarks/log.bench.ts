import { readdirSync, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import type { Call } from "../src/core/decision.ts";
import { parseObject } from "../src/core/object.ts";
import { parseRevision, parseTimeline } from "../src/core/revision.ts";
import type { DecisionEvent } from "../src/service/decision-event.ts";
import { openTestLog } from "../test/support/decision-log.ts";
import { openTestStore } from "../test/support/store.ts";

// What does a logged decision cost, and whom? Decisions are put into the log at a fixed rate, of some
// thousand users, agents, tools and files; a real PostgreSQL takes them. The CPU is that of the thread
// that answers checks, of the whole process (the sealing thread with it), and of PostgreSQL.

const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: "10" },
    rate: { type: "string", default: "20000" },
  },
});
const seconds = Number(values.seconds);
const rate = Number(values.rate);
const tickMs = 5;

await using store = await openTestStore();
const log = openTestLog(store.database, { queueMax: 1_000_000, node: "bench" });
const perTick = Math.max(1, Math.round((rate * tickMs) / 1_000));
let decided = 0;
const events = Array.from({ length: 4_096 }, (_, index) => eventOf(index));

// Warm code, and a chain that is open.
await run(0.5);
const before = readCpu();
const loop = await run(seconds);
const after = readCpu();
await log[Symbol.asyncDispose]();
const { rows = 0, dropped = 0 } = log.numbers;
const each = (name: keyof typeof before): number =>
  Math.round(((after[name] - before[name]) / loop.count) * 100) / 100;
const result = {
  decisions: loop.count,
  per_second: Math.round(loop.count / (loop.tookMs / 1_000)),
  record_us: Math.round((loop.recordMs * 100_000) / loop.count) / 100,
  thread_us: each("thread"),
  process_us: each("process"),
  postgres_us: each("postgres"),
  // With those of the warm-up; what is missing was not written in the last five seconds.
  missing: Math.max(0, decided - rows),
  dropped,
};
process.stdout.write(`${JSON.stringify(result)}\n`);

/** Puts decisions in at the rate, for so long. The time within `record` is what an answer waits. */
async function run(
  lengthSeconds: number,
): Promise<{ readonly count: number; readonly tookMs: number; readonly recordMs: number }> {
  const startedMs = performance.now();
  let count = 0;
  let recordMs = 0;
  for (;;) {
    const elapsedMs = performance.now() - startedMs;
    if (elapsedMs >= lengthSeconds * 1_000) return { count, tookMs: elapsedMs, recordMs };
    const due = Math.min(Math.floor((elapsedMs / tickMs + 1) * perTick) - count, perTick * 20);
    const atMs = performance.now();
    for (let index = 0; index < due; index += 1) {
      decided += 1;
      void log.record(withId(decided));
    }
    recordMs += performance.now() - atMs;
    count += due;
    await sleep(tickMs);
  }
}

function withId(number: number): DecisionEvent {
  const event = events[number % 4_096] ?? eventOf(number);
  if (!("verdict" in event.outcome)) return event;
  return { ...event, outcome: { ...event.outcome, id: `bench-${number.toString(36)}` } };
}

function eventOf(index: number): DecisionEvent {
  const object = (type: string, id: string) => parseObject(type, id, "object");
  const call: Call = {
    principal: object("user", `user-${index % 997}`),
    actors: [object("agent", `assistant-${index % 31}`)],
    tool: object("tool", `files/operation-${index % 40}`),
    accesses: [{ resource: object("file", `document-${(index * 7919) % 50_000}`), context: {} }],
    context: {},
    partialChain: false,
    contextualTuples: [],
  };
  const { signal } = new AbortController();
  return {
    context: {
      caller: { id: "key:k1", proof: { kind: "process" } },
      tenant: "acme",
      signal,
    },
    call,
    outcome: {
      id: "",
      verdict: { kind: "allowed", delegationIds: [`d${String(index % 2_000).padStart(25, "0")}`] },
      tenant: "acme",
      timeline: parseTimeline("00000001"),
      revision: parseRevision(123_456),
      modelId: "m0000000000000000000000001",
    },
    latencyUs: 10 + (index % 50),
  };
}

/** In microseconds, since their starts. */
function readCpu(): {
  readonly thread: number;
  readonly process: number;
  readonly postgres: number;
} {
  const thread = process.threadCpuUsage();
  const whole = process.cpuUsage();
  return {
    thread: thread.user + thread.system,
    process: whole.user + whole.system,
    postgres: postgresCpuUs(),
  };
}

/** Of the PostgreSQL below this process, its backends included; 0 where `/proc` does not tell. */
function postgresCpuUs(): number {
  try {
    const ticks = readdirSync("/proc")
      .filter((name) => /^\d+$/.test(name))
      .map((name) => statOf(name))
      .filter(({ name }) => name === "postgres");
    const own = ticks.find(({ parent }) => parent === process.pid)?.id;
    const mine = ticks.filter(({ id, parent }) => id === own || parent === own);
    return mine.reduce((sum, { cpu }) => sum + cpu, 0) * 10_000;
  } catch {
    // Another system, or a process that ended meanwhile: it is not told.
    return 0;
  }
}

function statOf(process: string): {
  readonly id: number;
  readonly name: string;
  readonly parent: number;
  readonly cpu: number;
} {
  const text = readFileSync(`/proc/${process}/stat`, "utf8");
  const name = text.slice(text.indexOf("(") + 1, text.lastIndexOf(")"));
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  const cpu = Number(fields[11]) + Number(fields[12]);
  return { id: Number(process), name, parent: Number(fields[1]), cpu };
}
