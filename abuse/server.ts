import { readFile } from "node:fs/promises";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { ApiError } from "../src/client/api-error.ts";
import { createClient, type Client } from "../src/client/client.ts";
import { startProcess, type ServerProcess } from "../test/rpc/server-process.ts";
import { createTestDatabase } from "../test/support/database.ts";
import type { Verdict } from "../src/gen/prokura/v1/authorization_pb.ts";
import { knownAnswers, knownTenant, makeWorld, type KnownCall } from "./world.ts";
import type { Tally } from "./tally.ts";

/** A real server with a world in it, and what is watched of it. */
export interface Victim extends AsyncDisposable {
  readonly process: ServerProcess;
  readonly client: Client;
  /** The most memory that it has held so far, in MiB. */
  peakMiB(): number;
  memoryMiB(): Promise<number>;
  /** Asks what is known. Wrong answers go to the tally, and so do errors unless they are let pass. */
  askKnown(tally: Tally, mayFail: boolean): Promise<boolean>;
  /** Lines of its log that tell of a bug. */
  bugs(): readonly string[];
}

const sampleMs = 100;
/** A machine that does other things as well may be slow, and is told so. */
const patienceMs = 20_000;
/** So long without a turn, and what this process took for late was its own fault. */
const stoodStillMs = 2_000;
const attemptsMax = 3;

export async function startVictim(args: readonly string[]): Promise<Victim> {
  const { connectionString } = await createTestDatabase();
  const server = await startProcess(args, { DATABASE_URL: connectionString });
  const client = createClient({ address: server.grpcAddress });
  await makeWorld(client);
  let peak = 0;
  const memoryMiB = async (): Promise<number> => {
    const now = await residentMiB(server.processId);
    peak = Math.max(peak, now);
    return now;
  };
  const sampling = setInterval(() => void memoryMiB(), sampleMs);
  return {
    process: server,
    client,
    memoryMiB,
    peakMiB: () => peak,
    askKnown: (tally, mayFail) => askKnown(client, tally, mayFail),
    bugs: () => server.lines.filter((line) => /failed on a bug|"level":60/.test(line)),
    [Symbol.asyncDispose]: async () => {
      clearInterval(sampling);
      client.close();
      await server[Symbol.asyncDispose]();
    },
  };
}

async function askKnown(client: Client, tally: Tally, mayFail: boolean): Promise<boolean> {
  let answered = true;
  for (const { call, verdict } of knownAnswers) {
    try {
      const answer = await askOne(client, call);
      if (answer !== verdict) tally.isWrong(`a known answer: ${answer}`);
    } catch (error) {
      answered = false;
      if (!mayFail) tally.isWrong(`a known question: ${String(error)}`);
    }
  }
  return answered;
}

/** Asks again where it was this process that stood still: its timers come before what has arrived. */
async function askOne(client: Client, call: KnownCall): Promise<Verdict> {
  for (let attempt = 1; ; attempt += 1) {
    const delay = monitorEventLoopDelay({ resolution: 20 });
    delay.enable();
    try {
      const options = { deadlineMs: patienceMs };
      return (await client.authorization.check({ tenant: knownTenant, ...call }, options)).verdict;
    } catch (error) {
      const isLate = error instanceof ApiError && error.code === "deadline_exceeded";
      if (!isLate || delay.max < stoodStillMs * 1e6 || attempt === attemptsMax) throw error;
    } finally {
      delay.disable();
    }
  }
}

/** 0 once it is gone. */
async function residentMiB(processId: number): Promise<number> {
  try {
    const status = await readFile(`/proc/${processId}/status`, "utf8");
    return Number(/^VmRSS:\s+([0-9]+) kB$/m.exec(status)?.[1] ?? 0) / 1024;
  } catch {
    return 0;
  }
}
