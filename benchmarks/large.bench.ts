import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import type { Call } from "../src/core/decision.ts";
import {
  options,
  requestContext,
  startNode,
  type ServiceNode,
} from "../test/support/service-node.ts";
import { callsOf, elsewhere, fill, hotCallsOf, spareDelegations } from "./large/graph.ts";
import { watchTurns } from "./large/turns.ts";

// What does a graph cost that is larger than the memory for it? Prints a line of JSON for each question.
// Without its numbers it takes a second and says only whether it runs; by hand, for the figures:
//   node benchmarks/large.bench.ts --seconds 20 --tuples 10000000 --memory-mib 128

const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: "10" },
    tuples: { type: "string" },
    "memory-mib": { type: "string" },
  },
});
const seconds = Number(values.seconds);
const isTrial = seconds <= 1;
const tuples = Number(values.tuples ?? (isTrial ? 10_000 : 1_000_000));
// A quarter of what the graph would take, where nothing is said.
const mebibytes = Number(values["memory-mib"] ?? Math.max(1, (tuples * 12) / 2 ** 20));
const memoryBytes = Math.ceil(mebibytes * 2 ** 20);
const smallTuples = isTrial ? 2_000 : 10_000;
const hotCalls = isTrial ? 100 : 500;
const inFlight = 32;

// The product leaves it to its sockets to keep the process alive, and here there are none.
const alive = setInterval(() => undefined, 1_000);
{
  await using large = await startNode(undefined, [], { memoryBytes, evaluationBytes: memoryBytes });
  await using small = await startNode();
  const startedMs = performance.now();
  const organisation = await fill(large, tuples, (imported) =>
    process.stderr.write(`${imported} of ${tuples} tuples are stored\n`),
  );
  const smallOrganisation = await fill(small, smallTuples, () => undefined);
  print({ question: "store", tuples, memoryBytes, seconds: since(startedMs) });
  print({ question: "zipf", ...(await zipf(large, callsOf(organisation, 200_000, 5))) });
  const hot = hotCallsOf(organisation, hotCalls);
  print({
    question: "flatness",
    ...(await flatness(large, hot, small, hotCallsOf(smallOrganisation, hotCalls))),
  });
  print({ question: "mixed", ...(await mixed(large, callsOf(organisation, 50_000, 6))) });
  print({ question: "writes elsewhere", ...(await writesElsewhere(large, hot)) });
}
clearInterval(alive);

/** Closed loop of so many callers, each check about whoever is next by Zipf's law. */
async function zipf(node: ServiceNode, calls: readonly Call[]) {
  await warm(node, calls);
  const { loads, pagesLoaded } = node.replica.counters;
  const turns = watchTurns();
  const driven = await drive(node, calls.toReversed(), seconds * 1_000);
  const missesMs = driven.missesMs.toSorted((left, right) => left - right);
  const at = (share: number): number => round(missesMs[Math.floor(missesMs.length * share)] ?? 0);
  return {
    checksPerSecond: Math.round(driven.checks / seconds),
    hitRate: round(1 - missesMs.length / driven.checks, 1e4),
    missMs: { p50: at(0.5), p99: at(0.99) },
    loads: node.replica.counters.loads - loads,
    pagesLoaded: node.replica.counters.pagesLoaded - pagesLoaded,
    heldBytes: node.replica.heldBytes,
    ...turns(),
  };
}

/** Until the memory is nearly full, or it is clear that it will not be. */
async function warm(node: ServiceNode, calls: readonly Call[]): Promise<void> {
  const endMs = performance.now() + (isTrial ? 500 : seconds * 10_000);
  while (node.replica.heldBytes < memoryBytes * 0.9 && performance.now() < endMs) {
    await drive(node, calls, 500);
  }
}

interface Driven {
  readonly checks: number;
  /** Of the checks that had to wait. */
  readonly missesMs: readonly number[];
}

async function drive(
  node: ServiceNode,
  calls: readonly Call[],
  durationMs: number,
): Promise<Driven> {
  const endMs = performance.now() + durationMs;
  const missesMs: number[] = [];
  let next = 0;
  const caller = async (): Promise<void> => {
    while (performance.now() < endMs) {
      const startedMs = performance.now();
      const decided = check(node, calls[next++ % calls.length]);
      if (!(decided instanceof Promise)) {
        // Somebody else's turn now and then, as between two requests.
        if (next % 64 === 0) await new Promise<void>((resolve) => setImmediate(resolve));
        continue;
      }
      await decided;
      missesMs.push(performance.now() - startedMs);
    }
  };
  await Promise.all(Array.from({ length: inFlight }, caller));
  node.decisions.length = 0;
  return { checks: next, missesMs };
}

function check(node: ServiceNode, call: Call | undefined) {
  if (call === undefined) throw new Error("there are no calls");
  const checkOptions = { consistency: { kind: "default" }, explain: false } as const;
  return node.services.authorizer.check(requestContext(), call, checkOptions);
}

/** Processor time of a check whose pages are all in memory, in the large graph and in a small one. */
async function flatness(
  large: ServiceNode,
  largeCalls: readonly Call[],
  small: ServiceNode,
  smallCalls: readonly Call[],
) {
  const sides = [
    { node: large, calls: largeCalls, us: [] as number[] },
    { node: small, calls: smallCalls, us: [] as number[] },
  ] as const;
  for (const { node, calls } of sides) for (const call of calls) await check(node, call);
  const endMs = performance.now() + seconds * 1_000;
  while (performance.now() < endMs || sides[0].us.length < 3) {
    for (const { node, calls, us } of sides) {
      us.push(cpuUsOf(node, calls));
      await new Promise<void>((resolve) => setImmediate(resolve));
    }
  }
  const [largeUs, smallUs] = [median(sides[0].us), median(sides[1].us)];
  return { largeUs, smallUs, ratio: round(largeUs / smallUs, 1e3), smallTuples };
}

/** Of one check, all of them answered at once. */
function cpuUsOf(node: ServiceNode, calls: readonly Call[]): number {
  const before = process.threadCpuUsage();
  for (const call of calls) void check(node, call);
  const { user, system } = process.threadCpuUsage(before);
  node.decisions.length = 0;
  return (user + system) / calls.length;
}

/** 95 checks, 4 writes, 1 revocation. */
async function mixed(node: ServiceNode, calls: readonly Call[]) {
  const spares = spareDelegations(isTrial ? 50 : 2_000);
  for (let from = 0; from < spares.length; from += 600) {
    const steps = spares
      .slice(from, from + 600)
      .map((tuple) => ({ kind: "touch" as const, tuple }));
    await node.services.tuples.write(requestContext(), { steps, preconditions: [] }, options);
  }
  const done = { checks: 0, writes: 0, revocations: 0 };
  const endMs = performance.now() + seconds * 1_000;
  const turns = watchTurns();
  let turn = 0;
  const caller = async (): Promise<void> => {
    while (performance.now() < endMs) {
      const at = (turn += 1);
      if (at % 100 === 50) {
        await revoke(node, `spare-${done.revocations++}`);
      } else if (at % 25 === 0) {
        done.writes += 1;
        const steps = [{ kind: "touch" as const, tuple: elsewhere(at) }];
        await node.services.tuples.write(requestContext(), { steps, preconditions: [] }, options);
      } else {
        done.checks += 1;
        await check(node, calls[at % calls.length]);
      }
    }
  };
  await Promise.all(Array.from({ length: inFlight }, caller));
  node.decisions.length = 0;
  const { checks } = done;
  return { ...done, checksPerSecond: Math.round(checks / seconds), ...turns() };
}

async function revoke(node: ServiceNode, delegationId: string): Promise<void> {
  const request = { selector: { delegationId }, dryRun: false };
  await node.services.delegations.revoke(requestContext(), request, options);
}

/** Processor time of a check, with 1,000 tuples a second written by another node and without. */
async function writesElsewhere(node: ServiceNode, calls: readonly Call[]) {
  for (const call of calls) await check(node, call);
  const quiet = await cpuOverTime(node, calls);
  const writer = spawn(
    process.execPath,
    [
      fileURLToPath(new URL("large/writer-process.ts", import.meta.url)),
      `--database=${node.database.connectionString}`,
      "--tuples-per-second=1000",
    ],
    { stdio: ["pipe", "pipe", "inherit"] },
  );
  await once(writer.stdout, "data");
  const written = await cpuOverTime(node, calls);
  const told = once(writer.stdout, "data");
  writer.stdin.end();
  const [tuplesWritten] = await told;
  await once(writer, "exit");
  return {
    quietUs: quiet.us,
    writtenUs: written.us,
    ratio: round(written.us / quiet.us, 1e3),
    tuplesWritten: Number(tuplesWritten),
    applied: written.polls,
  };
}

/** All processor time of this thread, following included, divided by the checks. */
async function cpuOverTime(node: ServiceNode, calls: readonly Call[]) {
  const { polls } = node.replica.counters;
  const endMs = performance.now() + seconds * 1_000;
  const before = process.threadCpuUsage();
  let checks = 0;
  while (performance.now() < endMs) {
    for (const call of calls) {
      const decided = check(node, call);
      if (decided instanceof Promise) await decided;
    }
    checks += calls.length;
    node.decisions.length = 0;
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
  const { user, system } = process.threadCpuUsage(before);
  return { us: round((user + system) / checks), polls: node.replica.counters.polls - polls };
}

function print(line: object): void {
  console.log(JSON.stringify({ benchmark: "large", ...line }));
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((left, right) => left - right);
  return round(sorted[sorted.length >> 1] ?? Number.NaN);
}

function since(startedMs: number): number {
  return round((performance.now() - startedMs) / 1_000);
}

function round(value: number, parts = 100): number {
  return Math.round(value * parts) / parts;
}
