import { setTimeout as sleep } from "node:timers/promises";
import type { Node } from "./node.ts";
import { shortTerms } from "./terms.ts";

/** What faults are done to. */
export interface Cluster {
  /** In place, so that everybody sees a node come and go. */
  readonly nodes: Node[];
  readonly start: (name: string) => Promise<Node>;
  /** PostgreSQL's main process, which somebody starts again when it is gone. */
  readonly databaseProcessId: () => number;
  readonly say: (line: string) => void;
  readonly signal: AbortSignal;
  /** The kinds of fault that there are to be, of all. */
  readonly only: readonly string[] | undefined;
  /** Has the database keep next to no history. */
  readonly forgetHistory: () => Promise<void>;
  /** Before a process goes: what it has counted is read a last time. */
  readonly farewell: (node: Node) => Promise<void>;
}

type Fault = (cluster: Cluster, node: Node, forMs: number) => Promise<void>;

const faults: Readonly<Record<string, Fault>> = {
  async stop(_cluster, node, forMs) {
    node.process.kill("SIGSTOP");
    await sleep(forMs);
    node.process.kill("SIGCONT");
  },
  async kill(cluster, node) {
    await cluster.farewell(node);
    await node.kill();
    await replace(cluster, node);
  },
  async twin(cluster, node, forMs) {
    const twin = await cluster.start(node.name);
    cluster.nodes.push(twin);
    await sleep(forMs);
    cluster.nodes.splice(cluster.nodes.indexOf(twin), 1);
    await cluster.farewell(twin);
    await twin.kill();
    twin.forget();
  },
  async cut(_cluster, { proxy }, forMs) {
    proxy.accepts = false;
    proxy.cut();
    await sleep(forMs);
    proxy.accepts = true;
  },
  async delayed(_cluster, { proxy }, forMs) {
    proxy.delayMs = 20 + Math.random() * 300;
    await sleep(forMs);
    proxy.delayMs = 0;
  },
  async requestsHeld(_cluster, { proxy }, forMs) {
    proxy.requests = "hold";
    await sleep(forMs);
    proxy.requests = "open";
    proxy.release();
  },
  async repliesHeld(_cluster, { proxy }, forMs) {
    proxy.replies = "hold";
    await sleep(forMs);
    proxy.replies = "open";
    proxy.release();
  },
  async lateAfterReconnect(_cluster, { proxy }, forMs) {
    proxy.requests = "hold";
    await sleep(Math.min(forMs, shortTerms.killMs));
    proxy.requests = "open";
    proxy.cut(true);
  },
  async listenersCut(_cluster, { proxy }) {
    proxy.cutListeners();
    await Promise.resolve();
  },
  /** A node that comes back to changes which are no longer kept. */
  async historyForgotten({ forgetHistory }, { proxy }, forMs) {
    proxy.requests = "hold";
    // Or it would be told of every change.
    proxy.accepts = false;
    proxy.cutListeners();
    await sleep(Math.min(forMs, shortTerms.killMs));
    await forgetHistory();
    proxy.accepts = true;
    proxy.requests = "open";
    proxy.release();
  },
  /** By seconds or hours, either way. */
  async clockStepped(_cluster, { clock }, forMs) {
    const sign = Math.random() < 0.5 ? -1 : 1;
    await clock?.set(sign * 10 ** (3 + Math.random() * 4));
    // It takes a second until it shows.
    await sleep(Math.max(forMs, 2000));
    await clock?.set(0);
  },
  async databaseRestarted(cluster) {
    // What `pg_ctl restart -m immediate` sends: no goodbye, recovery from the log.
    process.kill(cluster.databaseProcessId(), "SIGQUIT");
    await sleep(1000);
  },
};

/** The first of each is long: who answers when its term is over, or misses changes, must be seen to. */
const showsMost: ReadonlySet<string> = new Set([
  "stop",
  "cut",
  "requestsHeld",
  "repliesHeld",
  "historyForgotten",
]);

/** One to three faults at a time, then a while without, until the signal. Returns how many there were. */
export async function harm(cluster: Cluster): Promise<number> {
  let count = 0;
  // Each once before any comes twice.
  const kinds = Object.entries(faults).filter(
    ([name]) =>
      (cluster.only?.includes(name) ?? true) &&
      (name !== "clockStepped" || cluster.nodes.every(({ clock }) => clock !== undefined)),
  );
  const seen = new Set<string>();
  let left = shuffled(kinds);
  while (!cluster.signal.aborted) {
    await sleep(500 + Math.random() * 1000);
    // Mostly one.
    const atOnce = 1 + Math.floor(Math.random() ** 2 * 3);
    const nodes = shuffled(cluster.nodes).slice(0, atOnce);
    await Promise.all(
      nodes.map(async (node) => {
        const next = left.shift();
        if (left.length === 0) left = shuffled(kinds);
        if (next === undefined || cluster.signal.aborted) return;
        const [name, fault] = next;
        const isLong = Math.random() < 0.35 || (showsMost.has(name) && !seen.has(name));
        seen.add(name);
        const forMs = isLong ? lengthBetween(1, 3) : lengthBetween(0.05, 0.6);
        cluster.say(`fault ${name}, ${node.name}, ${forMs.toFixed(0)} ms`);
        count += 1;
        node.faultUntilMs = Infinity;
        await fault(cluster, node, forMs).catch((cause: unknown) => {
          throw new Error(`the fault ${name} of ${node.name} went wrong`, { cause });
        });
        node.faultUntilMs = performance.now();
      }),
    );
  }
  return count;
}

async function replace(cluster: Cluster, node: Node): Promise<void> {
  const next = await cluster.start(node.name);
  next.faultUntilMs = performance.now();
  cluster.nodes.splice(cluster.nodes.indexOf(node), 1, next);
  node.forget();
}

/** So many times the term after which a silent node is shut out. */
function lengthBetween(least: number, most: number): number {
  return (least + Math.random() * (most - least)) * shortTerms.killMs;
}

function shuffled<Value>(values: readonly Value[]): Value[] {
  return values
    .map((value) => ({ value, rank: Math.random() }))
    .toSorted((left, right) => left.rank - right.rank)
    .map(({ value }) => value);
}
