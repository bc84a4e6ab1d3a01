import { realpath } from "node:fs/promises";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { DomainError } from "../core/error.ts";
import { chooseEmbeddedAccount } from "./embedded-account.ts";
import { embeddedFolder, findEmbeddedBinaries } from "./embedded-binaries.ts";
import { ensureCluster, ensureEnterable, own } from "./embedded-cluster.ts";
import {
  adoptServer,
  startServer,
  stopServer,
  type RunningServer,
  type ServerLaunch,
} from "./embedded-server.ts";
import {
  makeSocketFolder,
  readPostmasterFile,
  removeSocketFolder,
  socketAddress,
} from "./embedded-socket.ts";

export interface EmbeddedOptions {
  /** Made if missing. PostgreSQL's own files are below it, in `postgres`. */
  readonly dataDir: string;
  /** Told what is being done, a line each. */
  readonly log: (message: string) => void;
  /** Settings of PostgreSQL that replace those of this file. */
  readonly settings?: Readonly<Record<string, string>>;
}

/** A PostgreSQL that this process runs. It is started again if it dies, at the same address. */
export interface EmbeddedPostgres {
  /** Address of the one database that the service uses. */
  readonly connectionString: string;
  /** How it came to run: on new data, on data that were there, or left running by a node that died. */
  readonly origin: "made" | "started" | "adopted";
  readonly processId: number;
  /** Disconnects whoever is connected, and returns when all is on disk. May be called twice. */
  stop(): Promise<void>;
}

const databaseName = "prokura";
const restartPauseMs = 500;

/** For a laptop that does other things as well. Durable: an answered commit survives a power cut. */
const defaultSettings: Readonly<Record<string, string>> = {
  listen_addresses: "",
  unix_socket_permissions: "0700",
  max_connections: "100",
  shared_buffers: "128MB",
  work_mem: "8MB",
  maintenance_work_mem: "64MB",
  max_wal_size: "512MB",
  max_parallel_workers_per_gather: "0",
  io_method: "sync",
  jit: "off",
  fsync: "on",
  full_page_writes: "on",
  synchronous_commit: "on",
  client_connection_check_interval: "1s",
  log_checkpoints: "off",
  log_timezone: "UTC",
  timezone: "UTC",
  cluster_name: "prokura",
};

/**
 * Starts PostgreSQL for the data in `dataDir`, or takes over one that a killed node left running.
 *
 * Fails with `not_supported` where this platform or account cannot run it, and with `not_serving`
 * where another living node uses the same data or PostgreSQL does not start.
 */
export async function startEmbeddedPostgres(options: EmbeddedOptions): Promise<EmbeddedPostgres> {
  const dataDir = resolve(options.dataDir);
  const account = await chooseEmbeddedAccount(join(dataDir, "postgres"), [embeddedFolder()]);
  await ensureEnterable(dataDir, account);
  const binaries = await findEmbeddedBinaries(join(dataDir, "postgres-libraries"));
  const origin = await ensureCluster(join(dataDir, "postgres"), binaries, account);
  const launch: ServerLaunch = {
    dataFolder: await realpath(join(dataDir, "postgres")),
    logFile: join(dataDir, "postgres.log"),
    account,
    binaries,
    settings: { ...defaultSettings, ...options.settings },
  };
  const adopted = await adoptServer(launch.dataFolder);
  const server = adopted ?? (await startAnew(launch));
  await ensureDatabase(server);
  const embedded = supervise(launch, server, options.log);
  const how = adopted !== undefined ? "adopted" : origin === "made" ? "made" : "started";
  options.log(`PostgreSQL is ${how}, process ${server.processId}, data in ${launch.dataFolder}`);
  return {
    connectionString: socketAddress(server.socketFolder, databaseName),
    origin: how,
    get processId() {
      return embedded.processId();
    },
    stop: embedded.stop,
  };
}

async function startAnew(launch: ServerLaunch): Promise<RunningServer> {
  const left = await readPostmasterFile(launch.dataFolder);
  const socketFolder = await makeSocketFolder(launch.account);
  try {
    const server = await startServer(launch, socketFolder);
    if (left !== undefined) await removeSocketFolder(left.socketFolder);
    return server;
  } catch (error) {
    // What was started may have been adopted by another node meanwhile: then the folder is that one's.
    const running = await readPostmasterFile(launch.dataFolder);
    if (running?.socketFolder !== socketFolder) await removeSocketFolder(socketFolder);
    throw error;
  }
}

async function ensureDatabase(server: RunningServer): Promise<void> {
  const { rowCount } = await server.lock.query("select 1 from pg_database where datname = $1", [
    databaseName,
  ]);
  if (rowCount === 0) await server.lock.query(`create database ${databaseName}`);
}

/** Starts the server again when its session ends unasked. */
function supervise(launch: ServerLaunch, first: RunningServer, log: (message: string) => void) {
  let server = first;
  let stopped: Promise<void> | undefined;
  let reviving: Promise<void> = Promise.resolve();
  watch();

  return { processId: () => server.processId, stop };

  function watch(): void {
    server.lock.unref();
    server.lock.once("end", () => {
      if (stopped === undefined) reviving = revive();
    });
  }

  async function revive(): Promise<void> {
    log(`PostgreSQL, process ${server.processId}, has gone: starting it again`);
    while (stopped === undefined) {
      try {
        server = (await adoptServer(launch.dataFolder)) ?? (await restart());
        log(`PostgreSQL runs again, process ${server.processId}`);
        watch();
        return;
      } catch (error) {
        log(`PostgreSQL does not start: ${error instanceof Error ? error.message : String(error)}`);
        await sleep(restartPauseMs, undefined, { ref: false });
      }
    }
  }

  async function restart(): Promise<RunningServer> {
    return await startServer(launch, await sameSocketFolder());
  }

  async function sameSocketFolder(): Promise<string> {
    await own(server.socketFolder, launch.account).catch((cause: unknown) => {
      throw new DomainError("not_serving", `\`${server.socketFolder}\` has been removed`, {
        cause,
      });
    });
    return server.socketFolder;
  }

  function stop(): Promise<void> {
    stopped ??= reviving
      .then(() => stopServer(server, launch.dataFolder))
      .then(() => removeSocketFolder(server.socketFolder));
    return stopped;
  }
}
