import assert from "node:assert/strict";
import { parentPort } from "node:worker_threads";

import { checkModel } from "./check-model.ts";
import { importSources, type ImportedSources } from "./import-sources.ts";
import type { FromThread, ToThread } from "./read-model.ts";

assert(parentPort !== null, "this file is run as a thread");
const port = parentPort;
port.on("message", (sent: ToThread) => send(readSources(sent)));
send({ kind: "ready" });

function send(message: FromThread): void {
  port.postMessage(message);
}

/** Checked here as well, so that the other thread compiles only what is known to be good. */
function readSources({ files, choices }: ToThread): ImportedSources {
  const imported = importSources(files);
  if (imported.kind === "refused") return imported;
  const { kind, source } = imported;
  const checked = checkModel(source, undefined, choices);
  return checked.kind === "refused" ? checked : { kind, source };
}
