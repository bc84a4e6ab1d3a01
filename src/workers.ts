import cluster, { type Worker } from "node:cluster";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import type { Logger } from "pino";
import type { HttpPages } from "./rpc/http-pages.ts";
import { mergeMetrics } from "./rpc/merge-metrics.ts";

/** What processes of one server tell each other. */
type Message =
  | { readonly kind: "serves" }
  /** A worker was asked for the metrics of all. */
  | { readonly kind: "collect"; readonly question: number }
  | { readonly kind: "metrics"; readonly question: number; readonly text: string }
  | { readonly kind: "collected"; readonly question: number; readonly text: string };

const restartMsFirst = 500;
const restartMsMax = 10_000;
const metricsWaitMs = 2_000;

/**
 * Keeps so many worker processes, each a node of its own, until it is told to stop; connections go to
 * them in turn, also where they are few. One after the other starts. One that ends is started again
 * after a pause that grows while it does not stay. Returns the exit code: 1 where the first does not
 * start.
 */
export async function keepWorkers(
  options: {
    readonly workers: number;
    /** What they get beside the environment of this process. */
    readonly environment: Readonly<Record<string, string>>;
    readonly log: Logger;
  },
  told: Promise<void>,
): Promise<number> {
  const { workers, environment, log } = options;
  let isStopping = false;
  const stopped = told.then(() => {
    isStopping = true;
    for (const worker of livingWorkers()) worker.process.kill("SIGTERM");
  });
  cluster.schedulingPolicy = cluster.SCHED_RR;
  cluster.on("message", (worker, message: Message) => passOn(worker, message));
  const exits: Promise<void>[] = [];
  for (let number = 1; number <= workers && !isStopping; number += 1) {
    const first = await start(number);
    if (first === undefined) {
      // Told to stop before it served, which is no failure.
      if (isStopping) break;
      for (const worker of livingWorkers()) worker.process.kill("SIGTERM");
      return 1;
    }
    exits.push(keep(number, first));
  }
  await stopped;
  await Promise.all(exits);
  return 0;

  async function keep(number: number, first: Worker): Promise<void> {
    let worker: Worker | undefined = first;
    let pauseMs = restartMsFirst;
    for (;;) {
      const startedMs = performance.now();
      if (worker !== undefined) await ended(worker);
      if (isStopping) return;
      log.error({ worker: number, pause_ms: pauseMs }, "a worker ended, and is started again");
      await Promise.race([sleep(pauseMs, undefined, { ref: false }), stopped]);
      if (isStopping) return;
      pauseMs =
        performance.now() - startedMs > 60_000
          ? restartMsFirst
          : Math.min(2 * pauseMs, restartMsMax);
      worker = await start(number);
    }
  }

  async function start(number: number): Promise<Worker | undefined> {
    const worker = await startWorker(number, environment);
    if (worker !== undefined)
      log.info({ worker: number, pid: worker.process.pid }, "a worker serves");
    return worker;
  }
}

/** Of a worker: tells that it answers. */
export function tellServing(): void {
  tell({ kind: "serves" });
}

/** Of a worker, at its end: what holds it to the others would keep it alive. */
export function leave(): void {
  if (process.connected) process.disconnect();
}

/** Of a worker: the metrics of all workers, each line with whose it is. */
export function pagesOfAll({ metrics }: Pick<HttpPages, "metrics">): Pick<HttpPages, "metrics"> {
  const waiting = new Map<number, (text: string) => void>();
  let questions = 0;
  process.on("message", (message: Message) => {
    if (message.kind === "collected") waiting.get(message.question)?.(message.text);
    if (message.kind !== "collect") return;
    const { question } = message;
    void metrics().then(({ text }) => tell({ kind: "metrics", question, text }));
  });
  return {
    metrics: async () => {
      questions += 1;
      const question = questions;
      const { promise, resolve } = Promise.withResolvers<string>();
      waiting.set(question, resolve);
      tell({ kind: "collect", question });
      try {
        const { contentType } = await metrics();
        return { contentType, text: await promise };
      } finally {
        waiting.delete(question);
      }
    },
  };
}

function tell(message: Message): void {
  if (process.connected) process.send?.(message, undefined, undefined, () => {});
}

/** `undefined` where it ended before it answered. */
async function startWorker(
  number: number,
  environment: Readonly<Record<string, string>>,
): Promise<Worker | undefined> {
  const worker = cluster.fork({ ...environment, [workerVariable]: String(number) });
  const serves = Promise.withResolvers<Worker>();
  worker.on("message", (message: Message) => {
    if (message.kind === "serves") serves.resolve(worker);
  });
  return await Promise.race([serves.promise, ended(worker)]);
}

/** Under which a worker finds its number, from 1. */
export const workerVariable = "PROKURA_WORKER";

async function ended(worker: Worker): Promise<undefined> {
  if (!worker.isDead()) await once(worker, "exit");
  return undefined;
}

function livingWorkers(): readonly Worker[] {
  return Object.values(cluster.workers ?? {}).flatMap((worker) =>
    worker === undefined || worker.isDead() ? [] : [worker],
  );
}

/** Asks all workers on behalf of one. */
function passOn(asker: Worker, message: Message): void {
  if (message.kind !== "collect") return;
  const asked = livingWorkers();
  const texts = new Map<number, string>();
  const finish = (): void => {
    clearTimeout(late);
    cluster.off("message", take);
    const sorted = [...texts].toSorted(([left], [right]) => left - right);
    const text = mergeMetrics(sorted.map(([id, one]) => ({ labels: `worker="${id}"`, text: one })));
    sendTo(asker, { kind: "collected", question: message.question, text });
  };
  const take = (worker: Worker, answer: Message): void => {
    if (answer.kind !== "metrics" || answer.question !== askedAs) return;
    texts.set(worker.id, answer.text);
    if (texts.size === asked.length) finish();
  };
  const askedAs = (lastQuestion += 1);
  // A worker that hangs must not take the metrics of the others with it.
  const late = setTimeout(finish, metricsWaitMs);
  cluster.on("message", take);
  for (const worker of asked) sendTo(worker, { kind: "collect", question: askedAs });
}

let lastQuestion = 0;

/** One that is just leaving is not told: an error would come of it. */
function sendTo(worker: Worker, message: Message): void {
  if (worker.isConnected()) worker.send(message, () => {});
}
