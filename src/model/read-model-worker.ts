import assert from "node:assert/strict";
import { parentPort } from "node:worker_threads";

import { checkModel } from "./check-model.ts";
import { importSources, type ImportedSources, type ModelFile } from "./import-sources.ts";
import type { FromThread } from "./read-model.ts";

assert(parentPort !== null, "this file is run as a thread");
const port = parentPort;
port.on("message", (files: readonly ModelFile[]) => send(readSources(files)));
send({ kind: "ready" });

function send(message: FromThread): void {
  port.postMessage(message);
}

/** Checked here as well, so that the other thread compiles only what is known to be good. */
function readSources(sent: readonly ModelFile[]): ImportedSources {
  const imported = importSources(sent);
  if (imported.kind === "refused") return imported;
  const { kind, source } = imported;
  const checked = checkModel(source);
  return checked.kind === "refused" ? checked : { kind, source };
}
