import type { SimulatedDatabase } from "./database.ts";
import type { Link } from "./link.ts";
import type { Chance, Scheduler } from "./scheduler.ts";

/** One primary after another, and sometimes two at once. */
export class Primaries {
  readonly #scheduler: Scheduler;
  readonly #links: () => readonly Link[];
  #latest: SimulatedDatabase;
  #failOvers = 0;

  constructor(scheduler: Scheduler, first: SimulatedDatabase, links: () => readonly Link[]) {
    this.#scheduler = scheduler;
    this.#latest = first;
    this.#links = links;
  }

  /** The one that was promoted last. */
  get latest(): SimulatedDatabase {
    return this.#latest;
  }

  get failOvers(): number {
    return this.#failOvers;
  }

  /** The primary is gone, and all that the standby had not got. */
  failOver(): void {
    const former = this.#promote();
    for (const link of this.#links()) link.database = this.#latest;
    former.stop();
  }

  /** Commits wait for the standby for so long, and are lost. */
  loseStandby(forMs: number): void {
    this.#latest.stall(forMs);
    this.#scheduler.after(forMs - 1, () => this.failOver());
  }

  /** The former primary runs on, and one node after the other comes to ask its successor. */
  splitBrain(chance: Chance, stallMs: number, overMsMax: number): void {
    this.#latest.stall(stallMs);
    this.#scheduler.after(chance.next() * stallMs, () => {
      const former = this.#promote();
      const overMs = chance.next() * overMsMax;
      for (const link of this.#links()) {
        this.#scheduler.after(chance.next() * overMs, () => {
          link.database = this.#latest;
        });
      }
      this.#scheduler.after(overMs, () => former.stop());
    });
  }

  /** The standby lacks the next kill, which whoever reads the primary sees, when it takes over. */
  undoKill(chance: Chance): void {
    const database = this.#latest;
    database.beforeKill(() => {
      if (this.#latest !== database) return;
      const afterMs = 20 + chance.next() * 200;
      database.stall(afterMs + 1);
      this.#scheduler.after(afterMs, () => {
        if (this.#latest === database) this.failOver();
      });
    });
  }

  /** Again and again until then, where the node asks. */
  cancelWaits(link: Link, chance: Chance, untilMs: number): void {
    link.database.stall(untilMs - this.#scheduler.nowMs);
    this.#cancelWaits(link, chance, untilMs);
  }

  #cancelWaits(link: Link, chance: Chance, untilMs: number): void {
    if (this.#scheduler.nowMs >= untilMs) return;
    link.database.cancelWaits();
    this.#scheduler.after(chance.next() * 100, () => this.#cancelWaits(link, chance, untilMs));
  }

  #promote(): SimulatedDatabase {
    this.#failOvers += 1;
    const former = this.#latest;
    this.#latest = former.promote();
    return former;
  }
}
