import { parentPort, workerData } from "node:worker_threads";

import { checkModel } from "./check-model.ts";
import { importSources, type ImportedSources, type ModelFile } from "./import-sources.ts";

const files: readonly ModelFile[] = workerData;
parentPort?.postMessage(readSources(files));

/** Checked here as well, so that the other thread compiles only what is known to be good. */
function readSources(sent: readonly ModelFile[]): ImportedSources {
  const imported = importSources(sent);
  if (imported.kind === "refused") return imported;
  const { kind, source } = imported;
  const checked = checkModel(source);
  return checked.kind === "refused" ? checked : { kind, source };
}
