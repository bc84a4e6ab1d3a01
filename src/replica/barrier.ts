import { DomainError } from "../core/error.ts";
import {
  formatToken,
  type ConsistencyToken,
  type Revision,
  type Timeline,
} from "../core/revision.ts";
import type { ReplicaCounters } from "./counters.ts";
import type { Db } from "./db.ts";
import { Doorbell } from "./doorbell.ts";
import type { Faults } from "./faults.ts";
import type { ReplicaParameters } from "./parameters.ts";
import type { Clock, Report, Timers } from "./ports.ts";
import type { Enforcement } from "./replica.ts";

/** Writes that are scanned for together. Of one tenant so many groups at once; the rest waits for a place. */
const groupsMax = 4;
const firstDelayMs = 1;
const delayMsMax = 8;
// Whoever is not there by now is slow or dead: there is no hurry any more.
const hurryMs = 1000;
const idleDelayMs = 50;

export interface BarrierOptions {
  readonly db: Pick<Db, "scan">;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly parameters: ReplicaParameters;
  readonly faults: Faults;
  readonly counters: ReplicaCounters;
  readonly report: Report;
  /** For the fault of looking instead of killing. */
  readonly looksExpired: (leaseId: string) => boolean;
}

interface Group {
  readonly tenant: string;
  revision: Revision;
  readonly startedMs: number;
  /** Of the first scan, less who is done since. */
  waitingFor: readonly string[] | undefined;
  readonly writes: Set<Write>;
  readonly bell: Doorbell;
}

interface Write {
  readonly token: ConsistencyToken;
  readonly startedMs: number;
  readonly resolve: (enforcement: Enforcement) => void;
  readonly reject: (error: DomainError) => void;
  cancelDeadline: () => void;
}

/** W4: waits until no lease is left that may serve a tenant before some revision. */
export class Barrier {
  readonly #options: BarrierOptions;
  readonly #running = new Map<string, Set<Group>>();
  readonly #queued = new Map<string, Group>();

  constructor(options: BarrierOptions) {
    this.#options = options;
  }

  /** To be called after the reply to the commit. `deadlineMs` counts from now. */
  wait(token: ConsistencyToken, deadlineMs: number): Promise<Enforcement> {
    const { clock, timers, counters } = this.#options;
    const { promise, resolve, reject } = Promise.withResolvers<Enforcement>();
    const write: Write = {
      token,
      startedMs: clock.mono(),
      resolve,
      reject,
      cancelDeadline: () => {},
    };
    const group = this.#join(write);
    // W6: at the deadline itself the client would no longer hear us.
    const leftMs = Math.max(0, deadlineMs - Math.max(50, deadlineMs / 10));
    write.cancelDeadline = timers.after(leftMs, () => {
      counters.barriersNotOver += 1;
      group.writes.delete(write);
      group.bell.ring();
      reject(notEnforced(token));
    });
    counters.barriers += 1;
    this.#start(token.tenant);
    return promise;
  }

  /** An acknowledgement for the tenant, or a kill, was answered: it is worth to look again. */
  nudge(tenant?: string): void {
    const running =
      tenant === undefined ? [...this.#running.values()] : [this.#running.get(tenant) ?? []];
    for (const groups of running) for (const group of groups) group.bell.ring();
  }

  /** Leases of which a barrier waits to hear. */
  waitedFor(): readonly string[] {
    const groups = [...this.#running.values()].flatMap((running) => [...running]);
    return [...new Set(groups.flatMap((group) => group.waitingFor ?? []))];
  }

  #join(write: Write): Group {
    const { tenant, revision } = write.token;
    const queued = this.#queued.get(tenant);
    if (queued !== undefined) {
      queued.writes.add(write);
      if (revision > queued.revision) queued.revision = revision;
      return queued;
    }
    const group: Group = {
      tenant,
      revision,
      startedMs: write.startedMs,
      waitingFor: undefined,
      writes: new Set([write]),
      bell: new Doorbell(),
    };
    this.#queued.set(tenant, group);
    return group;
  }

  #start(tenant: string): void {
    const group = this.#queued.get(tenant);
    const running = this.#running.get(tenant) ?? new Set();
    if (group === undefined || running.size >= groupsMax) return;
    this.#queued.delete(tenant);
    this.#running.set(tenant, running.add(group));
    void this.#run(group).finally(() => {
      running.delete(group);
      if (running.size === 0) this.#running.delete(tenant);
      this.#start(tenant);
    });
  }

  async #run(group: Group): Promise<void> {
    const { clock } = this.#options;
    let leases = 0;
    let delayMs = firstDelayMs;
    while (group.writes.size > 0) {
      const scannedMs = clock.mono();
      const scan = await this.#scan(group);
      if (scan !== undefined) {
        if (group.waitingFor === undefined) leases = scan.leases;
        group.waitingFor = this.#narrow(group.waitingFor, scan.waitingFor);
        settle(group, scan.timeline, leases, this.#options);
        if (group.writes.size === 0) return;
      }
      const nowMs = clock.mono();
      const hurried = nowMs - group.startedMs < hurryMs;
      // A database that is slow to answer is not asked the more often for it.
      const tactfulMs = Math.min(idleDelayMs, Math.max(delayMs, nowMs - scannedMs));
      await this.#pause(group, hurried ? tactfulMs : idleDelayMs);
      delayMs = Math.min(delayMsMax, delayMs * 2);
    }
  }

  async #scan(group: Group): Promise<Awaited<ReturnType<Db["scan"]>> | undefined> {
    try {
      return await this.#options.db.scan(group.tenant, group.revision, group.waitingFor);
    } catch (cause) {
      this.#options.report("scanning for acknowledgements", cause);
      return undefined;
    }
  }

  /** The set of the first scan, less who has acknowledged or gone since. None is ever added. */
  #narrow(among: readonly string[] | undefined, waitingFor: readonly string[]): readonly string[] {
    const { faults, looksExpired } = this.#options;
    const left = among === undefined ? waitingFor : among.filter((id) => waitingFor.includes(id));
    return faults.lookInsteadOfKill === true ? left.filter((id) => !looksExpired(id)) : left;
  }

  async #pause(group: Group, delayMs: number): Promise<void> {
    let cancel = (): void => {};
    const timer = new Promise<void>((resolve) => {
      cancel = this.#options.timers.after(delayMs, resolve);
    });
    await Promise.race([timer, group.bell.wait()]);
    cancel();
  }
}

function settle(
  group: Group,
  timeline: Timeline,
  leases: number,
  { clock, counters, faults }: BarrierOptions,
): void {
  const isOver = group.waitingFor?.length === 0;
  for (const write of group.writes) {
    // Another timeline may lack the commit: whether it is enforced cannot be known.
    const lost = write.token.timeline !== timeline && faults.ignoreTimeline !== true;
    if (!lost && !isOver) continue;
    group.writes.delete(write);
    write.cancelDeadline();
    if (lost) {
      write.reject(outcomeUnknown());
      continue;
    }
    const waitedMs = clock.mono() - write.startedMs;
    counters.barrierMs += waitedMs;
    write.resolve({ nodesAcknowledged: leases, waitedMs });
  }
}

function notEnforced(token: ConsistencyToken): DomainError {
  return new DomainError(
    "not_enforced",
    `committed as revision ${token.revision}, not yet enforced on every node: wait for the token`,
    { token: formatToken(token) },
  );
}

function outcomeUnknown(): DomainError {
  return new DomainError(
    "outcome_unknown",
    "the database failed over since the write: read, then decide whether to write again",
  );
}
