import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { open, readFile, stat, truncate } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { Client } from "pg";
import { DomainError } from "../core/error.ts";
import { commandFor, type EmbeddedAccount } from "./embedded-account.ts";
import type { EmbeddedBinaries } from "./embedded-binaries.ts";
import { readPostmasterFile, socketAddress } from "./embedded-socket.ts";

declare module "pg" {
  // Present in the package, absent from its types.
  interface ClientBase {
    ref(): void;
    unref(): void;
  }
}

/** What a PostgreSQL is started with. */
export interface ServerLaunch {
  readonly dataFolder: string;
  readonly logFile: string;
  readonly account: EmbeddedAccount;
  readonly binaries: EmbeddedBinaries;
  readonly settings: Readonly<Record<string, string>>;
}

/** A PostgreSQL that answers. `lock` is the session by which this process alone uses the data. */
export interface RunningServer {
  readonly processId: number;
  readonly socketFolder: string;
  readonly lock: Client;
}

const startTimeoutMs = 120_000;
const stopTimeoutMs = 60_000;
const lockTimeoutMs = 3_000;
const pollMs = 10;
const logBytesMax = 16 * 1024 * 1024;
/** An arbitrary number of ours. The lock ends with the session, and the session with its process. */
const lockKey = "7765746231";

/** Takes over the PostgreSQL that runs on the data already; `undefined` where none does. */
export async function adoptServer(dataFolder: string): Promise<RunningServer | undefined> {
  const file = await readPostmasterFile(dataFolder);
  if (file === undefined || !isAlive(file.processId)) return undefined;
  const lock = await connect(file.socketFolder, Date.now() + startTimeoutMs, () =>
    isAlive(file.processId),
  );
  if (lock === undefined) return undefined;
  await takeLock(lock, dataFolder);
  return { ...file, lock };
}

/** Starts PostgreSQL on the data. It outlives this process if that is killed. */
export async function startServer(
  launch: ServerLaunch,
  socketFolder: string,
): Promise<RunningServer> {
  const child = await spawnServer(launch, socketFolder);
  const lock = await connect(
    socketFolder,
    Date.now() + startTimeoutMs,
    () => child.exitCode === null && child.signalCode === null,
  );
  const processId = child.pid;
  if (lock === undefined || processId === undefined) {
    const lines = (await readFile(launch.logFile, "utf8")).trim().split("\n");
    throw new DomainError(
      "not_serving",
      `PostgreSQL does not start on \`${launch.dataFolder}\`: ${lines.slice(-3).join(" ")}`,
    );
  }
  await takeLock(lock, launch.dataFolder);
  return { processId, socketFolder, lock };
}

/** Asks for a fast shutdown, and returns when the process has gone. */
export async function stopServer(server: RunningServer): Promise<void> {
  // It kept no process alive until now; the goodbye has to be waited for.
  server.lock.ref();
  await server.lock.end().catch(() => undefined);
  if (isAlive(server.processId)) process.kill(server.processId, "SIGINT");
  const deadline = Date.now() + stopTimeoutMs;
  while (isAlive(server.processId)) {
    if (Date.now() > deadline) {
      throw new DomainError(
        "not_serving",
        `PostgreSQL, process ${server.processId}, has not stopped in ${stopTimeoutMs} ms`,
      );
    }
    await sleep(pollMs);
  }
}

async function spawnServer(launch: ServerLaunch, socketFolder: string) {
  const settings = { ...launch.settings, unix_socket_directories: socketFolder };
  const { program, args, options } = commandFor(launch.account, launch.binaries.postgres, [
    "-D",
    launch.dataFolder,
    ...Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`]),
  ]);
  const bytes = await stat(launch.logFile).then(
    (found) => found.size,
    () => 0,
  );
  if (bytes > logBytesMax) await truncate(launch.logFile);
  const output = await open(launch.logFile, "a", 0o600);
  try {
    const child = spawn(program, args, {
      ...options,
      cwd: "/",
      env: { ...launch.binaries.environment, PATH: process.env["PATH"] ?? "/usr/bin:/bin" },
      stdio: ["ignore", output.fd, output.fd],
      // A session of its own: an interrupt from the terminal is for this process alone.
      detached: true,
    });
    await new Promise((resolve, reject) => {
      child.once("spawn", resolve);
      child.once("error", reject);
    });
    child.unref();
    return child;
  } finally {
    await output.close();
  }
}

/** Tries until PostgreSQL answers; `undefined` where `goesOn` turns false first. */
async function connect(
  socketFolder: string,
  deadlineMs: number,
  goesOn: () => boolean,
): Promise<Client | undefined> {
  while (goesOn()) {
    const client = new Client({
      connectionString: socketAddress(socketFolder, "postgres"),
      application_name: "prokura launcher",
    });
    // The end of the session is seen by whoever watches it; unwatched it must not end the process.
    client.on("error", () => undefined);
    try {
      await client.connect();
      return client;
    } catch (cause) {
      if (Date.now() > deadlineMs) {
        throw new DomainError("not_serving", "PostgreSQL runs but does not answer", { cause });
      }
    }
    await sleep(pollMs);
  }
  return undefined;
}

/** The session of a node that was killed ends within moments, so a held lock is tried for a while. */
async function takeLock(client: Client, dataFolder: string): Promise<void> {
  const deadline = Date.now() + lockTimeoutMs;
  for (;;) {
    const { rows } = await client.query<{ taken: boolean }>(
      `select pg_try_advisory_lock(${lockKey}) as taken`,
    );
    if (rows[0]?.taken === true) return;
    if (Date.now() > deadline) {
      await client.end();
      throw new DomainError(
        "not_serving",
        `another node uses \`${dataFolder}\`, stop it or choose another data directory`,
      );
    }
    await sleep(pollMs * 10);
  }
}

function isAlive(processId: number): boolean {
  try {
    process.kill(processId, 0);
    return !isZombie(processId);
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}

/** An adopted process has another parent, which may be slow to take notice of its end. */
function isZombie(processId: number): boolean {
  if (process.platform !== "linux") return false;
  try {
    return /\) Z/.test(readFileSync(`/proc/${processId}/stat`, "utf8"));
  } catch {
    return false;
  }
}
