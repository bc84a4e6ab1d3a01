import { workerData } from "node:worker_threads";
import { controlOf, type CallerData } from "./peer-job.ts";
import { loadSpicedb } from "./spicedb-library.ts";

// A thread that asks SpiceDB one question after the other while it is told to. On the main thread Go
// would look up the bounds of its stack in every call, at two or three times the cost of the check.

const decodedOneIn = 64;

// What our own process hands over is what its type says.
// oxlint-disable-next-line typescript/no-unsafe-type-assertion
const { packageFolder, handle, checks, control } = workerData as CallerData;
const library = await loadSpicedb(packageFolder);
const messages = checks.map((check) => library.encode(check));
const counted = new Int32Array(control);
for (let asked = 0; ; asked += 1) {
  Atomics.wait(counted, controlOf.running, 0);
  const message = messages[asked % messages.length];
  if (message === undefined) throw new RangeError("there is nothing to ask");
  const answer = library.call(handle, message);
  if (asked % decodedOneIn === 0 && !library.isAllowed(answer)) {
    throw new Error("SpiceDB denied what it must allow");
  }
  Atomics.add(counted, controlOf.calls, 1);
}
