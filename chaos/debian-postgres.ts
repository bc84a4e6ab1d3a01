import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync, readlinkSync } from "node:fs";
import { mkdir, open, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import { Client } from "pg";
import { commandFor, type EmbeddedAccount } from "../src/store/embedded-account.ts";
import { embeddedRole, own } from "../src/store/embedded-cluster.ts";
import { socketAddress } from "../src/store/embedded-socket.ts";

const installedIn = "/usr/lib/postgresql";
const startTimeoutMs = 30_000;

/** The folder of programs of the newest version that is installed of those that the service runs on. */
export function findDebianPostgres(): string | undefined {
  if (!existsSync(installedIn)) return undefined;
  const folders = readdirSync(installedIn)
    .filter((version) => Number(version) >= 15 && Number(version) <= 18)
    .toSorted((left, right) => Number(right) - Number(left))
    .map((version) => join(installedIn, version, "bin"));
  return folders.find((folder) =>
    ["initdb", "pg_basebackup", "postgres"].every((program) => existsSync(join(folder, program))),
  );
}

/** Asks Debian's packages. True if the programs are there afterwards. */
export function installDebianPostgres(): boolean {
  const apt = (...args: readonly string[]): void =>
    void spawnSync("apt-get", [...args], {
      stdio: ["ignore", "ignore", "inherit"],
      env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
    });
  apt("update", "-qq");
  apt("install", "-qq", "-y", "--no-install-recommends", "postgresql");
  return findDebianPostgres() !== undefined;
}

export interface Place {
  /** Of the programs. */
  readonly programs: string;
  readonly account: EmbeddedAccount;
  /** A folder for all that the server has, which does not exist yet. */
  readonly folder: string;
  readonly settings: Readonly<Record<string, string>>;
}

/** One PostgreSQL server that can be killed, started again and promoted. */
export class DebianPostgres {
  readonly socketFolder: string;
  readonly #place: Place;
  readonly #dataFolder: string;
  #process: ChildProcess | undefined;

  private constructor(place: Place) {
    this.#place = place;
    this.#dataFolder = join(place.folder, "data");
    this.socketFolder = join(place.folder, "s");
  }

  /** A primary on new data. */
  static async make(place: Place): Promise<DebianPostgres> {
    const server = await DebianPostgres.#at(place);
    await server.#run("initdb", [
      `--pgdata=${server.#dataFolder}`,
      `--username=${embeddedRole}`,
      "--encoding=UTF8",
      "--no-locale",
      "--auth-local=trust",
      "--auth-host=reject",
      "--no-sync",
    ]);
    await server.start();
    await server.query("create database prokura", "postgres");
    return server;
  }

  /** A standby with the data of a primary, which it follows by way of `primaryFolder`. */
  static async follow(
    place: Place,
    primary: DebianPostgres,
    primaryFolder: string,
  ): Promise<DebianPostgres> {
    const conninfo = `host=${primaryFolder} user=${embeddedRole} application_name=standby`;
    const settings = { ...place.settings, primary_conninfo: conninfo };
    const server = await DebianPostgres.#at({ ...place, settings });
    await server.#run("pg_basebackup", [
      `--pgdata=${server.#dataFolder}`,
      `--host=${primary.socketFolder}`,
      `--username=${embeddedRole}`,
      "--wal-method=stream",
      "--checkpoint=fast",
      "--no-sync",
    ]);
    await writeFile(join(server.#dataFolder, "standby.signal"), "");
    await server.start();
    return server;
  }

  static async #at(place: Place): Promise<DebianPostgres> {
    const server = new DebianPostgres(place);
    await mkdir(place.folder);
    await own(place.folder, place.account);
    await mkdir(server.socketFolder);
    await own(server.socketFolder, place.account);
    return server;
  }

  get address(): string {
    return socketAddress(this.socketFolder, "prokura");
  }

  /** Returns when it answers. After a kill it recovers first. */
  async start(): Promise<void> {
    const { programs, account, settings, folder } = this.#place;
    const all = { ...settings, listen_addresses: "", unix_socket_directories: this.socketFolder };
    const { program, args, options } = commandFor(account, join(programs, "postgres"), [
      "-D",
      this.#dataFolder,
      ...Object.entries(all).flatMap(([name, value]) => ["-c", `${name}=${value}`]),
    ]);
    const log = await open(join(folder, "log"), "a");
    const child = spawn(program, args, { ...options, cwd: "/", stdio: ["ignore", log.fd, log.fd] });
    await log.close();
    this.#process = child;
    const deadlineMs = performance.now() + startTimeoutMs;
    while (!(await this.#answers())) {
      if (child.exitCode !== null || performance.now() > deadlineMs) {
        throw new Error(`PostgreSQL does not start, see ${join(folder, "log")}`);
      }
      await sleep(20);
    }
  }

  /** -9 to all of its processes, as when the machine goes. Returns when none is left. */
  async kill(): Promise<void> {
    const child = this.#process;
    if (child === undefined) return;
    this.#process = undefined;
    const gone = child.exitCode === null && child.signalCode === null ? once(child, "exit") : [];
    for (;;) {
      const processes = processesIn(this.#dataFolder);
      if (processes.length === 0) break;
      for (const processId of processes) killQuietly(processId);
      await sleep(5);
    }
    await gone;
  }

  /** Ends it and removes its data. */
  async remove(): Promise<void> {
    await this.kill();
    await rm(this.#place.folder, { recursive: true, force: true });
  }

  /** Makes the standby a primary on a timeline of its own. */
  async promote(): Promise<void> {
    await this.query("select pg_promote()");
  }

  async query<Row extends object>(statement: string, database = "prokura"): Promise<Row[]> {
    const client = new Client({
      connectionString: socketAddress(this.socketFolder, database),
      // What is done here must not wait for the standby.
      options: "-c synchronous_commit=local",
    });
    client.on("error", () => {}); // The query is rejected as well.
    await client.connect();
    try {
      return (await client.query<Row>(statement)).rows;
    } finally {
      await client.end();
    }
  }

  async #answers(): Promise<boolean> {
    return await this.query("select 1", "postgres").then(
      () => true,
      () => false,
    );
  }

  async #run(name: string, given: readonly string[]): Promise<void> {
    const { programs, account } = this.#place;
    const { program, args, options } = commandFor(account, join(programs, name), given);
    const child = spawn(program, args, {
      ...options,
      cwd: "/",
      stdio: ["ignore", "ignore", "pipe"],
    });
    const [said] = await Promise.all([text(child.stderr), once(child, "exit")]);
    if (child.exitCode !== 0) throw new Error(`${name} fails: ${said}`);
  }
}

/** PostgreSQL's processes all work in the data folder. */
function processesIn(dataFolder: string): readonly number[] {
  return readdirSync("/proc")
    .filter((name) => /^[0-9]+$/.test(name) && folderOf(name) === dataFolder)
    .map(Number);
}

function folderOf(processId: string): string | undefined {
  try {
    return readlinkSync(`/proc/${processId}/cwd`);
  } catch {
    return undefined; // It has ended.
  }
}

function killQuietly(processId: number): void {
  try {
    process.kill(processId, "SIGKILL");
  } catch {
    // It has ended.
  }
}
