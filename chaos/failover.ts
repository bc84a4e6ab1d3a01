import { chmod, mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { chooseEmbeddedAccount } from "../src/store/embedded-account.ts";
import { removeWithProcess } from "../test/support/remains.ts";
import { Counted } from "./counted.ts";
import { findDebianPostgres, installDebianPostgres } from "./debian-postgres.ts";
import { failOverForEver } from "./failovers.ts";
import { startNode, type Node } from "./node.ts";
import { Pair } from "./pair.ts";
import { newRecording } from "./record.ts";
import { failoverTerms as terms } from "./terms.ts";
import { seed, sendTraffic } from "./traffic.ts";
import { verify, type Verified } from "./verify.ts";
import { tenants as all } from "./world.ts";

// Three servers on a primary with a synchronous standby, both Debian's PostgreSQL, clients as fast as
// they can, and failovers: killed, cut off and left running, started again beside its successor. No
// answered write may be lost, no revision of a timeline be another write's, and every answer must be
// what its revision says, in the order that the primaries tell afterwards. The last line is JSON. Ends
// with 1 where that does not hold, or where too little happened for it to mean anything.
//
// With `--async` no commit waits for the standby: that run ends with 0 only if answered writes are lost.

const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: "40" },
    async: { type: "boolean", default: false },
    break: { type: "string" },
    kind: { type: "string" },
    install: { type: "boolean", default: false },
    quiet: { type: "boolean", default: false },
  },
});
// Fewer than without a standby: what is written is written twice, here on one machine.
const tenants = all.slice(0, 3);
const seconds = Number(values.seconds);
if (!(seconds > 0)) throw new RangeError("--seconds must be a number above 0");

const found = findDebianPostgres();
if (found === undefined && values.install) installDebianPostgres();
const programs = found ?? findDebianPostgres();
if (programs === undefined) {
  const skipped =
    "there is no PostgreSQL 15 to 18 of Debian's below /usr/lib/postgresql: apt-get install postgresql, or --install";
  process.stdout.write(`SKIPPED: ${skipped}\n${JSON.stringify({ skipped })}\n`);
} else {
  await run(programs);
}

async function run(folderOfPrograms: string): Promise<void> {
  await using parts = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), "prokura-failover-"));
  // With this process, however it ends.
  const remains = removeWithProcess(folder);
  await chmod(folder, 0o755);
  const account = await chooseEmbeddedAccount(join(folder, "none"), [folderOfPrograms]);
  const synchronous = !values.async;
  say(`PostgreSQL of ${folderOfPrograms}, ${synchronous ? "" : "a"}synchronous standby`);
  const pair = await Pair.start({
    programs: folderOfPrograms,
    account,
    folder,
    synchronous,
    tenants,
  });
  parts.defer(() => pair.stop());
  const nodes: Node[] = [];
  parts.defer(async () => {
    await Promise.all(nodes.map((node) => node.kill()));
  });
  for (const name of ["one", "two", "three"]) {
    const databaseUrl = pair.primary.address;
    nodes.push(
      await startNode({ name, databaseUrl, broken: values.break, folder, remains, terms }),
    );
  }
  await seed(nodes[0], tenants);
  const recording = newRecording();
  const counted = new Counted();
  const ending = new AbortController();
  const { signal } = ending;
  const traffic = sendTraffic({ nodes: () => nodes, tenants, terms, recording, signal }, counted);
  const answered = (sinceMs: number): number =>
    recording.writes.filter(({ ok, invokedMs }) => ok !== undefined && invokedMs >= sinceMs).length;
  const failing = failOverForEver({ pair, nodes, say, signal, answered, only: values.kind });
  await Promise.race([sleep(seconds * 1000, undefined, { ref: false }), traffic, failing]);
  ending.abort();
  const failovers = await failing;
  await traffic;
  await Promise.all(nodes.map((node) => counted.read(node)));
  const verified = verify(await pair.truths(), tenants, recording);
  const happened = {
    checks: recording.checks.reduce((sum, { answers }) => sum + answers.length, 0),
    revocations: recording.revocations,
    failovers,
    violations: verified.violations.length + recording.bugs.length,
    answered: answered(-Infinity),
    lost: verified.lost,
    taken_back: verified.takenBack,
    unknown: recording.unknown,
    unavailable: recording.unavailable,
    lapses: counted.sum("leases_lapsed"),
    kills: counted.sum("leases_killed"),
    dropped_caches: counted.sum("drops", tenants.length),
  };
  const wrong = [...verified.violations, ...recording.bugs];
  for (const line of wrong.slice(0, 20))
    say(`${values.async ? "as it must" : "VIOLATION"}: ${line}`);
  process.exitCode = (values.async ? judgeControl(verified) : judge(happened)) ? 0 : 1;
  process.stdout.write(`${JSON.stringify(happened)}\n`);
  for (const node of nodes) node.client.close();
}

function judge(happened: Readonly<Record<string, number>>): boolean {
  const names = ["checks", "revocations", "failovers", "unknown", "unavailable", "dropped_caches"];
  const rare = ["taken_back", "lapses", "kills"];
  const empty = [...names, ...(seconds >= 40 ? rare : [])].filter((name) => happened[name] === 0);
  if (empty.length > 0) say(`NOTHING PROVEN: there were no ${empty.join(", no ")}`);
  return happened["violations"] === 0 && empty.length === 0;
}

function judgeControl({ lost }: Verified): boolean {
  say(
    lost > 0
      ? `CONTROL: ${lost} answered writes are lost, as they must be where no commit waits for the standby`
      : "CONTROL FAILED: nothing was lost, so the other run proves nothing",
  );
  return lost > 0;
}

function say(line: string): void {
  if (!values.quiet) process.stdout.write(`${(performance.now() / 1000).toFixed(1)} s: ${line}\n`);
}
