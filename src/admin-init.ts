import { parseConfig, type Config } from "./config.ts";
import { DomainError } from "./core/error.ts";
import { openNode } from "./main.ts";
import { createLog } from "./rpc/log.ts";
import type { Services } from "./service/services.ts";
import { systemTenant } from "./service/system-graph.ts";

const usage = `usage: prokura admin init [--database-url URL | --data-dir PATH]

makes a key for an administrator of the whole deployment, and prints it once

Whoever reaches the database may run this: it asks nobody else. It is how a deployment begins, and how it
is entered again when all keys are lost. It takes the options of \`prokura serve\`.
`;

/** Returns the exit code: 0 with the key on standard output, 1 where it failed, 2 where it was called wrongly. */
export async function adminInit(argv: readonly string[]): Promise<number> {
  const [word, ...args] = argv;
  if (args.includes("--help") || args.includes("-h") || word !== "init") {
    process.stdout.write(usage);
    return word === "init" ? 0 : 2;
  }
  let config: Config;
  try {
    config = parseConfig(args, process.env);
  } catch (error) {
    return refuse(error, 2);
  }
  try {
    await using parts = new AsyncDisposableStack();
    // The chain of this machine's name is the server's, which may be running beside.
    const quiet: Config = { ...config, decisionLog: "off" };
    const { services } = await openNode(quiet, createLog("warn", "text"), parts);
    process.stdout.write(`${await makeAdministrator(services)}\n`);
    return 0;
  } catch (error) {
    return refuse(error, 1);
  }
}

async function makeAdministrator({ keys }: Services): Promise<string> {
  const context = {
    caller: { id: "admin init", proof: { kind: "process" as const } },
    tenant: systemTenant,
    signal: new AbortController().signal,
  };
  const options = { reason: "prokura admin init", skipBarrier: false };
  const request = { name: "administrator", permissions: ["admin" as const] };
  return (await keys.create(context, request, options)).secret;
}

function refuse(error: unknown, exitCode: number): number {
  if (!(error instanceof DomainError)) throw error;
  process.stderr.write(`prokura: ${error.message}\n`);
  return exitCode;
}
