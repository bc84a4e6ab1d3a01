import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { createClient, type Client } from "../../src/client/client.ts";

/** `bin/prokura.js serve` of some checkout in a process of its own, with everything on. */
export interface NodeProcess extends AsyncDisposable {
  readonly grpcPort: number;
  readonly httpPort: number;
  readonly processId: number;
  /** An API key that may do everything, which load shows with every request. */
  readonly token: string;
  readonly client: Client;
}

// Of its log, for when it does not start.
const linesKept = 20;

/** `environment` says which database. Resolves when the server answers. */
export async function startNode(
  root: string,
  environment: Readonly<Record<string, string>>,
  args: readonly string[] = [],
): Promise<NodeProcess> {
  const { child, grpcPort, httpPort } = await launchNode(root, environment, args);
  const token = await makeKey(grpcPort);
  const client = createClient({ address: `127.0.0.1:${grpcPort}`, deadlineMs: 60_000, token });
  return {
    grpcPort,
    httpPort,
    processId: child.processId,
    token,
    client,
    [Symbol.asyncDispose]: async () => {
      client.close();
      await child.stop();
    },
  };
}

/** A node that nobody has talked to. */
export interface LaunchedNode {
  readonly child: { readonly processId: number; stop(): Promise<void> };
  readonly grpcPort: number;
  readonly httpPort: number;
}

/** The bare process, as soon as it listens. */
export async function launchNode(
  root: string,
  environment: Readonly<Record<string, string>>,
  args: readonly string[] = [],
): Promise<LaunchedNode> {
  const program = join(root, "bin", "prokura.js");
  const listen = ["--grpc-listen=127.0.0.1:0", "--http-listen=127.0.0.1:0", "--log-format=json"];
  const child = spawn(process.execPath, [program, "serve", ...listen, ...args], {
    env: { ...process.env, ...environment },
    stdio: ["ignore", "inherit", "pipe"],
  });
  const ready = Promise.withResolvers<{ readonly grpc: string; readonly http: string }>();
  const exited = once(child, "exit");
  const lines: string[] = [];
  createInterface({ input: child.stderr }).on("line", (line) => {
    lines.push(line);
    if (lines.length > linesKept) lines.shift();
    const parsed: unknown = line.startsWith("{") ? JSON.parse(line) : undefined;
    if (typeof parsed !== "object" || parsed === null) return;
    if ("level" in parsed && (parsed.level === "error" || parsed.level === "fatal")) {
      process.stderr.write(`\nthe server says: ${line}\n`);
    }
    if ("grpc" in parsed && "http" in parsed) {
      ready.resolve({ grpc: String(parsed.grpc), http: String(parsed.http) });
    }
  });
  void exited.then(() => ready.reject(new Error(`the server ended:\n${lines.join("\n")}`)));
  const { grpc, http } = await ready.promise;
  if (child.pid === undefined) throw new Error("the server has no process id");
  return {
    child: {
      processId: child.pid,
      stop: async () => {
        if (child.exitCode === null && child.signalCode === null) child.kill("SIGTERM");
        await exited;
      },
    },
    grpcPort: portOf(grpc),
    httpPort: portOf(http),
  };
}

/** Whoever shows nothing may do everything on a loopback: also make a key. */
async function makeKey(grpcPort: number): Promise<string> {
  using client = createClient({ address: `127.0.0.1:${grpcPort}`, deadlineMs: 30_000 });
  const { secret } = await client.admin.createApiKey({
    tenant: "system",
    name: "load",
    permissions: ["admin"],
  });
  return secret;
}

function portOf(address: string): number {
  return Number(address.slice(address.lastIndexOf(":") + 1));
}
