import { spawn } from "node:child_process";
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { open, readFile, rm, stat, truncate } from "node:fs/promises";
import { join } from "node:path";
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
const remainsTimeoutMs = 5_000;
const pollMs = 10;
const logBytesMax = 16 * 1024 * 1024;
/** An arbitrary number of ours. The lock ends with the session, and the session with its process. */
const lockKey = "7765746231";

/** Takes over the PostgreSQL that runs on the data already; `undefined` where none does. */
export async function adoptServer(dataFolder: string): Promise<RunningServer | undefined> {
  const file = await readPostmasterFile(dataFolder);
  if (file === undefined) return undefined;
  const runs = (): boolean => isServer(file.processId, dataFolder);
  const lock = await connect(file.socketFolder, Date.now() + startTimeoutMs, runs);
  if (lock === undefined) return undefined;
  await takeLock(lock, dataFolder);
  return { ...file, lock };
}

/** Starts PostgreSQL on the data. It outlives this process if that is killed. */
export async function startServer(
  launch: ServerLaunch,
  socketFolder: string,
): Promise<RunningServer> {
  await clearRemains(launch.dataFolder);
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
export async function stopServer(server: RunningServer, dataFolder: string): Promise<void> {
  // It kept no process alive until now; the goodbye has to be waited for.
  server.lock.ref();
  await server.lock.end().catch(() => undefined);
  const runs = (): boolean => isServer(server.processId, dataFolder);
  if (runs()) process.kill(server.processId, "SIGINT");
  const deadline = Date.now() + stopTimeoutMs;
  while (runs()) {
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

/**
 * Whether the process is the PostgreSQL of these data. A number alone says little: after a restart of
 * the machine it may be anybody's, and one that has ended keeps its number until its parent takes
 * notice.
 */
function isServer(processId: number, dataFolder: string): boolean {
  if (process.platform === "linux") {
    return readQuietly(`/proc/${processId}/cmdline`).split("\0").includes(dataFolder);
  }
  try {
    process.kill(processId, 0);
    return true;
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}

/**
 * Makes room after a PostgreSQL that was killed: its own processes end by themselves within moments,
 * and its lock file, whose number may seem alive, is removed. Should one of them be left all the same,
 * PostgreSQL finds it by its shared memory and does not start.
 */
async function clearRemains(dataFolder: string): Promise<void> {
  if (process.platform !== "linux") return;
  const deadline = Date.now() + remainsTimeoutMs;
  while (processesIn(dataFolder) > 0 && Date.now() < deadline) await sleep(pollMs);
  const file = await readPostmasterFile(dataFolder);
  if (file !== undefined && !isServer(file.processId, dataFolder)) {
    await rm(join(dataFolder, "postmaster.pid"), { force: true });
  }
}

/** PostgreSQL's processes all work in the data folder. */
function processesIn(dataFolder: string): number {
  const numbers = readdirSync("/proc").filter((name) => /^[0-9]+$/.test(name));
  return numbers.filter((number) => folderOf(number) === dataFolder).length;
}

function folderOf(processId: string): string | undefined {
  try {
    return readlinkSync(`/proc/${processId}/cwd`);
  } catch {
    return undefined; // It has ended, or it is another account's and then none of these.
  }
}

function readQuietly(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return ""; // The process has ended.
  }
}
