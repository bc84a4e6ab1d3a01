import { chmod, mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { startEmbeddedPostgres } from "../src/store/embedded-postgres.ts";
import { removeWithProcess } from "../test/support/remains.ts";
import { Counted } from "./counted.ts";
import { harm } from "./faults.ts";
import { startNode, type Node } from "./node.ts";
import { newRecording, type Recording } from "./record.ts";
import { shortTerms } from "./terms.ts";
import { seed, sendTraffic } from "./traffic.ts";
import { forgetHistory, readTruths, type Truths } from "./truth.ts";
import { verify, type Verified } from "./verify.ts";
import { tenants } from "./world.ts";

// Three servers on one PostgreSQL, clients as fast as they can, and faults. Afterwards every answer is
// held against the true order of revisions. The last line is JSON. Ends with 1 where an answer was
// wrong, or where too little happened for that to mean anything. `--break RULE` takes a rule out,
// `--fault NAME,NAME` makes faults of these kinds alone.

const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: "40" },
    break: { type: "string" },
    fault: { type: "string" },
    quiet: { type: "boolean", default: false },
  },
});
const seconds = Number(values.seconds);
if (!(seconds > 0)) throw new RangeError("--seconds must be a number above 0");

await using parts = new AsyncDisposableStack();
const dataDir = await mkdtemp(join(tmpdir(), "prokura-chaos-"));
// With this process, however it ends.
const remains = removeWithProcess(dataDir);
await chmod(dataDir, 0o755);
const embedded = await startEmbeddedPostgres({
  dataDir,
  log: () => {},
  // Processes are killed, never the machine: what the system was given it keeps.
  settings: { fsync: "off", max_connections: "300" },
});
parts.defer(() => embedded.stop());
const counted = new Counted();
const nodes: Node[] = [];
parts.defer(async () => {
  await Promise.all(nodes.map((node) => node.kill()));
});
// The first brings the schema up to date.
for (const name of ["one", "two", "three"]) nodes.push(await start(name));
await seed(nodes[0], tenants);
const recording = newRecording();
let remembered: Truths = new Map();
const faults = await run();
await report(faults);
for (const node of nodes) node.client.close();

/** Again, where the database is just being started again. */
async function start(name: string): Promise<Node> {
  const options = {
    name,
    databaseUrl: embedded.connectionString,
    broken: values.break,
    folder: dataDir,
    remains,
    terms: shortTerms,
    stepsClocks: true,
  };
  for (let left = 5; ; left -= 1) {
    try {
      return await startNode(options);
    } catch (error) {
      if (left === 0) throw error;
    }
  }
}

async function run(): Promise<number> {
  const ending = new AbortController();
  const { signal } = ending;
  const steps = nodes.some(({ clock }) => clock !== undefined);
  if (!steps)
    say("SKIPPED: no clock is stepped, for there is no libfaketime: apt-get install faketime");
  say(`${nodes.length} nodes, ${tenants.length} tenants, ${seconds} s`);
  const traffic = part(
    "the clients",
    sendTraffic({ nodes: () => nodes, tenants, terms: shortTerms, recording, signal }, counted),
  );
  const harming = part(
    "the faults",
    harm({
      nodes,
      start,
      databaseProcessId: () => embedded.processId,
      say,
      signal,
      only: values.fault?.split(","),
      forgetHistory: async () => {
        remembered = await readTruths(embedded.connectionString, tenants, remembered);
        await forgetHistory(embedded.connectionString, remembered);
      },
      farewell: (node) => counted.read(node),
    }),
  );
  await Promise.race([sleep(seconds * 1000, undefined, { ref: false }), traffic, harming]);
  ending.abort();
  const count = await harming;
  await traffic;
  return count;
}

/** Says whose an exception is. */
async function part<Value>(name: string, doing: Promise<Value>): Promise<Value> {
  try {
    return await doing;
  } catch (cause) {
    throw new Error(`${name} ended with an exception`, { cause });
  }
}

async function report(faultCount: number): Promise<void> {
  await Promise.all(nodes.map((node) => counted.read(node)));
  const verified = await judge(recording);
  const checks = recording.checks.reduce((sum, { answers }) => sum + answers.length, 0);
  const happened = {
    checks,
    revocations: recording.revocations,
    faults: faultCount,
    violations: verified.violations.length + recording.bugs.length,
    lapses: counted.sum("leases_lapsed"),
    kills: counted.sum("leases_killed"),
    unknown: recording.unknown,
    unavailable: recording.unavailable,
    not_enforced: recording.notEnforced,
    // Whoever begins to follow a tenant drops what it has not got: that is no fault.
    dropped_caches: counted.sum("drops", tenants.length),
    roll_forwards: counted.sum("roll_forwards"),
    after_ok_on_troubled: verified.afterOkOnTroubled,
  };
  for (const line of [...verified.violations, ...recording.bugs].slice(0, 20)) {
    say(`VIOLATION: ${line}`);
  }
  const empty = Object.entries(happened).filter(
    ([name, count]) => count === 0 && isNeeded(name) && values.fault === undefined,
  );
  const isEmpty = empty.length > 0;
  if (isEmpty) say(`NOTHING PROVEN: there were no ${empty.map(([name]) => name).join(", no ")}`);
  process.stdout.write(`${JSON.stringify(happened)}\n`);
  process.exitCode = happened.violations === 0 && !isEmpty ? 0 : 1;
}

/** What must have happened for a run to mean anything; in a short one not all of it. */
function isNeeded(name: string): boolean {
  if (["violations", "not_enforced", "roll_forwards"].includes(name)) return false;
  return seconds >= 40 || ["checks", "lapses", "unavailable"].includes(name);
}

async function judge(recorded: Recording): Promise<Verified> {
  const startedMs = performance.now();
  const truths = await readTruths(embedded.connectionString, tenants, remembered);
  const verified = verify(new Map([["00000001", truths]]), tenants, recorded);
  say(`${verified.judged} answers judged in ${(performance.now() - startedMs).toFixed(0)} ms`);
  return verified;
}

function say(line: string): void {
  if (!values.quiet) process.stdout.write(`${(performance.now() / 1000).toFixed(1)} s: ${line}\n`);
}
