import { chmod, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { modelText, seedTuples } from "../chaos/world.ts";
import { createClient, type Client } from "../src/client/client.ts";
import { tupleToProto } from "../src/client/tuple.ts";
import { Database } from "../src/store/database.ts";
import { startEmbeddedPostgres } from "../src/store/embedded-postgres.ts";
import { startProcess, type ServerProcess } from "../test/rpc/server-process.ts";
import { circumstances } from "./report/machine.ts";
import { circumstancesText } from "./report/table.ts";
import { histogramSvg, type Series } from "./revoke/histogram.ts";
import { load, revokeOnce, setClock, warmChecks, type Sample } from "./revoke/measure.ts";
import { countStatements, logPrefix } from "./revoke/statements.ts";

// How long until a revocation is over? Real servers on one PostgreSQL, first one, then three, then
// eight, idle and under 2,000 checks a second each, with one of three stopped. Writes the histogram, what
// it says into `results/`, dated, and one line of JSON at the end.
//
// - return: from the call of `Revoke`, of all that a principal gave, to its answer.
// - deny: from the time at which PostgreSQL stamped the commit, which is before it is on the disk, to the
//   arrival of each node's first denial. Nodes are asked again a millisecond after each answer, which is in
//   the figures: on average half of that. So are this process, which is the client of all of them, and
//   whatever waits for one of the machine's cores.

const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: "5" },
    nodes: { type: "string", default: "1,3,8" },
    svg: { type: "string", default: join(import.meta.dirname, "revoke.svg") },
    results: { type: "string", default: join(import.meta.dirname, "results") },
  },
});
const secondsEach = Number(values.seconds);
const counts = values.nodes.split(",").map(Number);
const loadPerSecond = 2000;
const warmed = 100_000;
// The one that is asked about, and `system`, which says who may ask.
const tenantsFollowed = 2;
// A server that has just been started is slow for other reasons than a revocation.
const warmUps = 25;

interface Running {
  readonly process: ServerProcess;
  readonly client: Client;
}

const taken = circumstances(join(import.meta.dirname, ".."));
const said: string[] = [];
await using parts = new AsyncDisposableStack();
const dataDir = await mkdtemp(join(tmpdir(), "prokura-revoke-"));
parts.defer(() => rm(dataDir, { recursive: true, force: true }));
await chmod(dataDir, 0o755);
const embedded = await startEmbeddedPostgres({
  dataDir,
  log: () => {},
  // The commit's time is what the delay of a denial counts from.
  settings: { track_commit_timestamp: "on", max_connections: "400", log_line_prefix: logPrefix },
});
parts.defer(() => embedded.stop());
const database = new Database({ connectionString: embedded.connectionString, log: () => {} });
parts.defer(() => database.close());
const running: Running[] = [];
parts.defer(async () => {
  for (const { client } of running) client.close();
  await Promise.all(running.map(({ process }) => process.stop("SIGKILL")));
});

const series: Series[] = [];
let stoppedMs = 0;
let warm: Trips | undefined;
for (const count of counts) {
  while (running.length < count) await startOne();
  for (const perSecond of [0, loadPerSecond]) series.push(await measured(perSecond));
  if (count !== 3) continue;
  warm = await trips();
  stoppedMs = await withOneStopped();
}
await writeFile(values.svg, histogramSvg(series));
conclude();
await writeResults();

async function startOne(): Promise<void> {
  const process = await startProcess([`--node-name=node${running.length + 1}`], {
    DATABASE_URL: embedded.connectionString,
  });
  const client = createClient({ address: process.grpcAddress, deadlineMs: 30_000 });
  running.push({ process, client });
  if (running.length > 1) return;
  await client.model.writeModel({ source: { case: "text", value: modelText } });
  const operations = seedTuples.map((tuple) => ({
    operation: { case: "create" as const, value: tupleToProto(tuple) },
  }));
  await client.tuple.writeTuples({ operations });
}

async function measured(perSecond: number): Promise<Series> {
  const clients = running.map(({ client }) => client);
  const samples: Sample[] = [];
  const ending = new AbortController();
  const loads = perSecond === 0 ? [] : clients.map((each) => load(each, perSecond, ending.signal));
  for (let time = 0; time < warmUps; time += 1) await revokeOnce(database, clients);
  setClock();
  const endMs = performance.now() + secondsEach * 1000;
  while (performance.now() < endMs) samples.push(await revokeOnce(database, clients));
  ending.abort();
  const rates = await Promise.all(loads);
  const found: Series = {
    nodes: clients.length,
    checksPerSecond: rates.reduce((sum, rate) => sum + rate, 0),
    returnMs: samples.map(({ returnMs }) => returnMs),
    denyMs: samples.flatMap(({ denyMs }) => denyMs),
    allowedAfterReturn: samples.reduce((sum, sample) => sum + sample.allowedAfterReturn, 0),
  };
  const { returnMs, denyMs } = found;
  say(
    `${found.nodes} nodes, ${found.checksPerSecond.toFixed(0)} checks/s: ${samples.length} revocations, ` +
      `return p50 ${at(returnMs, 0.5)} p99 ${at(returnMs, 0.99)} ms, ` +
      `deny p50 ${at(denyMs, 0.5)} p99 ${at(denyMs, 0.99)} ms, ` +
      `${found.allowedAfterReturn} allowed after the return`,
  );
  return found;
}

interface Trips {
  readonly perCheck: number;
  /** Of the decision log, which is written behind the answers, many rows to a statement. */
  readonly logPerCheck: number;
}

/** What PostgreSQL was asked during so many checks, less what goes on by the clock without any. */
async function trips(): Promise<Trips> {
  const [first] = running;
  if (first === undefined) throw new Error("there is no node");
  await warmChecks(first.client, 1000);
  const startedMs = performance.now();
  const counted = await countStatements(database, join(dataDir, "postgres.log"), () =>
    warmChecks(first.client, warmed),
  );
  const seconds = Math.ceil((performance.now() - startedMs) / 1000);
  say(
    `statements during ${warmed} warm checks, ${seconds} s: ${JSON.stringify(Object.fromEntries(counted))}`,
  );
  const total = counted.values().reduce((sum, count) => sum + count, 0);
  // By the clock, each node of each tenant that it follows. More of them would be the checks'.
  const polls = Math.min(
    counted.get("reads poll") ?? 0,
    running.length * tenantsFollowed * seconds,
  );
  const timed = polls + (counted.get("leases lease_renew") ?? 0);
  // The decision log has a connection of its own.
  const ofLog = [...counted]
    .filter(([name]) => name.startsWith("log "))
    .reduce((sum, [, count]) => sum + count, 0);
  return { perCheck: (total - timed - ofLog) / warmed, logPerCheck: ofLog / warmed };
}

async function withOneStopped(): Promise<number> {
  const last = running.at(-1);
  if (last === undefined) throw new Error("there is no node");
  const { processId } = last.process;
  try {
    const others = running.slice(0, -1).map(({ client }) => client);
    const { returnMs } = await revokeOnce(database, others, () =>
      process.kill(processId, "SIGSTOP"),
    );
    say(
      `one node of ${running.length} stopped: the revocation returned after ${returnMs.toFixed(0)} ms`,
    );
    return returnMs;
  } finally {
    process.kill(processId, "SIGCONT");
    // Its lease was ended: it takes a new one.
    await sleep(3000);
  }
}

function conclude(): void {
  const three = series.find(({ nodes }) => nodes === 3) ?? series[0];
  if (three === undefined) throw new RangeError("--nodes names none");
  const allowed = series.reduce((sum, { allowedAfterReturn }) => sum + allowedAfterReturn, 0);
  process.exitCode = allowed === 0 ? 0 : 1;
  say(
    JSON.stringify({
      nodes: three.nodes,
      delete_to_deny_p50_ms: at(three.denyMs, 0.5),
      delete_to_deny_p99_ms: at(three.denyMs, 0.99),
      revoke_return_p50_ms: at(three.returnMs, 0.5),
      revoke_return_p99_ms: at(three.returnMs, 0.99),
      one_node_stopped_return_ms: Math.round(stoppedMs),
      db_trips_per_warm_check: warm?.perCheck,
      allowed_after_return: allowed,
      log_statements_per_warm_check: warm?.logPerCheck,
    }),
  );
}

/** The value below which so much of them lie, to a hundredth. */
function at(sorted: readonly number[], share: number): number {
  const ranked = sorted.toSorted((left, right) => left - right);
  const value = ranked[Math.min(ranked.length - 1, Math.floor(share * ranked.length))];
  return value === undefined ? Number.NaN : Math.round(value * 100) / 100;
}

function say(line: string): void {
  said.push(line);
  process.stdout.write(`${line}\n`);
}

async function writeResults(): Promise<void> {
  await mkdir(values.results, { recursive: true });
  const name = `${taken.takenAt.slice(0, 10)}-revoke.md`;
  const text = `# A revocation\n\n${circumstancesText(taken)}\n\nBy \`npm run bench:revoke\`, ${secondsEach} s an arrangement.\n\n\`\`\`\n${said.join("\n")}\n\`\`\`\n`;
  await writeFile(join(values.results, name), text);
}
