import type { Faults } from "../../../src/replica/faults.ts";
import { ReplicaMachine } from "../../../src/replica/machine.ts";
import type { RevisionChange } from "../../../src/core/change.ts";
import type { ConsistencyToken } from "../../../src/core/revision.ts";
import type { ReplicaParameters } from "../../../src/replica/parameters.ts";
import type { SimulatedDatabase } from "./database.ts";
import { Link, type Hints, type Weather } from "./link.ts";
import { documentModel } from "./document-model.ts";
import type { Chance, Scheduler } from "./scheduler.ts";

interface HintsFrom extends Pick<Hints, "acknowledged"> {
  readonly announced: (
    position: ConsistencyToken,
    from: string,
    changes: readonly RevisionChange[],
  ) => void;
}

export interface NodeOptions {
  readonly name: string;
  readonly scheduler: Scheduler;
  readonly chance: Chance;
  readonly database: SimulatedDatabase;
  readonly weather: Weather;
  readonly parameters: Partial<ReplicaParameters>;
  readonly faults: Faults;
  readonly hints: HintsFrom;
  readonly onAcknowledge: (node: SimulatedNode, tenant: string, applied: number) => void;
}

/** One process: the real machine on a clock of its own, which may be paused, cut off, or crash. */
export class SimulatedNode {
  readonly name: string;
  readonly machine: ReplicaMachine;
  readonly link: Link;
  readonly leaseIds: Set<string> = new Set();
  /** The highest revision that was applied, by tenant. */
  readonly appliedMax: Map<string, number> = new Map();
  readonly #scheduler: Scheduler;
  readonly #chance: Chance;
  // The monotonic clock is right but for its rate and what it missed.
  readonly #rate: number;
  #missedMs = 0;
  #lastFreezeMs = -Infinity;
  #frozenUntilMs = 0;
  #frozenMonoMs = 0;
  #wallOffsetMs: number;
  #isDead = false;
  #pausedUntilMs = 0;
  #backlog: (() => void)[] = [];
  #leaseCount = 0;

  constructor(options: NodeOptions, incarnation: number) {
    const { scheduler, chance, database, weather } = options;
    this.name = options.name;
    this.#scheduler = scheduler;
    this.#chance = chance;
    this.#rate = chance.between(0.91, 1.09);
    this.#wallOffsetMs = chance.between(-1e6, 1e6);
    this.link = new Link(database, scheduler, chance, weather, (run) => this.deliver(run));
    const mono = (): number => this.#monoMs();
    this.machine = new ReplicaMachine({
      db: this.link.db(
        {
          ...options.hints,
          announced: (position, changes) => options.hints.announced(position, this.name, changes),
        },
        (leaseId) => this.leaseIds.add(leaseId),
        (tenant, applied) => options.onAcknowledge(this, tenant, applied),
      ),
      models: { load: () => this.link.call("model", (_database, done) => done(documentModel)) },
      clock: { mono, wall: () => mono() + this.#wallOffsetMs },
      timers: { after: (delayMs, run) => this.#timer(delayMs, run) },
      rng: {
        uuid: () =>
          database.faults.leasesByName === true
            ? options.name
            : `${options.name}-${incarnation}-${(this.#leaseCount += 1)}`,
      },
      report: () => {},
      node: options.name,
      parameters: options.parameters,
      faults: options.faults,
    });
    this.machine.onApplied((tenant, revision) => {
      this.appliedMax.set(tenant, Math.max(revision, this.appliedMax.get(tenant) ?? 0));
    });
    this.machine.start();
  }

  /** What its clocks did not count since it was started. */
  get missedMs(): number {
    return this.#missedMs;
  }

  get isDead(): boolean {
    return this.#isDead;
  }

  get isPaused(): boolean {
    return this.#scheduler.nowMs < this.#pausedUntilMs;
  }

  /** Runs it in the process: later if the process is paused, never if it is dead. */
  deliver(run: () => void): void {
    if (this.#isDead) return;
    if (this.isPaused) this.#backlog.push(run);
    else run();
  }

  crash(): void {
    this.#isDead = true;
    this.#backlog = [];
  }

  /** The process stands still, its clocks go on. Afterwards what came is handled in any order. */
  pause(forMs: number): void {
    this.#pausedUntilMs = Math.max(this.#pausedUntilMs, this.#scheduler.nowMs + forMs);
    this.#scheduler.after(this.#pausedUntilMs - this.#scheduler.nowMs, () => {
      if (this.isPaused) return;
      for (const run of this.#chance.shuffled(this.#backlog.splice(0))) {
        this.#scheduler.after(0, () => this.deliver(run));
      }
    });
  }

  stepWallClock(byMs: number): void {
    this.#wallOffsetMs += byMs;
  }

  /** Both clocks miss so much, as after a hypervisor's pause: at most once a term (A2). */
  freezeClocks(forMs: number, termMs: number): void {
    if (this.#scheduler.nowMs - this.#lastFreezeMs < termMs * 2) return;
    this.#frozenMonoMs = this.#monoMs();
    this.#lastFreezeMs = this.#scheduler.nowMs;
    this.#frozenUntilMs = this.#lastFreezeMs + forMs;
    this.#missedMs += forMs;
  }

  #monoMs(): number {
    const { nowMs } = this.#scheduler;
    return nowMs < this.#frozenUntilMs ? this.#frozenMonoMs : (nowMs - this.#missedMs) * this.#rate;
  }

  #timer(delayMs: number, run: () => void): () => void {
    let isCancelled = false;
    this.#scheduler.after(delayMs / this.#rate + this.#chance.between(0, 0.5), () =>
      this.deliver(() => {
        if (!isCancelled) run();
      }),
    );
    return () => {
      isCancelled = true;
    };
  }
}
