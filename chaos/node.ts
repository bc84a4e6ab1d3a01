import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { createClient, type Client } from "../src/client/client.ts";
import { findFakeTime, makeFakeClock, type FakeClock } from "./fake-clock.ts";
import type { Remains } from "../test/support/remains.ts";
import { startProxy, type Proxy } from "./proxy.ts";
import type { Terms } from "./terms.ts";

/** One server process behind a proxy of its own, and a client of it. */
export interface Node extends AsyncDisposable {
  readonly name: string;
  readonly client: Client;
  readonly httpUrl: string;
  readonly proxy: Proxy;
  readonly process: ChildProcess;
  /** Absent where the tool for it is. */
  readonly clock: FakeClock | undefined;
  /** While a fault is on it, and when the last one ended, by `performance.now()`. */
  faultUntilMs: number;
  /** Calls go on, and fail as those of a dead node do. */
  kill(): Promise<void>;
  /** To be called when nobody can pick the node any more. */
  forget(): void;
}

const clientCloseMs = 3000;
const program = join(import.meta.dirname, "../bin/prokura.js");
const brokenProgram = join(import.meta.dirname, "broken-server.ts");

export interface NodeOptions {
  readonly name: string;
  /** Of PostgreSQL itself. */
  readonly databaseUrl: string;
  /** A rule of the protocol that this server does not keep. */
  readonly broken: string | undefined;
  /** For the socket of its proxy. */
  readonly folder: string;
  readonly remains: Remains;
  readonly terms: Terms;
  /** Whether its wall clock can be set wrong, where the tool for it is there. */
  readonly stepsClocks?: boolean;
}

/** Resolves when it says where it listens. */
export async function startNode(options: NodeOptions): Promise<Node> {
  const { name, databaseUrl, broken, folder, remains, terms } = options;
  const url = new URL(databaseUrl);
  const proxy = await startProxy(decodeURIComponent(url.host), folder);
  const proxied = databaseUrl.replace(url.host, encodeURIComponent(proxy.folder));
  const library = options.stepsClocks === true ? findFakeTime() : undefined;
  const clock = library === undefined ? undefined : await makeFakeClock(library, proxy.folder);
  const start = broken === undefined ? [program, "serve"] : [brokenProgram, broken];
  const child = spawn(
    process.execPath,
    [
      ...start,
      `--database-url=${proxied}`,
      `--node-name=${name}`,
      "--grpc-listen=127.0.0.1:0",
      "--http-listen=127.0.0.1:0",
      "--log-format=json",
      `--data-dir=${proxy.folder}`,
      // As many checks as can be: a row for each would be most of the load.
      "--decision-log=off",
      `--lease-serve=${terms.serveMs}ms`,
      `--lease-kill=${terms.killMs}ms`,
      `--lease-renew=${terms.renewMs}ms`,
    ],
    {
      stdio: ["ignore", "ignore", "pipe"],
      env: { ...process.env, ...clock?.environment },
    },
  );
  if (child.pid !== undefined) remains.addProcess(child.pid, encodeURIComponent(proxy.folder));
  const { grpc, http } = await addressesOf(child).catch(async (cause: unknown) => {
    await proxy[Symbol.asyncDispose]();
    throw cause;
  });
  const client = createClient({ address: grpc });
  const kill = async (): Promise<void> => {
    if (child.exitCode === null && child.signalCode === null) {
      const gone = once(child, "exit");
      child.kill("SIGKILL");
      await gone;
    }
    await proxy[Symbol.asyncDispose]();
  };
  return {
    name,
    client,
    httpUrl: `http://${http}`,
    proxy,
    process: child,
    clock,
    faultUntilMs: -Infinity,
    kill,
    // Whoever has picked it already may still be about to call.
    forget: () => void setTimeout(() => client.close(), clientCloseMs).unref(),
    [Symbol.asyncDispose]: kill,
  };
}

async function addressesOf(
  child: ChildProcess,
): Promise<{ readonly grpc: string; readonly http: string }> {
  const { promise, resolve, reject } = Promise.withResolvers<{ grpc: string; http: string }>();
  const lines: string[] = [];
  if (child.stderr === null) throw new Error("the server has no standard error");
  createInterface({ input: child.stderr }).on("line", (line) => {
    if (lines.length < 100) lines.push(line);
    const said: unknown = line.startsWith("{") ? JSON.parse(line) : undefined;
    if (typeof said !== "object" || said === null) return;
    if ("grpc" in said && "http" in said) {
      resolve({ grpc: String(said.grpc), http: String(said.http) });
    }
  });
  child.once("exit", () => reject(new Error(`the server ended:\n${lines.join("\n")}`)));
  return await promise;
}
