import { parseArgs } from "node:util";
import { setTimeout as sleep } from "node:timers/promises";
import { attack } from "./attacks.ts";
import { fuzzGrpc } from "./fuzz-grpc.ts";
import { fuzzHttp } from "./fuzz-http.ts";
import { overload } from "./overload.ts";
import { Random } from "./random.ts";
import { startVictim, type Victim } from "./server.ts";
import { Tally } from "./tally.ts";

// A real server is sent what no client sends: wire inputs by grammar and by damage on both ports, ways of
// holding it up, and twice the load that it can answer. Known questions are asked throughout. The last
// line is JSON. Ends with 1 where it crashed, answered wrongly or with a bug, or did not come back.

const { values } = parseArgs({
  options: {
    /** How long the load is held; the rest takes as long as it takes. */
    seconds: { type: "string", default: "60" },
    inputs: { type: "string", default: "200000" },
    /** Ends the sending of inputs early. */
    "fuzz-seconds": { type: "string", default: "3600" },
    idle: { type: "string", default: "10000" },
    seed: { type: "string", default: String(Date.now() % 1_000_000) },
    args: { type: "string", default: "" },
  },
});
const [seconds, inputs, fuzzSeconds, idle, seed] = [
  values.seconds,
  values.inputs,
  values["fuzz-seconds"],
  values.idle,
  values.seed,
].map(Number);
if (![seconds, inputs, fuzzSeconds, idle, seed].every(Number.isFinite)) {
  throw new RangeError("--seconds, --inputs, --fuzz-seconds, --idle and --seed take numbers");
}

const wrongShown = 20;
/** So soon it must answer as before. */
const recoveredMsMax = 1_000;
/** Memory for the graph is 512 MiB by default; little of it is used here. */
const peakMiBMax = 1_024;

const tally = new Tally();
await using victim = await startVictim(values.args === "" ? [] : values.args.split(" "));
say(`seed ${seed}, the server holds ${(await victim.memoryMiB()).toFixed(0)} MiB`);
await fuzz(victim);
await attack(victim, tally, {
  idle: Number(idle),
  holdMs: Math.min(3_000, 20 * Number(seconds)),
  say,
});
const overloaded = await overload(victim, tally, Number(seconds) * 1_000);
say(
  `overload: ${Object.entries(overloaded)
    .map(([name, value]) => `${name} ${value.toFixed(0)}`)
    .join(", ")}`,
);
if (!(await victim.askKnown(tally, false))) tally.isWrong("known questions fail at the end");
report(victim, overloaded.recoveredMs);

async function fuzz({ process: server }: Victim): Promise<void> {
  const startedMs = performance.now();
  const isEnough = (): boolean =>
    tally.inputs >= Number(inputs) || performance.now() - startedMs > Number(fuzzSeconds) * 1_000;
  let slowestMs = 0;
  const knowing = (async () => {
    while (!isEnough()) {
      const askedMs = performance.now();
      await victim.askKnown(tally, false);
      slowestMs = Math.max(slowestMs, performance.now() - askedMs);
      await sleep(20);
    }
  })();
  await Promise.all([
    fuzzGrpc(server.grpcAddress, new Random(Number(seed)), tally, isEnough),
    fuzzHttp(server.httpUrl, new Random(Number(seed) + 1), tally, isEnough),
    knowing,
  ]);
  const tookSeconds = (performance.now() - startedMs) / 1_000;
  say(
    `${tally.inputs} inputs in ${tookSeconds.toFixed(1)} s, ${tally.unanswered} without a status`,
  );
  say(`four known questions took ${slowestMs.toFixed(0)} ms at most meanwhile`);
  for (const [status, count] of [...tally.byStatus].toSorted(([, a], [, b]) => b - a)) {
    say(`  status ${status}: ${count}`);
  }
}

function report(server: Victim, recoveredMs: number): void {
  const bugs = server.bugs();
  for (const line of [...tally.wrong, ...bugs].slice(0, wrongShown)) say(`WRONG: ${line}`);
  const crashes = server.process.isRunning() ? 0 : 1;
  const result = {
    inputs: tally.inputs,
    crashes,
    wrong: tally.wrong.length + bugs.length,
    peak_rss_mb: Math.round(server.peakMiB()),
    recovered_ms: Math.round(recoveredMs),
  };
  process.stdout.write(`${JSON.stringify(result)}\n`);
  const isWell =
    crashes + result.wrong === 0 && recoveredMs < recoveredMsMax && result.peak_rss_mb < peakMiBMax;
  process.exitCode = isWell ? 0 : 1;
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
