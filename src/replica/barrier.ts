import { DomainError } from "../core/error.ts";
import {
  formatToken,
  type ConsistencyToken,
  type Revision,
  type Timeline,
} from "../core/revision.ts";
import type { ReplicaCounters } from "./counters.ts";
import type { Db, Scan } from "./db.ts";
import type { Faults } from "./faults.ts";
import type { ReplicaParameters } from "./parameters.ts";
import type { Clock, Report, Timers } from "./ports.ts";
import type { Enforcement } from "./replica.ts";

/** Writes of a tenant that are waited for together. So many groups at once; the rest waits for a place. */
const groupsMax = 4;
/** A scan brings news of all groups that are due, of whatever tenants. A lost reply holds up no others. */
const scansMax = 4;
const groupsPerScanMax = 256;
/** Every acknowledgement that is told of wakes a session of PostgreSQL for each node: of more nodes none is. */
export const toldLeasesMax = 16;
// Where the acknowledgements are told of, the next scan is for what was not, and would only be in the way.
const toldDelayMs = 12;
const firstDelayMs = 4;
const delayMsMax = 8;
// Whoever is not there by now is slow or dead: there is no hurry any more.
const hurryMs = 1000;
const idleDelayMs = 50;
const toldMax = 1000;

export interface BarrierOptions {
  readonly db: Pick<Db, "scan">;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly parameters: ReplicaParameters;
  readonly faults: Faults;
  readonly counters: ReplicaCounters;
  readonly report: Report;
  /** Whether the lease is this node's own, of the timeline, and the node has applied the revision. */
  readonly hasApplied: (leaseId: string, position: ConsistencyToken) => boolean;
  /** For the fault of looking instead of killing. */
  readonly looksExpired: (leaseId: string) => boolean;
}

interface Group {
  readonly tenant: string;
  revision: Revision;
  readonly startedMs: number;
  /** Of the first scan, less who is done since. */
  waitingFor: readonly string[] | undefined;
  /** Of the last scan. */
  timeline: Timeline | undefined;
  leases: number;
  readonly writes: Set<Write>;
  /** Leases that were told to have acknowledged, and the timeline on which they did. */
  readonly told: Map<string, Timeline>;
  state: "queued" | "due" | "scanning" | "pausing";
  /** Somebody said, while a scan was under way, that it is worth another look. */
  isNudged: boolean;
  delayMs: number;
  cancelPause: () => void;
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
  readonly #due = new Set<Group>();
  #scans = 0;

  constructor(options: BarrierOptions) {
    this.#options = options;
  }

  /**
   * To be called after the reply to the commit. `deadlineMs` counts from now. `scanned`: by a scan for the
   * revision or a later one that the commit came before; it must not reject.
   */
  wait(
    token: ConsistencyToken,
    deadlineMs: number,
    scanned?: Promise<Scan | undefined>,
  ): Promise<Enforcement> {
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
      reject(notEnforced(token));
      if (group.writes.size === 0) this.#wake(group);
    });
    counters.barriers += 1;
    this.#start(token.tenant, scanned);
    return promise;
  }

  /**
   * A scan could see that the lease, of that timeline, has acknowledged the revision. When the last of
   * those that a scan waited for has, another scan would find what is known already.
   */
  acknowledged({ tenant, timeline, revision }: ConsistencyToken, leaseId: string): void {
    const { believeEarlyAcknowledgements: isEarlyEnough } = this.#options.faults;
    for (const group of this.#running.get(tenant) ?? []) {
      if (revision < group.revision && isEarlyEnough !== true) continue;
      if (group.told.size >= toldMax) continue;
      group.told.set(leaseId, timeline);
      this.#reconsider(group);
    }
  }

  /** This node has applied more of the tenant. */
  applied(tenant: string): void {
    for (const group of this.#running.get(tenant) ?? []) this.#reconsider(group);
  }

  /** A lease was killed: it is worth to look again. */
  nudge(): void {
    for (const groups of this.#running.values()) for (const group of groups) this.#wake(group);
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
      timeline: undefined,
      leases: 0,
      writes: new Set([write]),
      told: new Map(),
      state: "queued",
      isNudged: false,
      delayMs: firstDelayMs,
      cancelPause: () => {},
    };
    this.#queued.set(tenant, group);
    return group;
  }

  /** `scanned`: for the write that has just come, on which the group begins unless others are in it. */
  #start(tenant: string, scanned?: Promise<Scan | undefined>): void {
    const group = this.#queued.get(tenant);
    const running = this.#running.get(tenant) ?? new Set();
    if (group === undefined || running.size >= groupsMax) return;
    this.#queued.delete(tenant);
    this.#running.set(tenant, running.add(group));
    if (scanned !== undefined && group.writes.size === 1) {
      this.#pause(group, toldDelayMs);
      void scanned.then((scan) => this.#begin(group, scan));
      return;
    }
    this.#setDue(group);
    this.#scan();
  }

  /** With a scan that was sent before, where it is not too late for it. */
  #begin(group: Group, scan: Scan | undefined): void {
    if (group.waitingFor !== undefined || group.writes.size === 0) return;
    if (scan === undefined) {
      this.#wake(group);
      return;
    }
    this.#take(group, scan, 0);
    this.#endIfOver(group);
    if (group.writes.size === 0 || group.leases <= toldLeasesMax) return;
    group.cancelPause();
    this.#pause(group, firstDelayMs);
  }

  #wake(group: Group): void {
    switch (group.state) {
      case "queued":
      case "due":
        return;
      case "scanning":
        group.isNudged = true;
        return;
      case "pausing":
        group.cancelPause();
        this.#setDue(group);
        this.#scan();
    }
  }

  #setDue(group: Group): void {
    group.state = "due";
    this.#due.add(group);
  }

  /** Sends for all that are due, as far as scans may be under way. */
  #scan(): void {
    for (const group of this.#due) if (group.writes.size === 0) this.#end(group);
    if (this.#scans >= scansMax || this.#due.size === 0) return;
    const groups = [...this.#due].slice(0, groupsPerScanMax);
    for (const group of groups) {
      this.#due.delete(group);
      group.state = "scanning";
      group.isNudged = false;
    }
    this.#scans += 1;
    void this.#ask(groups);
  }

  async #ask(groups: readonly Group[]): Promise<void> {
    const { db, clock, report } = this.#options;
    const sentMs = clock.mono();
    try {
      const scan = await db.scan(groups.map(({ tenant, revision }) => ({ tenant, revision })));
      for (const [index, group] of groups.entries()) this.#take(group, scan, index);
    } catch (cause) {
      report("scanning for acknowledgements", cause);
    } finally {
      this.#scans -= 1;
    }
    const tookMs = clock.mono() - sentMs;
    for (const group of groups) this.#goOn(group, tookMs);
    this.#scan();
  }

  #take(group: Group, { timeline, scanned }: Scan, index: number): void {
    const found = scanned[index];
    if (found === undefined) return;
    if (group.waitingFor === undefined) group.leases = found.leases;
    this.#narrow(group, timeline, found.waitingFor);
  }

  /** Without a scan; one that is under way finds the group ended. */
  #reconsider(group: Group): void {
    const { timeline, waitingFor } = group;
    if (timeline === undefined || waitingFor === undefined) return;
    this.#narrow(group, timeline, waitingFor);
    this.#endIfOver(group);
  }

  #endIfOver(group: Group): void {
    if (group.writes.size > 0) return;
    group.cancelPause();
    this.#end(group);
  }

  /** Leaves of the set of the first scan who has not acknowledged or gone since. None is ever added. */
  #narrow(group: Group, timeline: Timeline, waitingFor: readonly string[]): void {
    const { faults, looksExpired, hasApplied } = this.#options;
    const { tenant, revision, waitingFor: among, told } = group;
    const left = among === undefined ? waitingFor : among.filter((id) => waitingFor.includes(id));
    const isDone = (id: string): boolean =>
      told.get(id) === timeline ||
      // What an acknowledgement says of this node is known here without it.
      hasApplied(id, { tenant, timeline, revision }) ||
      (faults.lookInsteadOfKill === true && looksExpired(id));
    group.waitingFor = left.filter((id) => !isDone(id));
    group.timeline = timeline;
    settle(group, timeline, this.#options);
  }

  #goOn(group: Group, tookMs: number): void {
    const { clock } = this.#options;
    if (group.writes.size === 0) {
      this.#end(group);
      return;
    }
    if (group.isNudged) {
      this.#setDue(group);
      return;
    }
    const hurried = clock.mono() - group.startedMs < hurryMs;
    // A database that is slow to answer is not asked the more often for it.
    const leastMs = group.leases > toldLeasesMax ? group.delayMs : toldDelayMs;
    const tactfulMs = Math.min(idleDelayMs, Math.max(leastMs, tookMs));
    group.delayMs = Math.min(delayMsMax, group.delayMs * 2);
    this.#pause(group, hurried ? tactfulMs : idleDelayMs);
  }

  #pause(group: Group, forMs: number): void {
    group.state = "pausing";
    group.cancelPause = this.#options.timers.after(forMs, () => this.#wake(group));
  }

  #end(group: Group): void {
    this.#due.delete(group);
    const running = this.#running.get(group.tenant);
    running?.delete(group);
    if (running?.size === 0) this.#running.delete(group.tenant);
    this.#start(group.tenant);
  }
}

function settle(
  group: Group,
  timeline: Timeline,
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
    write.resolve({ nodesAcknowledged: group.leases, waitedMs });
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
