import { DomainError } from "../../../src/core/error.ts";
import type { RevisionChange } from "../../../src/core/change.ts";
import type { ConsistencyToken, Revision, Timeline } from "../../../src/core/revision.ts";
import type { Db, Poll, Scan } from "../../../src/replica/db.ts";
import type { SimulatedDatabase } from "./database.ts";
import type { Chance, Scheduler } from "./scheduler.ts";

/** How bad one history's network is. */
export interface Weather {
  /** Probability that a message is slow, and that it never arrives. */
  readonly slow: number;
  readonly lost: number;
  /** After which a client gives a statement up. The statement may be executed all the same. */
  readonly timeoutMs: number;
  readonly slowMs: number;
  /** One kind of statement has it worse: rare orders of events show where one thing is slow. */
  readonly hindered: {
    readonly statement: Statement;
    readonly direction: "requests" | "replies";
    readonly byMs: number;
  };
}

/** What the database tells of one process to the others, if it arrives. */
export interface Hints {
  readonly announced: (position: ConsistencyToken, changes: readonly RevisionChange[]) => void;
  readonly acknowledged: (name: string, position: ConsistencyToken, leaseId: string) => void;
}

export type Statement = keyof Db | "write" | "model" | "unsubscribe";

const failOverWait = "the wait after a failover";
const failOverWaitMs = 1500;

/** The connections of one process: every statement a request, an execution and a reply. */
export class Link {
  /** While cut, requests or replies wait until the cut is over. */
  requestsCutUntilMs = 0;
  repliesCutUntilMs = 0;
  /** Where new statements go; those under way stay where they were sent. */
  database: SimulatedDatabase;
  readonly #scheduler: Scheduler;
  readonly #chance: Chance;
  readonly #weather: Weather;
  readonly #deliver: (run: () => void) => void;
  /** P1 alone: the head that the registration read, by tenant. */
  readonly #joinedAt = new Map<string, Revision>();
  /** P4 alone. */
  #timeline: Timeline | undefined;
  #failOverNoticedMs = -Infinity;

  constructor(
    database: SimulatedDatabase,
    scheduler: Scheduler,
    chance: Chance,
    weather: Weather,
    deliver: (run: () => void) => void,
  ) {
    this.database = database;
    this.#scheduler = scheduler;
    this.#chance = chance;
    this.#weather = weather;
    this.#deliver = deliver;
  }

  /** `hints` go to the others; the process learns of its acknowledgements and leases. */
  db(
    hints: Hints,
    onRegister: (leaseId: string) => void,
    onAcknowledge: (tenant: string, applied: number) => void,
  ): Db {
    return {
      register: (lease) => {
        onRegister(lease.leaseId);
        return this.call("register", (database, done) => database.register(lease, done));
      },
      subscribe: (leaseId, tenant) => this.#subscribe(leaseId, tenant),
      renew: (leaseId) => this.call("renew", (database, done) => database.renew(leaseId, done)),
      acknowledge: (leaseId, applied, askedBy) => {
        onAcknowledge(applied.tenant, applied.revision);
        return this.call<undefined>("acknowledge", (database, done) =>
          database.acknowledge(leaseId, applied, (isSeen) => {
            const told = isSeen === true ? askedBy : [];
            for (const name of told) hints.acknowledged(name, applied, leaseId);
            done(isSeen instanceof Error ? isSeen : undefined);
          }),
        );
      },
      poll: (tenant, applied) => this.#poll(tenant, applied),
      load: (tenant, applied, keys) =>
        this.call("load", (database, done) => done(database.load(tenant, applied, keys))),
      scan: (wanted) =>
        this.call("scan", (database, done) => done(this.#heldUp(database.scan(wanted)))),
      kill: (leaseId, renewSeq) =>
        this.call("kill", (database, done) => database.kill(leaseId, renewSeq, done)),
      release: (leaseId) =>
        this.call<undefined>("release", (database, done) => database.release(leaseId, done)),
      notify: (position) =>
        this.call<undefined>("notify", (_database, done) => {
          hints.announced(position, []);
          done(undefined);
        }),
    };
  }

  async #subscribe(leaseId: string, tenant: string): Promise<"subscribed" | "lease_lost"> {
    const { joinInOneStatement, deleteSubscriptions } = this.database.faults;
    try {
      return await this.call("subscribe", (database, done) => {
        const head = database.headOf(tenant);
        if (joinInOneStatement === true) this.#joinedAt.set(tenant, head);
        database.subscribe(leaseId, tenant, done);
      });
    } catch (cause) {
      if (deleteSubscriptions === true) {
        const late = this.call<undefined>("unsubscribe", (database, done) =>
          database.unsubscribe(leaseId, tenant, done),
        );
        late.catch(() => {});
      }
      throw cause;
    }
  }

  #poll(tenant: string, applied: number): Promise<Poll> {
    const joinedAt = this.#joinedAt.get(tenant);
    this.#joinedAt.delete(tenant);
    return this.call("poll", (database, done) =>
      done(
        joinedAt === undefined || joinedAt > database.headOf(tenant)
          ? database.poll(tenant, applied)
          : database.pollAsOf(tenant, applied, joinedAt),
      ),
    );
  }

  /** P4 alone: a coordinator that sees another timeline than before waits for a whole term. */
  #heldUp(scan: Scan): Scan {
    if (this.database.faults.waitAfterFailOver !== true) return scan;
    const { nowMs } = this.#scheduler;
    const before = this.#timeline;
    this.#timeline = scan.timeline;
    if (before !== undefined && before !== scan.timeline) this.#failOverNoticedMs = nowMs;
    if (nowMs - this.#failOverNoticedMs >= failOverWaitMs) return scan;
    const scanned = scan.scanned.map((one) => ({
      ...one,
      waitingFor: [...one.waitingFor, failOverWait],
    }));
    return { ...scan, scanned };
  }

  /** Sends a statement; it is executed after a while, by then perhaps nobody waits for it. */
  call<Result>(
    statement: Statement,
    execute: (database: SimulatedDatabase, done: (result: Result | Error) => void) => void,
  ): Promise<Result> {
    const { database } = this;
    const { promise, resolve, reject } = Promise.withResolvers<Result>();
    let isSettled = false;
    const give = (result: Result | Error): void => {
      if (isSettled) return;
      isSettled = true;
      if (result instanceof Error) reject(away(result));
      else resolve(result);
    };
    this.#travel("requestsCutUntilMs", this.#extraMs(statement, "requests"), () => {
      if (!database.isRunning) return;
      execute(database, (result) => {
        const extraMs = this.#extraMs(statement, "replies");
        this.#travel("repliesCutUntilMs", extraMs, () => this.#deliver(() => give(result)));
      });
    });
    this.#scheduler.after(this.#weather.timeoutMs * this.#chance.between(0.3, 1), () => {
      if (!isSettled) this.#deliver(() => give(new Error("timeout")));
    });
    return promise;
  }

  #extraMs(statement: Statement, direction: "requests" | "replies"): number {
    const { hindered } = this.#weather;
    const isHindered = hindered.statement === statement && hindered.direction === direction;
    return isHindered && this.#chance.is(0.5) ? this.#chance.next() * hindered.byMs : 0;
  }

  #travel(
    cut: "requestsCutUntilMs" | "repliesCutUntilMs",
    extraMs: number,
    arrive: () => void,
  ): void {
    const { slow, lost, slowMs } = this.#weather;
    if (this.#chance.is(lost)) return;
    const delayMs = this.#chance.is(slow)
      ? this.#chance.next() ** 2 * slowMs
      : this.#chance.between(0.05, 1);
    this.#scheduler.after(delayMs + extraMs, () => {
      const leftMs = this[cut] - this.#scheduler.nowMs;
      if (leftMs <= 0) arrive();
      else this.#scheduler.after(leftMs + this.#chance.between(0, 2), arrive);
    });
  }
}

function away(cause: Error): DomainError {
  return new DomainError("not_serving", "the database is away", { cause });
}
