import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import { controlOf, type PeerAnswer, type PeerCheck, type PeerRequest } from "./peer-job.ts";
import { loadSpicedb, type SpicedbLibrary } from "./spicedb-library.ts";

// SpiceDB and its callers, and nothing else: what this process spends is what the checks cost.

const callerCount = 4;

interface Callers {
  readonly control: SharedArrayBuffer;
  /** Rejects when a thread ends of an error. */
  readonly failed: Promise<never>;
}

const callersByChecks = new Map<string, Callers>();

let started: { readonly library: SpicedbLibrary; readonly handle: number } | undefined;
let folder = "";

process.on("message", (request: PeerRequest) => {
  void answer(request).then(
    (found) => process.send?.(found),
    (error: unknown) => process.send?.({ kind: "failed", problem: String(error) }),
  );
});

async function answer(request: PeerRequest): Promise<PeerAnswer> {
  switch (request.kind) {
    case "start": {
      folder = request.packageFolder;
      const library = await loadSpicedb(folder);
      started = { library, handle: library.start(request.world) };
      return { kind: "started" };
    }
    case "ask": {
      const { library, handle } = running();
      const allowed = request.checks.map((check) =>
        library.isAllowed(library.call(handle, library.encode(check))),
      );
      return { kind: "asked", allowed };
    }
    case "measure":
      return await measure(request.checks, request.seconds, request.warmUpSeconds);
  }
}

async function measure(
  checks: readonly PeerCheck[],
  seconds: number,
  warmUpSeconds: number,
): Promise<PeerAnswer> {
  const callers = callersOf(checks);
  const control = new Int32Array(callers.control);
  const measured = async (): Promise<PeerAnswer> => {
    const before = Atomics.load(control, controlOf.calls);
    Atomics.store(control, controlOf.running, 1);
    Atomics.notify(control, controlOf.running);
    // Before the first answer there is nothing to warm up.
    while (Atomics.load(control, controlOf.calls) === before) await sleep(10);
    await sleep(warmUpSeconds * 1000);
    const cpu = process.cpuUsage();
    const from = Atomics.load(control, controlOf.calls);
    const startedMs = performance.now();
    await sleep(seconds * 1000);
    const count = Atomics.load(control, controlOf.calls) - from;
    const elapsedMs = performance.now() - startedMs;
    const { user, system } = process.cpuUsage(cpu);
    Atomics.store(control, controlOf.running, 0);
    return {
      kind: "measured",
      cpuUs: (user + system) / count,
      perSecond: (count * 1000) / elapsedMs,
    };
  };
  return await Promise.race([measured(), callers.failed]);
}

/** They stay, and wait: it takes a second to start them. */
function callersOf(checks: readonly PeerCheck[]): Callers {
  const known = JSON.stringify(checks);
  const found = callersByChecks.get(known) ?? startCallers(checks);
  callersByChecks.set(known, found);
  return found;
}

function startCallers(checks: readonly PeerCheck[]): Callers {
  const control = new SharedArrayBuffer(8);
  const program = new URL("./caller-process.ts", import.meta.url);
  const workerData = { packageFolder: folder, handle: running().handle, checks, control };
  const workers = Array.from({ length: callerCount }, () => new Worker(program, { workerData }));
  const failed = Promise.race(
    workers.map(async (worker) => {
      const [error] = await once(worker, "error");
      throw error;
    }),
  );
  return { control, failed };
}

function running(): NonNullable<typeof started> {
  if (started === undefined) throw new Error("SpiceDB was not started");
  return started;
}
