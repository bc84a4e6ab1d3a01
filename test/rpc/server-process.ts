import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { removeWithProcess } from "../support/remains.ts";

/** `bin/prokura.js serve` in a process of its own, on free ports. */
export interface ServerProcess extends AsyncDisposable {
  readonly grpcAddress: string;
  readonly httpUrl: string;
  readonly processId: number;
  isRunning(): boolean;
  /** Everything that it logged. */
  readonly lines: readonly string[];
  /** Sends the signal, and resolves to the exit code. */
  stop(signal: "SIGTERM" | "SIGKILL"): Promise<number | null>;
}

let folder: Promise<string> | undefined;

/** Where servers keep their keys; it goes with this process. */
async function dataFolder(): Promise<string> {
  folder ??= mkdtemp(join(tmpdir(), "prokura-test-keys-")).then((made) => {
    removeWithProcess(made);
    return made;
  });
  return await folder;
}

const program = fileURLToPath(new URL("../../bin/prokura.js", import.meta.url));

/** Resolves when the server says where it listens. */
export async function startProcess(
  args: readonly string[],
  environment: Readonly<Record<string, string>>,
): Promise<ServerProcess> {
  const listen = ["--grpc-listen=127.0.0.1:0", "--http-listen=127.0.0.1:0", "--log-format=json"];
  const child = spawn(process.execPath, [program, "serve", ...listen, ...args], {
    env: { ...process.env, PROKURA_DATA_DIR: await dataFolder(), ...environment },
    stdio: ["ignore", "inherit", "pipe"],
  });
  const exited = once(child, "exit").then(([code]) => Number(code));
  const lines: string[] = [];
  const ready = Promise.withResolvers<{ readonly grpc: string; readonly http: string }>();
  createInterface({ input: child.stderr }).on("line", (line) => {
    lines.push(line);
    const parsed: unknown = line.startsWith("{") ? JSON.parse(line) : undefined;
    if (typeof parsed !== "object" || parsed === null) return;
    if ("grpc" in parsed && "http" in parsed) {
      ready.resolve({ grpc: String(parsed.grpc), http: String(parsed.http) });
    }
  });
  void exited.then(() => ready.reject(new Error(`the server ended:\n${lines.join("\n")}`)));
  const { grpc, http } = await ready.promise;
  assert(child.pid !== undefined);
  const stop = async (signal: "SIGTERM" | "SIGKILL"): Promise<number | null> => {
    child.kill(signal);
    return await exited;
  };
  return {
    grpcAddress: grpc,
    httpUrl: `http://${http}`,
    processId: child.pid,
    isRunning: () => child.exitCode === null && child.signalCode === null,
    lines,
    stop,
    [Symbol.asyncDispose]: async () => {
      if (child.exitCode === null && child.signalCode === null) await stop("SIGTERM");
    },
  };
}
