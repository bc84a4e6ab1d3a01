import { DomainError } from "../../../src/core/error.ts";
import type { RevisionChange } from "../../../src/core/change.ts";
import type { ConsistencyToken, Revision } from "../../../src/core/revision.ts";
import { zeroCounters, type ReplicaCounters } from "../../../src/replica/counters.ts";
import type { Faults } from "../../../src/replica/faults.ts";
import type { EvaluateOptions, Snapshot } from "../../../src/replica/replica.ts";
import type { DatabaseFaults } from "./database-faults.ts";
import { tenants } from "./database-state.ts";
import { SimulatedDatabase } from "./database.ts";
import { SimulatedNode, type NodeOptions } from "./node.ts";
import { hinderable, mishaps, type Bias, type Mishap } from "./mishap.ts";
import { Primaries } from "./primaries.ts";
import { anyKeys, anyWrite, readPages, type Answer } from "./question.ts";
import { textsOf } from "./reading.ts";
import { Chance, Scheduler } from "./scheduler.ts";
import { scannedWith, type Scanned } from "./scanned.ts";
import { addCounters, nothingSeen, type Seen } from "./seen.ts";

export interface HistoryOptions {
  readonly seed: number;
  readonly faults?: Faults;
  readonly databaseFaults?: DatabaseFaults;
  /** Mishaps that a rare order of events needs; the rest is drawn all the same. */
  readonly bias?: Bias;
  /** Mishaps and writes that are left out, by their number in the history. */
  readonly without?: ReadonlySet<number>;
  /** Told of each mishap, write and answer to a write, as it happens. */
  readonly tell?: (line: string) => void;
}

export interface Outcome {
  /** What went wrong first, with the virtual time; `undefined` where nothing did. */
  readonly violation: string | undefined;
  readonly counters: Readonly<ReplicaCounters>;
  readonly seen: Seen;
  /** Mishaps and writes, left out or not. */
  readonly steps: number;
}

const lengthMs = 7000;
const serveMs = 800;
const killMs = 1200;

/** An enforced write: what every check that is sent from now on must contain. */
interface Enforced {
  readonly revision: Revision;
  /** Of the write, or `undefined` where nothing was written and `revision` was just the head. */
  readonly id: string | undefined;
}

/** Runs one history of a few nodes, clients and mishaps, all from the seed. */
export async function runHistory(options: HistoryOptions): Promise<Outcome> {
  const world = new World(options);
  return world.run();
}

class World {
  readonly #scheduler = new Scheduler();
  readonly #chance: Chance;
  // Streams of their own, so that a history without one of its steps is much the same.
  readonly #stepChance: Chance;
  readonly #checkChance: Chance;
  readonly #without: ReadonlySet<number>;
  readonly #tell: (line: string) => void;
  readonly #primaries: Primaries;
  readonly #nodeOptions: Omit<NodeOptions, "name" | "chance" | "database">;
  readonly #nodes: SimulatedNode[] = [];
  readonly #gone: SimulatedNode[] = [];
  readonly #enforced = new Map<string, Enforced>();
  readonly #calm: number;
  readonly #mishaps: readonly Mishap[];
  readonly #seen: Seen = nothingSeen();
  #incarnations = 0;
  #steps = 0;
  #violation: string | undefined;

  constructor(options: HistoryOptions) {
    const { seed, faults = {}, databaseFaults = {}, bias, without, tell } = options;
    const scheduler = this.#scheduler;
    const chance = new Chance(seed);
    this.#chance = chance;
    this.#stepChance = chance.fork();
    this.#checkChance = chance.fork();
    this.#without = without ?? new Set();
    this.#tell = (line) => tell?.(`${scheduler.nowMs.toFixed(1)} ms: ${line}`);
    this.#primaries = new Primaries(
      scheduler,
      new SimulatedDatabase(scheduler, chance.fork(), databaseFaults),
      () => [...this.#nodes, ...this.#gone].map(({ link }) => link),
    );
    this.#calm = chance.pick([150, 500, 1500]);
    // Not all at once: what hides one order of events is often another mishap.
    const drawn = chance.shuffled(mishaps).slice(0, chance.pick([2, 3, 5, 9]));
    this.#mishaps = bias?.mishaps ?? drawn;
    this.#nodeOptions = {
      scheduler,
      weather: {
        slow: chance.pick([0.02, 0.1, 0.3]),
        lost: chance.pick([0, 0.01, 0.05]),
        timeoutMs: chance.pick([400, 1000, 2500]),
        slowMs: chance.pick([20, 300, 3000]),
        hindered: bias?.hindered ?? {
          statement: chance.pick(hinderable),
          direction: chance.pick(["requests", "requests", "replies"]),
          byMs: chance.pick([20, 200, 1000, 5000]),
        },
      },
      parameters: {
        serveMs,
        killMs,
        renewMs: 200,
        wallToleranceMs: 50,
        pollMs: 400,
        tickTuplesMax: 4,
      },
      faults,
      hints: {
        announced: (position, from, changes) =>
          this.#hint(
            ({ name }) => name !== from,
            ({ machine }) => machine.announced(position, from, changes),
          ),
        acknowledged: (name, position, leaseId) =>
          this.#hint(
            (node) => node.name === name,
            ({ machine }) => machine.acknowledged(position, leaseId),
          ),
      },
      onAcknowledge: (node, tenant, applied) => {
        // I1.
        if (applied > (node.appliedMax.get(tenant) ?? 0)) {
          this.#fail(`${node.name} acknowledges ${applied} of ${tenant} before it is applied`);
        }
      },
    };
  }

  async run(): Promise<Outcome> {
    const count = this.#chance.pick([2, 2, 3, 4]);
    for (let index = 0; index < count; index += 1) this.#start(`node${index}`);
    this.#again(this.#checkChance, 30, () => {
      this.#check(this.#checkChance.pick(this.#living), this.#checkChance.pick(tenants), false);
    });
    this.#again(this.#stepChance, 35, () => this.#write());
    this.#again(this.#stepChance, this.#calm, () => this.#mishap());
    await this.#scheduler.run(lengthMs, () => this.#violation !== undefined);
    const counters = zeroCounters();
    for (const node of [...this.#nodes, ...this.#gone])
      addCounters(counters, node.machine.counters);
    const seen = { ...this.#seen, failOvers: this.#primaries.failOvers };
    return { violation: this.#violation, counters, seen, steps: this.#steps };
  }

  #again(chance: Chance, aboutMs: number, run: () => void): void {
    this.#scheduler.after(chance.between(0.1, 2) * aboutMs, () => {
      run();
      this.#again(chance, aboutMs, run);
    });
  }

  /** Every process that answers, a twin of a restarted one included. */
  get #living(): readonly SimulatedNode[] {
    return [...this.#nodes, ...this.#gone.filter((node) => !node.isDead)];
  }

  #start(name: string): void {
    this.#incarnations += 1;
    const options = {
      ...this.#nodeOptions,
      database: this.#primaries.latest,
      chance: this.#chance.fork(),
      name,
    };
    this.#nodes.push(new SimulatedNode(options, this.#incarnations));
  }

  /** Whether the step that comes now is to be done. */
  #isStep(what: string): boolean {
    this.#steps += 1;
    const isDone = !this.#without.has(this.#steps);
    if (isDone) this.#tell(what);
    return isDone;
  }

  #hint(names: (node: SimulatedNode) => boolean, tell: (node: SimulatedNode) => void): void {
    for (const node of this.#nodes.filter(names)) {
      if (this.#chance.is(0.3)) continue;
      const delayMs = this.#chance.next() ** 3 * (this.#chance.is(0.05) ? 2000 : 20);
      this.#scheduler.after(delayMs, () => node.deliver(() => tell(node)));
    }
  }

  #mishap(): void {
    const chance = this.#stepChance.fork();
    const node = chance.pick(this.#nodes);
    const forMs = chance.next() * 2.2 * killMs;
    const until = this.#scheduler.nowMs + forMs;
    const mishap = chance.pick(this.#mishaps);
    if (!this.#isStep(`${mishap}, ${node.name}, for ${forMs.toFixed(0)} ms`)) return;
    switch (mishap) {
      case "pause":
        node.pause(forMs);
        return;
      case "cut_replies":
        node.link.repliesCutUntilMs = until;
        return;
      case "cut_requests":
        node.link.requestsCutUntilMs = until;
        return;
      case "cut":
        node.link.requestsCutUntilMs = until;
        node.link.repliesCutUntilMs = until;
        return;
      case "restart":
        this.#restart(node, chance.is(0.7));
        return;
      case "step_wall_clock":
        node.stepWallClock(chance.between(-2000, 2000));
        return;
      case "freeze_clocks":
        if (this.#primaries.latest.faults.freezeForLong === true) node.freezeClocks(forMs, 0);
        else node.freezeClocks(chance.between(0, 140), killMs);
        return;
      case "truncate":
        this.#primaries.latest.truncate(chance.pick(tenants));
        return;
      case "fail_over":
        this.#primaries.failOver();
        return;
      case "lose_standby":
        this.#primaries.loseStandby(forMs / 2);
        return;
      case "split_brain":
        this.#primaries.splitBrain(chance, forMs / 2, 2.5 * killMs);
        return;
      case "undo_kill":
        this.#primaries.undoKill(chance);
        return;
      case "cancel_waits":
        this.#primaries.cancelWaits(node.link, chance, until);
        return;
    }
  }

  #restart(node: SimulatedNode, isCrash: boolean): void {
    this.#seen.crashes += 1;
    this.#gone.push(...this.#nodes.splice(this.#nodes.indexOf(node), 1));
    // Else the old process lives on beside its twin.
    if (isCrash) node.crash();
    this.#start(node.name);
  }

  #write(): void {
    const chance = this.#stepChance.fork();
    const tenant = chance.pick(tenants);
    const node = chance.pick(this.#nodes);
    const { deletes, creates, modelId, text } = anyWrite(chance, this.#scheduler.nowMs);
    const id = `w${(this.#seen.writes += 1)}`;
    if (!this.#isStep(`${id}: ${node.name}, ${tenant}, ${text}`)) return;
    const tell = (position: ConsistencyToken, change: RevisionChange): void =>
      this.#nodeOptions.hints.announced(position, node.name, [change]);
    node.deliver(() => {
      void node.link
        .call<Scanned>("write", (database, done) =>
          database.write(
            tenant,
            deletes,
            creates,
            id,
            scannedWith(database, tenant, done),
            tell,
            modelId,
          ),
        )
        .then((written) => this.#enforce(node, tenant, written, id))
        .catch((cause: unknown) => this.#expectRefusal(cause));
    });
  }

  async #enforce(
    node: SimulatedNode,
    tenant: string,
    { timeline, revision, change, scan }: Scanned,
    id: string,
  ): Promise<void> {
    if (change !== undefined) {
      node.machine.written(tenant, timeline, change);
      // Sometimes it is late, sometimes lost.
      const scanned = this.#seen.writes % 3 === 0 ? undefined : Promise.resolve(scan);
      await node.machine.enforce(tenant, timeline, revision, 5000, scanned);
    }
    this.#seen.oks += 1;
    this.#tell(`${id}: enforced as ${timeline}/${revision}`);
    const before = this.#enforced.get(tenant);
    if (before === undefined || before.revision < revision) {
      this.#enforced.set(tenant, { revision, id: change === undefined ? undefined : id });
    }
    for (const other of this.#living) {
      for (const delayMs of [0, this.#checkChance.next() * 4]) {
        this.#scheduler.after(delayMs, () => this.#check(other, tenant, true));
      }
    }
  }

  #check(node: SimulatedNode, tenant: string, isAfterOk: boolean): void {
    const enforced = this.#enforced.get(tenant);
    const keys = anyKeys(this.#checkChance);
    const options: EvaluateOptions = this.#checkChance.is(0.05)
      ? { freshness: { kind: "head" } }
      : {};
    node.deliver(() => {
      const evaluate = (): Answer | Promise<Answer> =>
        node.machine.evaluate(
          tenant,
          (snapshot) => {
            this.#expectLease(node, snapshot);
            this.#expectTime(node, snapshot);
            return readPages(snapshot, keys);
          },
          options,
        );
      const answered = evaluate();
      if (answered instanceof Promise) {
        answered.then(
          (answer) => this.#expectRight(node, tenant, answer, enforced, isAfterOk),
          (cause: unknown) => this.#expectRefusal(cause),
        );
      } else {
        this.#expectRight(node, tenant, answered, enforced, isAfterOk);
      }
    });
  }

  /** I2: who passes the lease test has its row. */
  #expectLease(node: SimulatedNode, { tenant }: Snapshot): void {
    if (!this.#primaries.latest.hasSubscription(node.leaseIds, tenant)) {
      this.#fail(`${node.name} answers for ${tenant} without a row in the database`);
    }
  }

  /** T1: the database's time is within the bounds, but for what clocks that stood still have missed. */
  #expectTime(node: SimulatedNode, { now }: Snapshot): void {
    const { nowMs } = this.#scheduler;
    const latestMs = now.latestMs + node.missedMs;
    if (nowMs < now.earliestMs || nowMs > latestMs) {
      this.#fail(`${node.name} takes it for ${now.earliestMs} to ${now.latestMs} ms`);
    }
  }

  /** P, and I4. */
  #expectRight(
    node: SimulatedNode,
    tenant: string,
    answer: Answer,
    enforced: Enforced | undefined,
    isAfterOk: boolean,
  ): void {
    this.#seen.checks += 1;
    if (isAfterOk) this.#seen.checksAfterOk += 1;
    const history = this.#primaries.latest.history(answer.timeline, tenant);
    const at = `${node.name} answers for ${tenant} at ${answer.timeline}/${answer.revision}`;
    if (enforced !== undefined) {
      const [change] = history.changes(enforced.revision - 1, enforced.revision);
      const contains =
        answer.revision >= enforced.revision &&
        (enforced.id === undefined || change?.operation === enforced.id);
      if (!contains) this.#fail(`${at}, before ${enforced.revision}, which was enforced`);
    }
    if (answer.revision > history.head) {
      this.#fail(`${at}, which there never was`);
      return;
    }
    const modelId = history.modelAt(answer.revision);
    if (answer.modelId !== modelId) this.#fail(`${at} by ${answer.modelId} instead of ${modelId}`);
    for (const { key, tuples } of answer.pages) {
      const truth = textsOf(key, history.page(key, answer.revision).tuples);
      if (truth.join() !== tuples.join()) {
        this.#fail(`${at} with a wrong page: ${tuples.join()} instead of ${truth.join()}`);
      }
    }
  }

  #expectRefusal(cause: unknown): void {
    if (!(cause instanceof DomainError)) {
      this.#fail(`a bug: ${cause instanceof Error ? (cause.stack ?? cause.message) : "?"}`);
      return;
    }
    if (cause.code === "outcome_unknown") this.#seen.unknowns += 1;
    else if (cause.code === "not_enforced") this.#seen.notEnforced += 1;
    else if (cause.code === "not_serving") this.#seen.refusals += 1;
    else this.#fail(`an unexpected error: ${cause.code}, ${cause.message}`);
  }

  #fail(what: string): void {
    this.#violation ??= `${this.#scheduler.nowMs.toFixed(1)} ms: ${what}`;
  }
}
