import { Worker } from "node:worker_threads";

import { checkModel, strictChoices, type CheckedModel, type ModelChoices } from "./check-model.ts";
import { findingAt } from "./finding.ts";
import type { ImportedSources, ModelFile } from "./import-sources.ts";

export interface ReadModelOptions {
  /** Default 5 s. */
  readonly timeMsMax?: number;
  readonly signal?: AbortSignal;
  /** What one evaluation of a condition may cost, in steps. */
  readonly conditionStepsMax?: number;
  readonly choices?: ModelChoices;
}

const timeMsMaxDefault = 5000;

/**
 * Reads and checks what a user sent: in a thread of its own, which is ended at the time limit, so
 * that no text can hold up the process. The time is that of the reading, not of the thread's start.
 * Rejects with the signal's reason where that comes first.
 */
export async function readModel(
  files: readonly ModelFile[],
  options: ReadModelOptions = {},
): Promise<CheckedModel> {
  const { timeMsMax = timeMsMaxDefault, signal, choices = strictChoices } = options;
  signal?.throwIfAborted();
  const imported = await importInWorker({ files, choices }, timeMsMax, signal);
  return imported.kind === "refused"
    ? imported
    : checkModel(imported.source, options.conditionStepsMax, choices);
}

/** What the reading thread is sent. */
export interface ToThread {
  readonly files: readonly ModelFile[];
  readonly choices: ModelChoices;
}

/** What the reading thread sends: that it is there, then an answer to each text. */
export type FromThread = { readonly kind: "ready" } | ImportedSources;

// Built, the files end in `.js`.
const workerUrl = new URL(
  import.meta.url.endsWith(".ts") ? "./read-model-worker.ts" : "./read-model-worker.js",
  import.meta.url,
);

// To start a thread takes far longer than to read a model: one that has read well is kept.
let idleWorker: Worker | undefined;

function importInWorker(
  sent: ToThread,
  timeMsMax: number,
  signal: AbortSignal | undefined,
): Promise<ImportedSources> {
  const { promise, resolve, reject } = Promise.withResolvers<ImportedSources>();
  const worker = takeWorker();
  let timer: NodeJS.Timeout | undefined;
  let isDone = false;
  const send = (): void => {
    worker.postMessage(sent);
    timer = setTimeout(() => resolve(lateAfter(timeMsMax)), timeMsMax);
  };
  const hear = (message: FromThread): void => {
    if (message.kind === "ready") return send();
    isDone = true;
    resolve(message);
  };
  const fail = (cause: unknown): void => reject(cause);
  const end = (code: number): void => reject(new Error(`the reading thread ended with ${code}`));
  const abort = (): void => reject(signal?.reason);
  signal?.addEventListener("abort", abort, { once: true });
  worker.on("message", hear).once("error", fail).once("exit", end);
  if (worker === idleWorker) {
    idleWorker = undefined;
    send();
  }
  return promise.finally(() => {
    clearTimeout(timer);
    signal?.removeEventListener("abort", abort);
    worker.off("message", hear).off("exit", end);
    if (isDone && idleWorker === undefined) {
      // An idle thread holds up no process.
      worker.off("error", fail).unref();
      idleWorker = worker;
    } else void worker.terminate();
  });
}

function takeWorker(): Worker {
  if (idleWorker !== undefined) {
    idleWorker.ref();
    return idleWorker;
  }
  const worker = new Worker(workerUrl, { resourceLimits: { maxOldGenerationSizeMb: 256 } });
  const forget = (): void => {
    if (idleWorker === worker) idleWorker = undefined;
  };
  return worker.once("error", forget).once("exit", forget);
}

function lateAfter(timeMsMax: number): ImportedSources {
  const message = `the text took more than ${timeMsMax} ms to read`;
  const finding = findingAt({ line: 1, column: 1 }, "time_exceeded", message, "make it simpler");
  return { kind: "refused", findings: [finding] };
}
