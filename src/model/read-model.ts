import { Worker } from "node:worker_threads";

import { checkModel, type CheckedModel } from "./check-model.ts";
import { findingAt } from "./finding.ts";
import type { ImportedSources, ModelFile } from "./import-sources.ts";

export interface ReadModelOptions {
  /** Default 5 s. */
  readonly timeMsMax?: number;
  readonly signal?: AbortSignal;
  /** What one evaluation of a condition may cost, in steps. */
  readonly conditionStepsMax?: number;
}

const timeMsMaxDefault = 5000;

/**
 * Reads and checks what a user sent: in a thread of its own, which is ended at the time limit, so
 * that no text can hold up the process. Rejects with the signal's reason where that comes first.
 */
export async function readModel(
  files: readonly ModelFile[],
  options: ReadModelOptions = {},
): Promise<CheckedModel> {
  const { timeMsMax = timeMsMaxDefault, signal } = options;
  signal?.throwIfAborted();
  const imported = await importInWorker(files, timeMsMax, signal);
  return imported.kind === "refused"
    ? imported
    : checkModel(imported.source, options.conditionStepsMax);
}

// Built, the files end in `.js`.
const workerUrl = new URL(
  import.meta.url.endsWith(".ts") ? "./read-model-worker.ts" : "./read-model-worker.js",
  import.meta.url,
);

function importInWorker(
  files: readonly ModelFile[],
  timeMsMax: number,
  signal: AbortSignal | undefined,
): Promise<ImportedSources> {
  const { promise, resolve, reject } = Promise.withResolvers<ImportedSources>();
  const worker = new Worker(workerUrl, {
    workerData: files,
    resourceLimits: { maxOldGenerationSizeMb: 256 },
  });
  const timer = setTimeout(() => {
    const message = `the text took more than ${timeMsMax} ms to read`;
    const finding = findingAt({ line: 1, column: 1 }, "time_exceeded", message, "make it simpler");
    resolve({ kind: "refused", findings: [finding] });
  }, timeMsMax);
  const abort = (): void => reject(signal?.reason);
  signal?.addEventListener("abort", abort, { once: true });
  worker.once("message", resolve);
  worker.once("error", reject);
  // After a message this changes nothing; without one the thread died silently.
  worker.once("exit", (code) => reject(new Error(`the reading thread ended with ${code}`)));
  return promise.finally(() => {
    clearTimeout(timer);
    signal?.removeEventListener("abort", abort);
    void worker.terminate();
  });
}
