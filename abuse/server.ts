import { readFile } from "node:fs/promises";
import { createClient, type Client } from "../src/client/client.ts";
import { startProcess, type ServerProcess } from "../test/rpc/server-process.ts";
import { createTestDatabase } from "../test/support/database.ts";
import { knownAnswers, knownTenant, makeWorld } from "./world.ts";
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
      const answer = await client.authorization.check(
        { tenant: knownTenant, ...call },
        { deadlineMs: patienceMs },
      );
      if (answer.verdict !== verdict) tally.isWrong(`a known answer: ${answer.verdict}`);
    } catch (error) {
      answered = false;
      if (!mayFail) tally.isWrong(`a known question: ${String(error)}`);
    }
  }
  return answered;
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
