import assert from "node:assert/strict";
import type { Head } from "../../../src/core/change.ts";
import type { PageKey } from "../../../src/core/page.ts";
import {
  parseRevision,
  parseTimeline,
  type Revision,
  type Timeline,
} from "../../../src/core/revision.ts";
import type { RelationTuple } from "../../../src/core/tuple.ts";
import type { LeaseRegistration, Load, Poll, Renewal } from "../../../src/replica/db.ts";
import { History } from "./history.ts";
import type { Chance, Scheduler } from "./scheduler.ts";

export const tenants = ["alpha", "beta"] as const;

interface LeaseState extends LeaseRegistration {
  readonly timeline: Timeline;
  renewSeq: number;
  /** By tenant. */
  readonly acknowledged: Map<string, number>;
}

interface State {
  readonly histories: Map<string, History>;
  readonly horizons: Map<string, number>;
  readonly leases: Map<string, LeaseState>;
}

/** Done again on the standby after a failover, in the order of the commits. */
type Redo<Result> = (state: State) => Result;

/** What these switches break is the database's or the store's part of the protocol. */
export interface DatabaseFaults {
  /** B19: the killer's DELETE does not name the counter. */
  readonly killIgnoresCounter?: boolean;
  /** P7: a delete that finds nothing allots no revision, and is answered at once. */
  readonly noRevisionForNothing?: boolean;
}

export interface Written {
  readonly timeline: Timeline;
  readonly revision: Revision;
  /** P7 alone: nothing was written, and no barrier is run. */
  readonly isNothing: boolean;
}

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
  #waiting: { readonly upTo: number; readonly run: () => void }[] = [];
  #locks = new Map<string, (() => void)[]>();
  #epoch = 1;
  /** Of every timeline that there was, also what a failover has lost. */
  readonly #archive = new Map<Timeline, ReadonlyMap<string, History>>();

  constructor(scheduler: Scheduler, chance: Chance, faults: DatabaseFaults) {
    this.#scheduler = scheduler;
    this.#chance = chance;
    this.#faults = faults;
  }

  get timeline(): Timeline {
    return parseTimeline(this.#epoch.toString(16).toUpperCase().padStart(8, "0"));
  }

  history(timeline: Timeline, tenant: string): History {
    const histories =
      timeline === this.timeline ? this.#state.histories : this.#archive.get(timeline);
    const history = histories?.get(tenant);
    assert(history !== undefined, `timeline ${timeline} has a tenant ${tenant}`);
    return history;
  }

  /** Whether one of these leases is registered with the tenant. */
  hasSubscription(leaseIds: ReadonlySet<string>, tenant: string): boolean {
    return [...leaseIds].some((id) => this.#state.leases.get(id)?.acknowledged.has(tenant));
  }

  failOver(): void {
    this.#archive.set(this.timeline, this.#state.histories);
    this.#epoch += 1;
    this.#log = this.#log.slice(0, this.#replicated);
    this.#state = emptyState();
    for (const redo of this.#log) redo(this.#state);
    this.#waiting = [];
    this.#locks = new Map();
  }

  /** Forgets the history up to somewhere behind the head. */
  truncate(tenant: string): void {
    const horizon = this.#history(tenant).head - Math.floor(this.#chance.between(0, 3));
    if (horizon > 0) this.#commit((state) => state.horizons.set(tenant, horizon));
  }

  register(lease: LeaseRegistration, done: (result: { timeline: Timeline } | Error) => void): void {
    this.#transaction(`lease ${lease.leaseId}`, true, done, () => {
      if (this.#state.leases.has(lease.leaseId)) return new Error("the lease id exists already");
      const { timeline } = this;
      return (state) => {
        const row = { ...lease, timeline, renewSeq: 0, acknowledged: new Map<string, number>() };
        state.leases.set(lease.leaseId, row);
        return { timeline };
      };
    });
  }

  subscribe(
    leaseId: string,
    tenant: string,
    done: (result: "subscribed" | "lease_lost" | Error) => void,
  ): void {
    this.#transaction(`lease ${leaseId}`, true, done, () => (state) => {
      const acknowledged = state.leases.get(leaseId)?.acknowledged;
      if (acknowledged === undefined) return "lease_lost";
      if (!acknowledged.has(tenant)) acknowledged.set(tenant, 0);
      return "subscribed";
    });
  }

  renew(leaseId: string, done: (result: Renewal | Error) => void): void {
    this.#transaction(`lease ${leaseId}`, true, done, () => {
      const { timeline } = this;
      const subscribed = [...(this.#state.leases.get(leaseId)?.acknowledged.keys() ?? [])];
      // The statement reads beside the update what its snapshot shows.
      const heads = subscribed.map((tenant) => ({ tenant, revision: this.#history(tenant).head }));
      const leases = [...this.#state.leases.values()].map(
        ({ leaseId: id, node, renewSeq, killMs }) => ({
          leaseId: id,
          node,
          renewSeq,
          killMs,
        }),
      );
      const databaseTimeMs = this.#scheduler.nowMs;
      return (state) => {
        const row = state.leases.get(leaseId);
        const renewed = row !== undefined && row.timeline === timeline;
        if (renewed) row.renewSeq += 1;
        return { renewed, databaseTimeMs, heads, leases };
      };
    });
  }

  acknowledge(
    leaseId: string,
    tenant: string,
    applied: number,
    done: (result: undefined | Error) => void,
  ): void {
    this.#transaction(`acknowledgement ${leaseId} ${tenant}`, false, done, () => (state) => {
      const acknowledged = state.leases.get(leaseId)?.acknowledged;
      const before = acknowledged?.get(tenant);
      if (before !== undefined) acknowledged?.set(tenant, Math.max(before, applied));
      return undefined;
    });
  }

  kill(leaseId: string, renewSeq: number, done: (result: boolean | Error) => void): void {
    this.#transaction(`lease ${leaseId}`, true, done, () => (state) => {
      const row = state.leases.get(leaseId);
      if (row === undefined) return false;
      if (row.renewSeq !== renewSeq && this.#faults.killIgnoresCounter !== true) return false;
      return state.leases.delete(leaseId);
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
  ): void {
    this.#transaction(`tenant ${tenant}`, true, done, () => {
      const { timeline } = this;
      const history = this.#history(tenant);
      const standing = new Set(history.page(keyOfAll(deletes[0]), history.head).tuples.map(textOf));
      const finds = creates.length > 0 || deletes.some((tuple) => standing.has(textOf(tuple)));
      if (!finds && this.#faults.noRevisionForNothing === true) {
        const { head: revision } = history;
        return () => ({ timeline, revision, isNothing: true });
      }
      return (state) => {
        const { revision } = historyOf(state, tenant).commit(deletes, creates, id);
        return { timeline, revision, isNothing: false };
      };
    });
  }

  poll(tenant: string, applied: number): Poll {
    const head = this.#head(tenant);
    const history = this.#history(tenant);
    const from = Math.max(applied, head.horizon);
    const changes = history.changes(from, history.head);
    return { head, changes: changes.length > 100 ? undefined : changes };
  }

  load(tenant: string, applied: number, keys: readonly PageKey[]): Load {
    const history = this.#history(tenant);
    const pages = keys.map((key) => history.page(key, history.head));
    return { ...this.poll(tenant, applied), pages };
  }

  scan(
    tenant: string,
    revision: number,
    among: readonly string[] | undefined,
  ): { timeline: Timeline; waitingFor: readonly string[]; leases: number } {
    const { timeline } = this;
    const rows = [...this.#state.leases.values()].filter((row) => row.acknowledged.has(tenant));
    const waitingFor = rows
      .filter((row) => (row.acknowledged.get(tenant) ?? 0) < revision || row.timeline !== timeline)
      .map((row) => row.leaseId)
      .filter((id) => among === undefined || among.includes(id));
    return { timeline, waitingFor, leases: rows.length };
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
    const epoch = this.#epoch;
    this.#lock(lock, () => {
      const redo = execute();
      this.#scheduler.after(this.#chance.between(0, 1) ** 4 * 20, () => {
        if (epoch !== this.#epoch) return;
        const result = redo instanceof Error ? redo : this.#commit(redo);
        this.#unlock(lock);
        if (durable) this.#waiting.push({ upTo: this.#log.length, run: () => done(result) });
        else done(result);
        this.#answerReplicated();
      });
    });
  }

  #commit<Result>(redo: Redo<Result>): Result {
    this.#log.push(redo);
    const upTo = this.#log.length;
    const epoch = this.#epoch;
    this.#scheduler.after(this.#chance.between(0, 1) ** 6 * 300, () => {
      if (epoch !== this.#epoch) return;
      this.#replicated = Math.max(this.#replicated, upTo);
      this.#answerReplicated();
    });
    return redo(this.#state);
  }

  #answerReplicated(): void {
    const ready = this.#waiting.filter(({ upTo }) => upTo <= this.#replicated);
    this.#waiting = this.#waiting.filter(({ upTo }) => upTo > this.#replicated);
    for (const { run } of ready) run();
  }

  #lock(name: string, run: () => void): void {
    const queue = this.#locks.get(name);
    if (queue !== undefined) {
      queue.push(run);
      return;
    }
    this.#locks.set(name, []);
    run();
  }

  #unlock(name: string): void {
    const next = this.#locks.get(name)?.shift();
    if (next === undefined) this.#locks.delete(name);
    else next();
  }

  #head(tenant: string): Head {
    return {
      timeline: this.timeline,
      revision: this.#history(tenant).head,
      horizon: parseRevision(this.#state.horizons.get(tenant) ?? 0),
      modelId: "m1",
    };
  }

  #history(tenant: string): History {
    return historyOf(this.#state, tenant);
  }
}

function emptyState(): State {
  return {
    histories: new Map(tenants.map((tenant) => [tenant, new History()])),
    horizons: new Map(),
    leases: new Map(),
  };
}

function historyOf(state: State, tenant: string): History {
  const history = state.histories.get(tenant);
  assert(history !== undefined, `there is a tenant ${tenant}`);
  return history;
}

function keyOfAll(tuple: RelationTuple | undefined): PageKey {
  assert(tuple !== undefined, "a write names a tuple to delete");
  return { kind: "object", object: tuple.object };
}

function textOf(tuple: RelationTuple): string {
  return `${tuple.object.id}#${tuple.relation}@${JSON.stringify(tuple.subject)}`;
}
