import type { Head, RevisionChange } from "../core/change.ts";
import { DomainError } from "../core/error.ts";
import type { PageKey } from "../core/page.ts";
import {
  parseRevision,
  type ConsistencyToken,
  type Revision,
  type Timeline,
} from "../core/revision.ts";
import { Acknowledgements } from "./acknowledgements.ts";
import { changedTuples, ChangeRing, inParts, isContiguous } from "./change-ring.ts";
import type { ReplicaCounters } from "./counters.ts";
import type { Db, Load, Poll } from "./db.ts";
import type { Faults } from "./faults.ts";
import type { PageClock } from "./page-clock.ts";
import { PageLoader } from "./page-loader.ts";
import type { PageStage } from "./page-stage.ts";
import { KeptVerdicts, type VerdictShelf } from "./kept-verdicts.ts";
import { PageStore } from "./page-store.ts";
import type { ReplicaParameters } from "./parameters.ts";
import type { Report, Timers } from "./ports.ts";
import { RepeatedPoll } from "./repeated-poll.ts";

/** What the node is to each of its tenants. */
export interface FollowerHost {
  /** Of the whole node. */
  readonly verdicts: VerdictShelf;
  readonly db: Db;
  readonly timers: Timers;
  readonly parameters: ReplicaParameters;
  readonly faults: Faults;
  readonly counters: ReplicaCounters;
  readonly report: Report;
  readonly clock: PageClock;
  leaseId(): string | undefined;
  /** The timeline of all that is held. */
  timeline(): Timeline | undefined;
  leaseLost(leaseId: string): void;
  /** C2: a reply came from another timeline. */
  timelineChanged(): void;
  /** So many nodes that telling each other of acknowledgements costs more than looking for them. */
  isCrowded(): boolean;
  applied(follower: Follower): void;
  acknowledged(follower: Follower): void;
  serving(follower: Follower): void;
  refused(follower: Follower, error: DomainError): void;
}

const revisionMax = parseRevision(Number.MAX_SAFE_INTEGER);

type Phase = "none" | "registered" | "serving";
type Taken = "applied" | "discarded";

/** One tenant on this node: its pages, its applied revision, and its part in the protocol (§4, cache). */
export class Follower {
  readonly tenant: string;
  readonly store: PageStore;
  readonly loader: PageLoader;
  /** What was decided on the pages of the store. */
  readonly verdicts: KeptVerdicts;
  readonly #host: FollowerHost;
  readonly #ring: ChangeRing;
  #phase: Phase = "none";
  #applied: Revision = parseRevision(0);
  #modelId: string | undefined;
  #isKnown = false;
  // What is under way across a drop is thrown away when it arrives.
  #generation = 0;
  readonly #acknowledgements: Acknowledgements;
  readonly #polls: RepeatedPoll<Taken>;
  #reportedHead = 0;

  constructor(tenant: string, host: FollowerHost) {
    this.tenant = tenant;
    this.#host = host;
    this.store = new PageStore(host.clock);
    this.verdicts = new KeptVerdicts(this.store, host.verdicts);
    this.#ring = new ChangeRing(host.parameters.changedTuplesMax);
    this.#polls = new RepeatedPoll(() => this.#poll(), host);
    this.#acknowledgements = new Acknowledgements({
      db: host.db,
      timers: host.timers,
      parameters: host.parameters,
      report: host.report,
      tenant,
      leaseId: () => (this.#phase === "none" ? undefined : host.leaseId()),
      timeline: () => host.timeline(),
      applied: () => this.#applied,
      isCrowded: () => host.isCrowded(),
      answered: () => host.acknowledged(this),
    });
    this.loader = new PageLoader({
      pagesMax: host.parameters.pagesPerRoundMax,
      load: (keys) => this.#load(keys),
      pin: (keys, pins) => this.store.pin(keys, pins),
    });
  }

  get isServing(): boolean {
    return this.#phase === "serving";
  }

  get isSubscribed(): boolean {
    return this.#phase !== "none";
  }

  get applied(): Revision {
    return this.#applied;
  }

  /** The model that is active at `applied`. */
  get modelId(): string | undefined {
    return this.#modelId;
  }

  /** Revisions that the last renewal reported and that are not acknowledged. */
  get behind(): number {
    return Math.max(0, this.#reportedHead - this.#acknowledgements.upTo);
  }

  /** L3: the previous renewal reported nothing that is not acknowledged. */
  get isUpToReport(): boolean {
    return this.#phase !== "serving" || this.#acknowledgements.upTo >= this.#reportedHead;
  }

  /** L2, until it is done or the lease is another. */
  async subscribe(leaseId: string): Promise<void> {
    const { timers, parameters, report } = this.#host;
    while (this.#host.leaseId() === leaseId) {
      try {
        if (await this.#catchUp(leaseId)) return;
      } catch (cause) {
        if (cause instanceof DomainError && cause.code === "tenant_not_found") {
          this.#host.refused(this, cause);
          return;
        }
        report("subscribing to a tenant", cause);
        await new Promise<void>((resolve) => {
          timers.after(parameters.retryMs, resolve);
        });
      }
    }
  }

  /** L5: the lease is lost, pages and `applied` stay. */
  unsubscribe(): void {
    this.#phase = "none";
    this.#acknowledgements.startOver();
    this.#reportedHead = 0;
  }

  /** C5: always safe, and no acknowledgement waits for it. `applied` stays. */
  drop(): void {
    this.#generation += 1;
    this.#host.counters.drops += 1;
    this.store.drop();
    this.verdicts.clear();
    this.#ring.clear();
  }

  /** F2: revisions start over on another timeline. */
  restart(): void {
    this.drop();
    this.#applied = parseRevision(0);
    this.#modelId = undefined;
  }

  /** A renewal told the head. */
  announce(head: Revision): void {
    this.#reportedHead = head;
    const leaseId = this.#host.leaseId();
    const timeline = this.#host.timeline();
    const isHasty = this.#host.faults.acknowledgeAnnounced === true;
    if (isHasty && leaseId !== undefined && timeline !== undefined) {
      const position = { tenant: this.tenant, timeline, revision: head };
      this.#host.db.acknowledge(leaseId, position, []).catch(ignore);
    }
    if (head > this.#applied) this.pollSoon();
    else this.#acknowledgements.send();
  }

  /** Another node has written (W5), and waits for this one. `changes`: what it told of it, if anything. */
  announced(
    { timeline, revision }: ConsistencyToken,
    from: string,
    changes: readonly RevisionChange[],
  ): void {
    for (const change of changes) this.#learn(timeline, change);
    const isKnown = timeline === this.#host.timeline() && revision <= this.#applied;
    if (timeline === this.#host.timeline()) this.#acknowledgements.ask(from, revision);
    if (!isKnown) this.pollSoon();
  }

  /** This process itself has written. */
  written(timeline: Timeline, change: RevisionChange): void {
    if (this.#learn(timeline, change)) this.#acknowledgements.sendSoon();
  }

  /**
   * Takes over what was committed, without a poll: it is the change of that one revision, so it fits where
   * all before it is applied, on that timeline, and nowhere else.
   */
  #learn(timeline: Timeline, change: RevisionChange): boolean {
    const { faults, parameters, counters } = this.#host;
    const isNext =
      change.revision === this.#applied + 1 ||
      (faults.learnAcrossGap === true && change.revision > this.#applied);
    const isSmall = changedTuples([change]) <= parameters.changedTuplesMax;
    // Before the first poll nothing is known, not even the model.
    const isOurs = timeline === this.#host.timeline() || faults.learnAcrossTimelines === true;
    if (!isNext || !isSmall || this.#applied === 0 || !isOurs) return false;
    counters.learned += 1;
    this.#moveTo({ revision: change.revision, modelId: change.modelId ?? this.#modelId }, [change]);
    return true;
  }

  /** Polls for the sake of the others: nobody waits. */
  pollSoon(): void {
    if (this.#phase === "none") return;
    this.poll().catch((cause: unknown) => this.#host.report("polling for changes", cause));
  }

  /** The outcome of a poll that is sent no earlier than now. */
  poll(): Promise<Taken> {
    return this.#polls.poll();
  }

  /** True when there is nothing left to do under this lease. */
  async #catchUp(leaseId: string): Promise<boolean> {
    const { db, faults } = this.#host;
    const early = faults.pollBeforeRegistration === true ? this.poll() : undefined;
    early?.catch(ignore);
    if (this.#phase === "none") {
      // A tenant that does not exist is found out before it leaves a row.
      if (!this.#isKnown) await this.poll();
      const answer = await db.subscribe(leaseId, this.tenant);
      if (this.#host.leaseId() !== leaseId) return true;
      if (answer === "lease_lost") {
        this.#host.leaseLost(leaseId);
        return true;
      }
      this.#phase = "registered";
    }
    // L2: the poll is sent after the reply; one that was under way does not count.
    const skipped = faults.noCatchUp === true && this.#modelId !== undefined;
    const taken = skipped ? "applied" : await (early ?? this.poll());
    if (this.#host.leaseId() !== leaseId) return true;
    if (taken === "discarded") return false;
    this.#phase = "serving";
    this.#host.serving(this);
    this.#acknowledgements.send();
    return true;
  }

  /** C1. */
  async #poll(): Promise<Taken> {
    // Where nothing was ever applied nothing is held, and no history is wanted.
    const isFresh = this.#applied === 0 && this.#phase !== "serving";
    const sent = isFresh ? revisionMax : this.#applied;
    const generation = this.#generation;
    this.#host.counters.polls += 1;
    const poll = await this.#host.db.poll(this.tenant, sent);
    this.#isKnown = true;
    await this.#approach(poll, sent, generation);
    return this.#take(poll, sent, generation);
  }

  /** C3. */
  async #load(keys: readonly PageKey[]): Promise<void> {
    const sent = this.#applied;
    const generation = this.#generation;
    this.#host.counters.loads += 1;
    const stage = this.store.stage();
    try {
      const load = await this.#host.db.load(this.tenant, sent, keys, (key, tuples) =>
        stage.add(key, tuples),
      );
      await this.#approach(load, sent, generation);
      this.#arrived(load, stage, sent, generation);
    } finally {
      stage.close();
    }
  }

  /**
   * Of a reply that brings much, takes all but the last part, a tick each: every part is what a reply
   * would have been that had read that much earlier.
   */
  async #approach(poll: Poll, sent: Revision, generation: number): Promise<void> {
    const { timers, parameters } = this.#host;
    const { head, changes } = poll;
    if (changes === undefined || !this.#isWhole(poll, sent)) return;
    const parts = inParts(changes, parameters.tickTuplesMax);
    let count = 0;
    for (const part of parts.slice(0, -1)) {
      count += part.length;
      const earlier = changes.slice(0, count);
      const revision = earlier.at(-1)?.revision ?? head.revision;
      // Without a change of it the model is that of before.
      const modelId =
        earlier.findLast((change) => change.modelId !== undefined)?.modelId ?? this.#modelId;
      const { timeline, horizon } = head;
      const then = { timeline, horizon, revision, ...(modelId === undefined ? {} : { modelId }) };
      if (this.#take({ head: then, changes: earlier }, sent, generation) === "discarded") return;
      await new Promise<void>((resolve) => {
        timers.after(0, resolve);
      });
    }
  }

  /** C4, in one tick. */
  #arrived(load: Load, stage: PageStage, sent: Revision, generation: number): void {
    const { faults, counters } = this.#host;
    const behind = load.head.revision < this.#applied;
    if (faults.loadSkipsChanges === true && !behind) this.#moveTo(load.head, []);
    else if (faults.loadSetsApplied === true && behind) this.#applied = load.head.revision;
    if (this.#take(load, sent, generation) === "discarded") return;
    const rolled = behind && faults.installOldLoads !== true && faults.loadSetsApplied !== true;
    // As far as the ring reaches back.
    const changes = rolled ? this.#ring.since(load.head.revision, this.#applied) : [];
    if (changes === undefined) {
      counters.discarded += 1;
      return;
    }
    if (rolled) counters.rollForwards += 1;
    counters.pagesLoaded += stage.install(load.pages, changes);
  }

  /** C2. Afterwards `applied` is at least the head of the reply, or the reply is of no use. */
  #take(poll: Poll, sent: Revision, generation: number): Taken {
    const { faults, counters } = this.#host;
    const { head, changes } = poll;
    if (generation !== this.#generation) {
      counters.discarded += 1;
      return "discarded";
    }
    if (head.timeline !== this.#host.timeline() && faults.ignoreTimeline !== true) {
      this.#host.timelineChanged();
      return "discarded";
    }
    if (head.revision > this.#applied) {
      const isWhole = this.#isWhole(poll, sent);
      if (!isWhole && faults.ignoreHorizon !== true) this.#dropFor(head);
      else this.#moveTo(head, changes ?? []);
    } else if (head.revision === this.#applied) {
      this.#modelId = head.modelId;
    }
    this.#acknowledgements.send();
    return "applied";
  }

  /** Whether the changes are all that there are, and not too many. */
  #isWhole({ head, changes }: Poll, sent: Revision): boolean {
    return (
      changes !== undefined &&
      sent >= head.horizon &&
      isContiguous(changes, sent, head.revision) &&
      changedTuples(changes) <= this.#host.parameters.changedTuplesMax
    );
  }

  /** B12, C5: what lies between cannot be applied, so that no page may stay. */
  #dropFor(head: Head): void {
    this.drop();
    this.#moveTo(head, []);
  }

  #moveTo(
    head: { readonly revision: Revision; readonly modelId?: string | undefined },
    changes: readonly RevisionChange[],
  ): void {
    const fresh = changes.filter(({ revision }) => revision > this.#applied);
    this.store.apply(fresh);
    this.#ring.append(fresh);
    this.#applied = head.revision;
    this.#modelId = head.modelId;
    this.#host.applied(this);
  }
}

function ignore(): void {}
