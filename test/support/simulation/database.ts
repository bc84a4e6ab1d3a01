import assert from "node:assert/strict";
import type { RevisionChange } from "../../../src/core/change.ts";
import type { PageKey } from "../../../src/core/page.ts";
import {
  parseTimeline,
  type ConsistencyToken,
  type Revision,
  type Timeline,
} from "../../../src/core/revision.ts";
import { formatTuple, type RelationTuple } from "../../../src/core/tuple.ts";
import type {
  LeaseRegistration,
  Load,
  Poll,
  Renewal,
  Scan,
  WantedScan,
} from "../../../src/replica/db.ts";
import type { DatabaseFaults } from "./database-faults.ts";
import {
  emptyState,
  historyOf,
  pollIn,
  type LeaseState,
  type State,
  type Written,
} from "./database-state.ts";
import type { History } from "./history.ts";
import { LaggingReplica, type Redo } from "./lagging-replica.ts";
import { RowLocks } from "./row-locks.ts";
import type { Chance, Scheduler } from "./scheduler.ts";

/**
 * What matters of PostgreSQL, in virtual time: statements see one snapshot, writers lock their row
 * from execution to commit, commits can be read before they are replicated and are answered
 * afterwards, and a failover forgets those that were not.
 */
export class SimulatedDatabase {
  readonly #scheduler: Scheduler;
  readonly #chance: Chance;
  readonly #faults: DatabaseFaults;
  #state: State = emptyState();
  #log: Redo<unknown>[] = [];
  #replicated = 0;
  /** When each of the log was committed. */
  #commits: number[] = [];
  #waiting: { readonly upTo: number; readonly run: () => void; readonly cancel: () => void }[] = [];
  readonly #locks = new RowLocks();
  readonly #epoch: number;
  /** What is committed now no standby gets any more. */
  #isSuperseded = false;
  #isStopped = false;
  #stalledUntilMs = 0;
  #beforeKill: () => void = () => {};
  readonly #clockAheadMs: number;
  readonly #replica: LaggingReplica;
  /** Of every timeline that there was, also what a failover has lost. */
  readonly #archive: Map<Timeline, ReadonlyMap<string, History>>;

  constructor(
    scheduler: Scheduler,
    chance: Chance,
    faults: DatabaseFaults,
    former?: SimulatedDatabase,
  ) {
    this.#scheduler = scheduler;
    this.#chance = chance;
    this.#faults = faults;
    this.#replica = new LaggingReplica(chance.between(5, 200));
    this.#epoch = former === undefined ? 1 : former.#epoch + 1;
    this.#archive = former === undefined ? new Map() : former.#archive;
    this.#clockAheadMs = former === undefined ? 0 : former.#clockAheadMs + chance.between(0, 3000);
    if (former !== undefined) {
      this.#log = former.#log.slice(0, former.#replicated);
      this.#commits = former.#commits.slice(0, former.#replicated);
    }
    this.#replicated = this.#log.length;
    for (const redo of this.#log) redo(this.#state);
    this.#archive.set(this.timeline, this.#state.histories);
  }

  get faults(): DatabaseFaults {
    return this.#faults;
  }

  get timeline(): Timeline {
    return parseTimeline(this.#epoch.toString(16).toUpperCase().padStart(8, "0"));
  }

  history(timeline: Timeline, tenant: string): History {
    const history = this.#archive.get(timeline)?.get(tenant);
    assert(history !== undefined, `timeline ${timeline} has a tenant ${tenant}`);
    return history;
  }

  /** Whether one of these leases is registered with the tenant. */
  hasSubscription(leaseIds: ReadonlySet<string>, tenant: string): boolean {
    return [...leaseIds].some((id) => this.#state.leases.get(id)?.acknowledged.has(tenant));
  }

  /** False once the machine is off: whoever asks gets no answer. */
  get isRunning(): boolean {
    return !this.#isStopped;
  }

  /**
   * Makes the standby a primary, on a timeline of its own. This one answers on, but for durable
   * commits, until it is stopped.
   */
  promote(): SimulatedDatabase {
    this.#isSuperseded = true;
    return new SimulatedDatabase(this.#scheduler, this.#chance.fork(), this.#faults, this);
  }

  stop(): void {
    this.#isStopped = true;
    this.#waiting = [];
  }

  /** To be called once, before the next kill is committed. */
  beforeKill(run: () => void): void {
    this.#beforeKill = run;
  }

  /** Whoever waits for the standby is told of a success, with a warning: it counts as a failure (W3). */
  cancelWaits(): void {
    for (const { run, cancel } of this.#waiting.splice(0)) {
      if (this.#faults.believeCancelledWaits === true) run();
      else cancel();
    }
  }

  /** The standby hears nothing for a while: durable commits wait, others are answered. */
  stall(forMs: number): void {
    this.#stalledUntilMs = this.#scheduler.nowMs + forMs;
  }

  /** Forgets the history up to somewhere behind the head. */
  truncate(tenant: string): void {
    const horizon = this.#history(tenant).head - Math.floor(this.#chance.between(0, 3));
    if (horizon > 0) this.#commit((state) => state.horizons.set(tenant, horizon));
  }

  register(lease: LeaseRegistration, done: (result: { timeline: Timeline } | Error) => void): void {
    const { leasesByName, forgetRegistrations } = this.#faults;
    this.#transaction(`lease ${lease.leaseId}`, forgetRegistrations !== true, done, () => {
      if (this.#state.leases.has(lease.leaseId) && leasesByName !== true) {
        return new Error("the lease id exists already");
      }
      const { timeline } = this;
      const expiresAtMs = this.#clockMs + lease.killMs;
      return (state) => {
        const acknowledged = new Map<string, number>();
        state.leases.set(lease.leaseId, {
          ...lease,
          timeline,
          renewSeq: 0,
          expiresAtMs,
          acknowledged,
        });
        return { timeline };
      };
    });
  }

  subscribe(
    leaseId: string,
    tenant: string,
    done: (result: "subscribed" | "lease_lost" | Error) => void,
  ): void {
    const isThere = this.#state.leases.get(leaseId)?.acknowledged.has(tenant) === true;
    const isDurable =
      this.#faults.forgetRegistrations !== true &&
      !(isThere && this.#faults.repeatCommitsNothing === true);
    this.#transaction(`lease ${leaseId}`, isDurable, done, () => (state) => {
      const acknowledged = state.leases.get(leaseId)?.acknowledged;
      if (acknowledged === undefined) return "lease_lost";
      if (!acknowledged.has(tenant)) acknowledged.set(tenant, 0);
      return "subscribed";
    });
  }

  /** B16 alone: L9 forbids it. */
  unsubscribe(leaseId: string, tenant: string, done: (result: undefined | Error) => void): void {
    this.#transaction(`lease ${leaseId}`, true, done, () => (state) => {
      state.leases.get(leaseId)?.acknowledged.delete(tenant);
      return undefined;
    });
  }

  renew(leaseId: string, done: (result: Renewal | Error) => void): void {
    const { forgetRenewals } = this.#faults;
    this.#transaction(`lease ${leaseId}`, forgetRenewals !== true, done, () => {
      const { timeline } = this;
      const clockMs = this.#clockMs;
      const subscribed = [...(this.#state.leases.get(leaseId)?.acknowledged.keys() ?? [])];
      // The statement reads beside the update what its snapshot shows.
      const heads = subscribed.map((tenant) => ({ tenant, revision: this.#history(tenant).head }));
      const leases = [...this.#state.leases.values()].map((row) => ({ ...row }));
      const databaseTimeMs = this.#scheduler.nowMs;
      return (state) => {
        const row = state.leases.get(leaseId);
        const isOurs = row?.timeline === timeline || this.#faults.renewAcrossTimelines === true;
        const renewed = row !== undefined && isOurs && !this.#looksExpired(row, clockMs);
        if (renewed) {
          row.renewSeq += 1;
          row.expiresAtMs = clockMs + row.killMs;
        }
        return { renewed, databaseTimeMs, heads, leases };
      };
    });
  }

  /** Done with whether a scan finds it, on that timeline. */
  acknowledge(
    leaseId: string,
    { tenant, timeline, revision }: ConsistencyToken,
    done: (isSeen: boolean | Error) => void,
  ): void {
    this.#transaction(`acknowledgement ${leaseId} ${tenant}`, false, done, () => {
      const isHere = timeline === this.timeline;
      return (state) => {
        const lease = state.leases.get(leaseId);
        const before = lease?.acknowledged.get(tenant);
        if (lease === undefined || before === undefined) return false;
        lease.acknowledged.set(tenant, Math.max(before, revision));
        return isHere && lease.timeline === timeline;
      };
    });
  }

  kill(leaseId: string, renewSeq: number, done: (result: boolean | Error) => void): void {
    this.#transaction(`lease ${leaseId}`, true, done, () => {
      this.#beforeKill();
      this.#beforeKill = () => {};
      return (state) => {
        const row = state.leases.get(leaseId);
        if (row === undefined) return false;
        if (row.renewSeq !== renewSeq && this.#faults.killIgnoresCounter !== true) return false;
        return state.leases.delete(leaseId);
      };
    });
  }

  release(leaseId: string, done: (result: undefined | Error) => void): void {
    this.#transaction(`lease ${leaseId}`, true, done, () => (state) => {
      state.leases.delete(leaseId);
      return undefined;
    });
  }

  /** W1 to W3. `id` tells one write from another that gets the same revision after a failover. */
  write(
    tenant: string,
    deletes: readonly RelationTuple[],
    creates: readonly RelationTuple[],
    id: string,
    done: (result: Written | Error) => void,
    tell: (position: ConsistencyToken, change: RevisionChange) => void,
    modelId?: string,
  ): void {
    this.#transaction(`tenant ${tenant}`, true, done, () => {
      const { timeline } = this;
      const history = this.#history(tenant);
      const standing = new Set(
        [...history.stateAt(history.head).values()].map((tuple) => formatTuple(tuple)),
      );
      const finds =
        modelId !== undefined ||
        creates.length > 0 ||
        deletes.some((tuple) => standing.has(formatTuple(tuple)));
      if (!finds && this.#faults.noRevisionForNothing === true) {
        const { head: revision } = history;
        return () => ({ timeline, revision, change: undefined });
      }
      if (this.#faults.tellUncommitted === true) {
        const next = history.next(deletes, creates, id, modelId);
        tell({ tenant, timeline, revision: next.revision }, next);
      }
      return (state) => {
        const change = historyOf(state, tenant).commit(deletes, creates, id, modelId);
        const at = { timeline, revision: change.revision };
        if (state === this.#state) tell({ tenant, ...at }, change);
        return { ...at, change };
      };
    });
  }

  poll(tenant: string, applied: number): Poll {
    const state =
      this.#faults.pollOnReplica === true
        ? this.#replica.at(this.#scheduler.nowMs, this.#log, this.#commits)
        : this.#state;
    return pollIn(state, this.timeline, tenant, applied, historyOf(state, tenant).head);
  }

  /** P1 alone: what a poll would have read before the later revisions. */
  pollAsOf(tenant: string, applied: number, revision: Revision): Poll {
    return pollIn(this.#state, this.timeline, tenant, applied, revision);
  }

  headOf(tenant: string): Revision {
    return this.#history(tenant).head;
  }

  load(tenant: string, applied: number, keys: readonly PageKey[]): Load {
    const history = this.#history(tenant);
    const pages = keys.map((key) => history.page(key, history.head));
    return { ...pollIn(this.#state, this.timeline, tenant, applied, history.head), pages };
  }

  scan(wanted: readonly WantedScan[]): Scan {
    const { timeline } = this;
    const state =
      this.#faults.scanOnReplica === true
        ? this.#replica.at(this.#scheduler.nowMs, this.#log, this.#commits)
        : this.#state;
    const scanned = wanted.map(({ tenant, revision }) => {
      const rows = [...state.leases.values()].filter(
        (row) => row.acknowledged.has(tenant) && !this.#looksExpired(row, this.#clockMs),
      );
      const waitingFor = rows
        .filter(
          (row) => (row.acknowledged.get(tenant) ?? 0) < revision || row.timeline !== timeline,
        )
        .map((row) => row.leaseId);
      return { waitingFor, leases: rows.length };
    });
    return { timeline, scanned };
  }

  /**
   * Locks the row, then decides what to do by what is committed by then, commits after a while, and
   * is done when that is replicated. A failover meanwhile leaves it without an answer.
   */
  #transaction<Result>(
    lock: string,
    durable: boolean,
    done: (result: Result | Error) => void,
    execute: () => Redo<Result> | Error,
  ): void {
    this.#locks.take(lock, () => {
      const redo = execute();
      this.#scheduler.after(this.#chance.between(0, 1) ** 4 * 20, () => {
        if (this.#isStopped) return;
        const result = redo instanceof Error ? redo : this.#commit(redo);
        this.#locks.release(lock);
        if (durable) this.#wait(done, result);
        else done(result);
        this.#answerReplicated();
      });
    });
  }

  #wait<Result>(done: (result: Result | Error) => void, result: Result | Error): void {
    this.#waiting.push({
      upTo: this.#log.length,
      run: () => done(result),
      cancel: () => done(new Error("the wait for the standby was cancelled")),
    });
  }

  #commit<Result>(redo: Redo<Result>): Result {
    this.#log.push(redo);
    const upTo = this.#log.length;
    const stalledMs = Math.max(0, this.#stalledUntilMs - this.#scheduler.nowMs);
    this.#scheduler.after(stalledMs + this.#chance.between(0, 1) ** 6 * 300, () => {
      if (this.#isSuperseded || this.#isStopped) return;
      this.#replicated = Math.max(this.#replicated, upTo);
      this.#answerReplicated();
    });
    this.#commits.push(this.#scheduler.nowMs);
    return redo(this.#state);
  }

  get #clockMs(): number {
    return this.#scheduler.nowMs + this.#clockAheadMs;
  }

  /** P3 and P4 alone. */
  #looksExpired({ expiresAtMs }: LeaseState, clockMs: number): boolean {
    const { termsByDatabaseClock, waitAfterFailOver } = this.#faults;
    return (termsByDatabaseClock ?? waitAfterFailOver ?? false) && expiresAtMs <= clockMs;
  }

  #answerReplicated(): void {
    const ready = this.#waiting.filter(({ upTo }) => upTo <= this.#replicated);
    this.#waiting = this.#waiting.filter(({ upTo }) => upTo > this.#replicated);
    for (const { run } of ready) run();
  }

  #history(tenant: string): History {
    return historyOf(this.#state, tenant);
  }
}
