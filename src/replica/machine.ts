import type { RevisionChange } from "../core/change.ts";
import type { DomainError } from "../core/error.ts";
import type { ConsistencyToken, Revision, Timeline } from "../core/revision.ts";
import { Announcer } from "./announcer.ts";
import { Barrier, toldLeasesMax } from "./barrier.ts";
import { zeroCounters, type ReplicaCounters, type ReplicaGauges } from "./counters.ts";
import { DatabaseClock } from "./database-clock.ts";
import type { Db, LeaseRow, Renewal, Scan } from "./db.ts";
import { Doorbell } from "./doorbell.ts";
import { evaluateWaiting, notServing, type EvaluationHost } from "./evaluation.ts";
import type { Faults } from "./faults.ts";
import { Follower, type FollowerHost } from "./follower.ts";
import { Followers } from "./followers.ts";
import { VerdictShelf } from "./kept-verdicts.ts";
import { Lease, type LeaseEvents } from "./lease.ts";
import { LeaseWatch } from "./lease-watch.ts";
import { PageClock } from "./page-clock.ts";
import { checkedParameters, type ReplicaParameters } from "./parameters.ts";
import { PlanCache } from "./plan-cache.ts";
import type { Clock, ModelSource, Report, Rng, Timers } from "./ports.ts";
import { preload, type Preloaded, type PreloadOptions } from "./preload.ts";
import type { Enforcement, EvaluateOptions, Evaluation, Replica, Snapshot } from "./replica.ts";

export interface ReplicaOptions {
  readonly db: Db;
  readonly models: ModelSource;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly rng: Rng;
  readonly report: Report;
  /** A label for people. */
  readonly node: string;
  readonly parameters?: Partial<ReplicaParameters>;
  readonly faults?: Faults;
}

/**
 * The node's part in the revocation protocol: a lease to answer under, a follower for each tenant,
 * a watch over the leases of the other nodes, and the barrier that writes wait at. Deterministic:
 * all that it is told and all time come through its ports.
 */
export class ReplicaMachine implements Replica {
  readonly #counters: ReplicaCounters = zeroCounters();
  readonly #db: Db;
  readonly #clock: Clock;
  readonly #timers: Timers;
  readonly #report: Report;
  readonly #parameters: ReplicaParameters;
  readonly #faults: Faults;
  readonly #pages: PageClock;
  readonly #verdicts: VerdictShelf;
  readonly #lease: Lease;
  readonly #watch = new LeaseWatch();
  readonly #killing = new Set<string>();
  readonly #databaseClock = new DatabaseClock();
  readonly #followers: Followers;
  readonly #barrier: Barrier;
  readonly #announcer: Announcer;
  readonly #evaluations: EvaluationHost;
  readonly #plans: PlanCache;
  readonly #listeners = new Set<(tenant: string, revision: Revision) => void>();
  readonly #changed = new Doorbell();
  // Of all that is held (F2).
  #timeline: Timeline | undefined;
  #closed = false;

  constructor(options: ReplicaOptions) {
    this.#db = options.db;
    this.#clock = options.clock;
    this.#timers = options.timers;
    this.#report = options.report;
    this.#parameters = checkedParameters(options.parameters);
    this.#faults = options.faults ?? {};
    this.#pages = new PageClock(this.#parameters.memoryBytes);
    this.#verdicts = new VerdictShelf(this.#parameters.verdictsMax, this.#counters);
    this.#plans = new PlanCache(options.models);
    const shared = {
      ...options,
      parameters: this.#parameters,
      faults: this.#faults,
      counters: this.#counters,
    };
    this.#lease = new Lease({ ...shared, events: this.#leaseEvents() });
    this.#announcer = new Announcer(shared);
    this.#barrier = new Barrier({
      ...shared,
      hasApplied: (leaseId, position) => this.#hasApplied(leaseId, position),
      looksExpired: (leaseId) => this.#expired().some((row) => row.leaseId === leaseId),
    });
    this.#followers = new Followers(
      this.#parameters.tenantsMax,
      (tenant) => new Follower(tenant, this.#followerHost()),
    );
    this.#evaluations = {
      parameters: this.#parameters,
      timers: this.#timers,
      pages: this.#pages,
      waiting: 0,
      follower: (tenant) => this.#followers.get(tenant) ?? this.#follow(tenant),
      refusalOf: (follower) => (this.#closed ? notServing() : this.#followers.refusalOf(follower)),
      isReady: (follower) => this.#isReady(follower),
      changed: this.#changed,
      nudge: () => this.#lease.nudge(),
      timeline: () => this.#timeline,
      snapshot: (follower) => this.#snapshot(follower),
      preparePlan: (follower, modelId) =>
        this.#plans.load(follower.tenant, follower.store.symbols, modelId),
    };
  }

  /** Begins to register, to follow and to watch. */
  start(): void {
    this.#lease.start();
    this.#timers.after(this.#parameters.pollMs, () => this.#pollInTurn());
  }

  evaluate<Value>(
    tenant: string,
    evaluation: Evaluation<Value>,
    options: EvaluateOptions,
  ): Value | Promise<Value> {
    const follower = this.#followers.get(tenant);
    if (follower !== undefined && options.freshness === undefined) {
      // The signal is not looked at: a request that is answered at once has nothing to cancel.
      // S1: the test, the choice of revision and the evaluation, all in this tick.
      const snapshot = this.#snapshot(follower);
      const evaluated = snapshot === undefined ? undefined : evaluation(snapshot);
      if (evaluated?.kind === "decided") {
        this.#counters.decidedAtOnce += 1;
        return evaluated.value;
      }
    }
    this.#counters.waited += 1;
    return evaluateWaiting(this.#evaluations, tenant, evaluation, options);
  }

  /**
   * Loads the tenant's graph ahead, while all else goes on, until it is whole or the memory nearly full.
   * Fails as an evaluation does; what was loaded until then stays.
   */
  async preload(tenant: string, options: PreloadOptions): Promise<Preloaded> {
    const ready: Evaluation<undefined> = () => ({ kind: "decided", value: undefined });
    await this.evaluate(tenant, ready, { signal: options.signal });
    const { store, loader } = this.#followers.get(tenant) ?? this.#follow(tenant);
    const host = { tenant, store, loader, clock: this.#pages, report: this.#report };
    let counted = 0;
    return await preload(host, {
      ...options,
      onProgress: (objects) => {
        this.#counters.objectsPreloaded += Math.max(0, objects - counted);
        counted = objects;
        options.onProgress(objects);
      },
    });
  }

  async enforce(
    tenant: string,
    timeline: Timeline,
    revision: Revision,
    deadlineMs: number,
    scanned?: Promise<Scan | undefined>,
  ): Promise<Enforcement> {
    const token: ConsistencyToken = { tenant, timeline, revision };
    // The writer's own node need not wait for the hint.
    const follower = this.#followers.get(tenant);
    const isKnown = timeline === this.#timeline && (follower?.applied ?? 0) >= revision;
    if (!isKnown) follower?.pollSoon();
    const stop = this.#announcer.announce(token, scanned !== undefined);
    const { killMs } = this.#parameters;
    try {
      return await this.#barrier.wait(token, Math.min(deadlineMs, killMs + 5000), scanned);
    } finally {
      stop();
    }
  }

  written(tenant: string, timeline: Timeline, change: RevisionChange): void {
    this.#followers.get(tenant)?.written(timeline, change);
  }

  get serving(): boolean {
    return this.#lease.isValid() && this.#databaseClock.at(this.#clock.mono()) !== undefined;
  }

  /** As they are now. */
  get counters(): Readonly<ReplicaCounters> & ReplicaGauges {
    return {
      ...this.#counters,
      leaseAgeMs: this.#lease.ageMs,
      revisionsBehind: Math.max(0, ...this.#followers.all().map(({ behind }) => behind)),
    };
  }

  /** The lease that the node holds, valid or not. */
  get leaseId(): string | undefined {
    return this.#lease.id;
  }

  /** Bytes of the held pages, as estimated. */
  get heldBytes(): number {
    return this.#pages.bytes;
  }

  /**
   * The tenant may have moved there, and the node of that name may wait for this one (W5): a hint,
   * nothing rests on it. `changes` must have been committed on that timeline, whenever that was.
   */
  announced(
    position: ConsistencyToken,
    from: string,
    changes: readonly RevisionChange[] = [],
  ): void {
    this.#followers.get(position.tenant)?.announced(position, from, changes);
  }

  /** The lease, of that timeline, must have acknowledged the revision, where a scan could see it. */
  acknowledged(position: ConsistencyToken, leaseId: string): void {
    this.#barrier.acknowledged(position, leaseId);
  }

  /** Hints may have been lost. */
  hintAll(): void {
    for (const follower of this.#followers.all()) follower.pollSoon();
  }

  onApplied(listener: (tenant: string, revision: Revision) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#changed.ring();
    await this.#lease.close();
  }

  #isReady(follower: Follower): boolean {
    return follower.isServing && this.serving;
  }

  /** S1, S2: what may be answered from in this very tick, if anything. */
  #snapshot(follower: Follower): Snapshot | undefined {
    const { modelId, store } = follower;
    const monoMs = this.#clock.mono();
    if (!follower.isServing || modelId === undefined || !this.#lease.isValid(monoMs)) {
      return undefined;
    }
    const now = this.#databaseClock.at(monoMs);
    const plan = this.#plans.get(store.symbols, modelId);
    if (now === undefined || plan === undefined || this.#timeline === undefined) return undefined;
    const { tenant, applied: revision } = follower;
    return {
      tenant,
      timeline: this.#timeline,
      revision,
      modelId,
      plan,
      graph: store,
      now,
      verdicts: this.#parameters.verdictsMax === 0 ? undefined : follower.verdicts,
    };
  }

  /** I1 at its source: what an acknowledgement under this lease would say, before it is written. */
  #hasApplied(leaseId: string, { tenant, timeline, revision }: ConsistencyToken): boolean {
    if (this.#faults.forgetOwnLease === true && leaseId === this.#lease.id) return true;
    const follower = this.#followers.get(tenant);
    return (
      leaseId === this.#lease.id &&
      timeline === this.#lease.timeline &&
      timeline === this.#timeline &&
      follower?.isSubscribed === true &&
      follower.applied >= revision
    );
  }

  #follow(tenant: string): Follower {
    const follower = this.#followers.add(tenant);
    const leaseId = this.#lease.id;
    if (leaseId !== undefined) void follower.subscribe(leaseId);
    return follower;
  }

  #leaseEvents(): LeaseEvents {
    return {
      registered: (leaseId, timeline) => this.#registered(leaseId, timeline),
      lost: () => {
        // L5: in one tick with the loss of the lease.
        this.#counters.leasesLost += 1;
        for (const follower of this.#followers.all()) follower.unsubscribe();
      },
      waitedFor: () => this.#barrier.waitedFor(),
      mayRenew: () => {
        const may = this.#followers.all().every((follower) => follower.isUpToReport);
        if (!may) this.#counters.renewalsHeld += 1;
        return may;
      },
      answered: (renewal, sentMs, gotMs) => this.#observe(renewal, sentMs, gotMs),
      renewed: (renewal) => {
        for (const head of renewal.heads) {
          this.#followers.get(head.tenant)?.announce(head.revision);
        }
        this.#changed.ring();
      },
    };
  }

  #followerHost(): FollowerHost {
    return {
      db: this.#db,
      timers: this.#timers,
      parameters: this.#parameters,
      faults: this.#faults,
      counters: this.#counters,
      report: this.#report,
      clock: this.#pages,
      verdicts: this.#verdicts,
      leaseId: () => this.#lease.id,
      timeline: () => this.#timeline,
      leaseLost: (leaseId) => this.#lease.lose(leaseId),
      timelineChanged: () => this.#timelineChanged(),
      isCrowded: () => this.#watch.size > toldLeasesMax,
      applied: ({ tenant, applied }) => {
        this.#barrier.applied(tenant);
        for (const listener of this.#listeners) listener(tenant, applied);
      },
      acknowledged: () => this.#lease.nudge(),
      serving: () => this.#changed.ring(),
      refused: (follower, error) => this.#refused(follower, error),
    };
  }

  #registered(leaseId: string, timeline: Timeline): void {
    this.#counters.leasesRegistered += 1;
    // L5, F2: what was learned on another timeline may never have happened.
    const isOther = timeline !== this.#timeline && this.#faults.ignoreTimeline !== true;
    if (isOther) for (const follower of this.#followers.all()) follower.restart();
    this.#timeline = timeline;
    for (const follower of this.#followers.all()) void follower.subscribe(leaseId);
  }

  #timelineChanged(): void {
    for (const follower of this.#followers.all()) follower.drop();
    const leaseId = this.#lease.id;
    if (leaseId !== undefined) this.#lease.lose(leaseId);
  }

  #refused(follower: Follower, error: DomainError): void {
    this.#followers.refuse(follower, error);
    this.#changed.ring();
  }

  #observe(renewal: Renewal, sentMs: number, gotMs: number): void {
    this.#databaseClock.observe(renewal.databaseTimeMs, sentMs, gotMs);
    this.#watch.observe(renewal.leases, gotMs);
    for (const row of this.#expired()) void this.#kill(row);
  }

  #expired(): readonly LeaseRow[] {
    return this.#watch.expired(this.#clock.mono());
  }

  /** L8. The counter that was seen goes along: a renewal that came first saves the lease. */
  async #kill({ leaseId, renewSeq }: LeaseRow): Promise<void> {
    if (this.#killing.has(leaseId)) return;
    this.#killing.add(leaseId);
    try {
      const killed = await this.#db.kill(leaseId, renewSeq);
      this.#watch.forget(leaseId);
      if (killed) this.#counters.leasesKilled += 1;
      this.#barrier.nudge();
    } catch (cause) {
      this.#report("killing an expired lease", cause);
    } finally {
      this.#killing.delete(leaseId);
    }
  }

  #pollInTurn(): void {
    if (this.#closed) return;
    this.#timers.after(this.#parameters.pollMs, () => this.#pollInTurn());
    for (const follower of this.#followers.nextInTurn()) follower.pollSoon();
  }
}
