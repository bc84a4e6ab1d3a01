import assert from "node:assert/strict";
import type { Timeline } from "../core/revision.ts";
import type { ReplicaCounters } from "./counters.ts";
import type { Db, Renewal } from "./db.ts";
import type { Faults } from "./faults.ts";
import type { ReplicaParameters } from "./parameters.ts";
import type { Clock, Report, Rng, Timers } from "./ports.ts";

/** What the lease tells the rest of the node, always within the tick in which it happens. */
export interface LeaseEvents {
  /** Under a new lease, no tenant is subscribed yet. */
  registered(leaseId: string, timeline: Timeline): void;
  lost(): void;
  /** L7: leases of which a barrier must hear. */
  waitedFor(): readonly string[];
  /** L3: whether all that the previous renewal reported has been acknowledged. */
  mayRenew(): boolean;
  /** Any reply to a renewal, good or not, with the times of its sending and arrival. */
  answered(renewal: Renewal, sentMs: number, gotMs: number): void;
  renewed(renewal: Renewal): void;
}

export interface LeaseOptions {
  readonly db: Db;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly rng: Rng;
  readonly parameters: ReplicaParameters;
  readonly faults: Faults;
  readonly report: Report;
  readonly node: string;
  readonly events: LeaseEvents;
  readonly counters: ReplicaCounters;
}

interface Held {
  readonly id: string;
  readonly timeline: Timeline;
  /** When the last good statement was *sent*. */
  mono0: number;
  wall0: number;
}

/** The node's right to answer from memory: registered, renewed, tested at each use, given back. */
export class Lease {
  readonly #options: LeaseOptions;
  #held: Held | undefined;
  #closed = false;
  #registering = false;
  #renewing = false;
  #due = false;
  /** Counts lapses, decides nothing. */
  #wasValid = false;
  #cancelTimer: () => void = () => {};
  // For the fault of the stale test alone.
  #flag = false;
  #cancelFlag: () => void = () => {};
  #repeated: string | undefined;

  constructor(options: LeaseOptions) {
    this.#options = options;
  }

  /** Since the sending of the last good renewal; infinite without a lease. */
  get ageMs(): number {
    return this.#held === undefined ? Infinity : this.#options.clock.mono() - this.#held.mono0;
  }

  get id(): string | undefined {
    return this.#held?.id;
  }

  /** On which it was registered. */
  get timeline(): Timeline | undefined {
    return this.#held?.timeline;
  }

  start(): void {
    this.#tick();
  }

  /** S2. To be asked in the tick of the answer, never remembered (S1). `monoMs`: read just now. */
  isValid(monoMs: number = this.#options.clock.mono()): boolean {
    const held = this.#held;
    if (held === undefined) return false;
    const { clock, parameters, faults } = this.#options;
    if (faults.staleLeaseTest === true) return this.#flag;
    const elapsedMs = monoMs - held.mono0;
    // Two-sided: a wall clock that was set back must not hide a suspend.
    const isValid =
      elapsedMs < parameters.serveMs &&
      Math.abs(clock.wall() - held.wall0 - elapsedMs) <= parameters.wallToleranceMs;
    if (this.#wasValid && !isValid) this.#options.counters.leasesLapsed += 1;
    this.#wasValid = isValid;
    return isValid;
  }

  /** Somebody needs the lease, or an acknowledgement arrived: does what is due. */
  nudge(): void {
    if (this.#held === undefined) void this.#register();
    else if (this.#due || !this.isValid()) void this.#renew();
  }

  /** L5: the row is gone, or of another timeline. */
  lose(leaseId: string): void {
    if (this.#held?.id !== leaseId) return;
    this.#held = undefined;
    this.#options.events.lost();
    void this.#register();
    this.#release(leaseId);
  }

  /** L6: first nothing is served any more, then the row goes. */
  async close(): Promise<void> {
    const held = this.#held;
    this.#held = undefined;
    this.#closed = true;
    this.#cancelTimer();
    if (held !== undefined) await this.#options.db.release(held.id);
  }

  #tick(): void {
    const { timers, parameters } = this.#options;
    this.#cancelTimer = timers.after(parameters.renewMs, () => this.#tick());
    this.#due = true;
    this.nudge();
  }

  async #register(): Promise<void> {
    if (this.#closed || this.#registering || this.#held !== undefined) return;
    this.#registering = true;
    const { db, clock, rng, node, parameters, faults, report } = this.#options;
    // L1: a new id for every attempt, for a late copy would revive a killed lease.
    const leaseId = (faults.repeatRegistration === true && this.#repeated) || rng.uuid();
    this.#repeated = leaseId;
    const mono0 = clock.mono();
    const wall0 = clock.wall();
    const killMs = faults.killEarly === true ? parameters.serveMs / 4 : parameters.killMs;
    try {
      const { timeline } = await db.register({ leaseId, node, killMs });
      this.#repeated = undefined;
      if (this.#closed) this.#release(leaseId);
      else this.#take({ id: leaseId, timeline, mono0, wall0 });
    } catch (cause) {
      report("registering a lease", cause);
      this.#options.timers.after(parameters.retryMs, () => void this.#register());
    } finally {
      this.#registering = false;
    }
  }

  #take(held: Held): void {
    assert(this.#held === undefined, "a lease is lost before there is another");
    this.#held = held;
    this.#raiseFlag(held);
    this.#options.events.registered(held.id, held.timeline);
    // The first renewal also brings the database's time and the other leases.
    void this.#renew();
  }

  async #renew(): Promise<void> {
    const held = this.#held;
    const { db, clock, events, faults, report } = this.#options;
    if (held === undefined || this.#renewing || !events.mayRenew()) return;
    this.#renewing = true;
    this.#due = false;
    // L3: the term counts from before the statement is handed over.
    const sentMs = clock.mono();
    const sentWallMs = clock.wall();
    try {
      const renewal = await db.renew(held.id, events.waitedFor());
      const gotMs = clock.mono();
      events.answered(renewal, sentMs, gotMs);
      if (this.#held !== held) return;
      if (!renewal.renewed) {
        this.lose(held.id);
        return;
      }
      const fromReceipt = faults.validFromReceipt === true;
      const mono0 = fromReceipt ? gotMs : sentMs;
      if (mono0 > held.mono0) {
        held.mono0 = mono0;
        held.wall0 = fromReceipt ? clock.wall() : sentWallMs;
      }
      this.#raiseFlag(held);
      events.renewed(renewal);
    } catch (cause) {
      report("renewing the lease", cause);
    } finally {
      this.#renewing = false;
      // Under another lease by now, whose first renewal has waited for this one.
      if (this.#held !== held) void this.#renew();
    }
  }

  #release(leaseId: string): void {
    this.#options.db.release(leaseId).catch((cause: unknown) => {
      this.#options.report("deleting a lost lease", cause);
    });
  }

  #raiseFlag(held: Held): void {
    const { timers, clock, parameters, faults } = this.#options;
    if (faults.staleLeaseTest !== true) return;
    this.#flag = true;
    this.#cancelFlag();
    const leftMs = Math.max(0, held.mono0 + parameters.serveMs - clock.mono());
    this.#cancelFlag = timers.after(leftMs, () => {
      this.#flag = false;
    });
  }
}
