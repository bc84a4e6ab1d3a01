import { chown } from "node:fs/promises";
import { join } from "node:path";
import { DebianPostgres, type Place } from "./debian-postgres.ts";
import { own } from "../src/store/embedded-cluster.ts";
import { socketName, startProxy, type Proxy } from "./proxy.ts";
import { readTruths, type Truths } from "./truth.ts";

export interface PairOptions extends Pick<Place, "programs" | "account"> {
  /** Everything is below it. */
  readonly folder: string;
  /** Whether commits wait for the standby. */
  readonly synchronous: boolean;
  readonly tenants: readonly string[];
}

const common: Readonly<Record<string, string>> = {
  // Processes are killed, never the machine: what the system was given it keeps.
  fsync: "off",
  max_connections: "300",
  max_wal_senders: "10",
  wal_keep_size: "256MB",
  wal_retrieve_retry_interval: "100ms",
  restart_after_crash: "off",
};

/** A primary and its standby, which takes its place again and again. */
export class Pair {
  /** What is written to the log comes to the standby by it. */
  readonly #way: Proxy;
  readonly #options: PairOptions;
  /** What each primary says of its timeline, in their order; without the one that there is now. */
  readonly #past = new Map<string, Truths>();
  #primary: DebianPostgres;
  #standby: DebianPostgres | undefined;
  #count: number;

  private constructor(options: PairOptions, way: Proxy, primary: DebianPostgres) {
    this.#options = options;
    this.#way = way;
    this.#primary = primary;
    this.#count = 1;
  }

  static async start(options: PairOptions): Promise<Pair> {
    const { account } = options;
    const primary = await DebianPostgres.make(placeOf(options, 1));
    const way = await startProxy(primary.socketFolder, options.folder);
    await own(way.folder, account);
    if (account.kind === "account") {
      await chown(join(way.folder, socketName), account.uid, account.gid);
    }
    const pair = new Pair(options, way, primary);
    await pair.addStandby();
    return pair;
  }

  get primary(): DebianPostgres {
    return this.#primary;
  }

  get isSynchronous(): boolean {
    return this.#options.synchronous;
  }

  /** From now on the standby gets nothing; what is on its way gets lost. */
  holdBack(): void {
    this.#way.replies = "hold";
  }

  /** Makes the standby the primary, and returns the one that was it. The two hear nothing of each other. */
  async promote(): Promise<DebianPostgres> {
    const standby = this.#standby;
    if (standby === undefined) throw new Error("there is no standby");
    this.#way.accepts = false;
    this.#way.cut();
    const former = this.#primary;
    await standby.promote();
    this.#primary = standby;
    this.#standby = undefined;
    return former;
  }

  /** Keeps what the former primary says, all that could be read of it, and removes it. */
  async retire(former: DebianPostgres): Promise<void> {
    this.#past.set(await timelineOf(former), await this.#read(former));
    await former.remove();
  }

  async addStandby(): Promise<void> {
    this.#way.databaseFolder = this.#primary.socketFolder;
    this.#way.replies = "open";
    this.#way.accepts = true;
    this.#count += 1;
    const place = placeOf(this.#options, this.#count);
    this.#standby = await DebianPostgres.follow(place, this.#primary, this.#way.folder);
  }

  async truths(): Promise<ReadonlyMap<string, Truths>> {
    const now = [await timelineOf(this.#primary), await this.#read(this.#primary)] as const;
    return new Map([...this.#past, now]);
  }

  async stop(): Promise<void> {
    await this.#standby?.kill();
    await this.#primary.kill();
    await this.#way[Symbol.asyncDispose]();
  }

  #read(server: DebianPostgres): Promise<Truths> {
    return readTruths(server.address, this.#options.tenants);
  }
}

function placeOf(options: PairOptions, count: number): Place {
  const { programs, account, folder, synchronous } = options;
  const settings = { ...common, synchronous_standby_names: synchronous ? "standby" : "" };
  return { programs, account, folder: join(folder, `${count}`), settings };
}

async function timelineOf(server: DebianPostgres): Promise<string> {
  const [row] = await server.query<{ readonly timeline: string }>(
    "select prokura_timeline() as timeline",
  );
  if (row === undefined) throw new Error("a server has no timeline");
  return row.timeline;
}
