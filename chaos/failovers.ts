import { setTimeout as sleep } from "node:timers/promises";
import type { DebianPostgres } from "./debian-postgres.ts";
import type { Node } from "./node.ts";
import type { Pair } from "./pair.ts";
import { failoverTerms } from "./terms.ts";

export interface Failing {
  readonly pair: Pair;
  readonly nodes: readonly Node[];
  readonly say: (line: string) => void;
  readonly signal: AbortSignal;
  /** How many writes that were sent since then were answered with OK. */
  readonly answered: (sinceMs: number) => number;
  /** The one kind of failover that there is to be, of all. */
  readonly only: string | undefined;
}

/** What becomes of the primary that is to be superseded. Returns when the standby may be promoted. */
const kinds: Readonly<Record<string, (former: DebianPostgres) => Promise<void>>> = {
  killed: (former) => former.kill(),
  // It comes back with commits that no standby has, and nodes still ask it.
  async restarted(former) {
    await former.kill();
    await former.start();
  },
  cut_off: () => Promise.resolve(),
};

/** So many writes are to be answered between two failovers: a busy machine takes its time. */
const answersBetween = 60;
const calmMsMax = 10_000;

/** One failover after another until the signal. Returns how many there were. */
export async function failOverForEver(failing: Failing): Promise<number> {
  const { pair, nodes, say, signal, only } = failing;
  const names = Object.keys(kinds).filter((name) => only === undefined || name === only);
  let count = 0;
  for (; !signal.aborted; count += 1) {
    await calm(failing);
    const name = names[count % names.length] ?? "";
    const cancels = Math.random() < 0.7;
    const sleeper = Math.random() < 0.5 ? nodes[count % nodes.length] : undefined;
    const also = `${cancels ? ", waits cancelled" : ""}${sleeper === undefined ? "" : `, ${sleeper.name} slept`}`;
    say(`failover ${name}${also}`);
    for (const node of nodes) node.faultUntilMs = Infinity;
    const former = await failOver(failing, { name, cancels, sleeper });
    for (const node of nodes) node.faultUntilMs = performance.now();
    // Before what it says is read: nothing is to become visible there any more.
    if (name === "killed") await former.start();
    await pair.retire(former);
    await pair.addStandby();
    say("the next standby follows");
  }
  return count;
}

async function calm({ answered, signal }: Failing): Promise<void> {
  const startMs = performance.now();
  await until(() => answered(startMs) >= answersBetween, calmMsMax, signal);
  await sleep(500 + Math.random() * 1500);
}

interface Plan {
  readonly name: string;
  /** Whether waits for the standby are cancelled. */
  readonly cancels: boolean;
  /** A node that has lost its lease, and takes another one on the primary that is to be superseded. */
  readonly sleeper: Node | undefined;
}

/** From a primary that is sound to one that every node asks. Returns the former one. */
async function failOver(failing: Failing, plan: Plan): Promise<DebianPostgres> {
  const { pair, nodes } = failing;
  const { name, cancels, sleeper } = plan;
  const over = new AbortController();
  sleeper?.process.kill("SIGSTOP");
  if (sleeper !== undefined) await sleep(failoverTerms.killMs * 1.5);
  // What is committed now waits for a standby that does not get it.
  pair.holdBack();
  sleeper?.process.kill("SIGCONT");
  if (pair.isSynchronous) await someWait(pair.primary, failing.signal);
  const cancelling = cancels ? cancelWaits(pair.primary, over.signal) : Promise.resolve();
  await (pair.isSynchronous ? sleep(50 + Math.random() * 400) : someAnswers(failing));
  // Each step of it waits for the standby, until somebody cancels that.
  if (sleeper !== undefined) await sleep(failoverTerms.killMs / 2);
  await kinds[name]?.(pair.primary);
  const former = await pair.promote();
  await Promise.all(nodes.map((node) => moveOver(node, pair.primary)));
  over.abort();
  await cancelling;
  return former;
}

/** Where no commit waits, answers come though the standby gets nothing: those will be lost. */
async function someAnswers({ answered, signal }: Failing): Promise<void> {
  const startMs = performance.now();
  await until(() => answered(startMs) >= 10, 3 * calmMsMax, signal);
}

/** Else nothing is there that the standby lacks. */
async function someWait(primary: DebianPostgres, signal: AbortSignal): Promise<void> {
  const endMs = performance.now() + calmMsMax;
  while (performance.now() < endMs && !signal.aborted) {
    const waiting = await primary.query(
      "select 1 from pg_stat_activity where wait_event = 'SyncRep' and application_name = 'prokura writes'",
    );
    if (waiting.length > 0) return;
    await sleep(20);
  }
}

async function until(isOver: () => boolean, timeoutMs: number, signal: AbortSignal): Promise<void> {
  const endMs = performance.now() + timeoutMs;
  while (!isOver() && performance.now() < endMs && !signal.aborted) await sleep(20);
}

/** At some time, by some nodes at once, by others long after their leases are over. */
async function moveOver({ proxy }: Node, primary: DebianPostgres): Promise<void> {
  await sleep(Math.random() ** 2 * 2.5 * failoverTerms.killMs);
  proxy.databaseFolder = primary.socketFolder;
  // New connections go to the new primary, those that stand stay with the old one for a while.
  if (Math.random() < 0.3) await sleep(Math.random() * failoverTerms.killMs);
  proxy.cut();
}

/** As an operator may who wonders what hangs: each is reported as a success, with a warning. */
async function cancelWaits(primary: DebianPostgres, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await sleep(20 + Math.random() * 100);
    await primary
      .query("select pg_cancel_backend(pid) from pg_stat_activity where wait_event = 'SyncRep'")
      // It has been killed, and may come back.
      .catch(() => {});
  }
}
