import assert from "node:assert/strict";
import type { PageUnit } from "./page-unit.ts";

/** Keeps the units of all tenants within one budget of memory, by the second-chance rule. */
export class PageClock {
  readonly limitBytes: number;
  readonly #units: PageUnit[] = [];
  #hand = 0;
  #bytes = 0;
  #evictions = 0;

  constructor(limitBytes: number) {
    this.limitBytes = limitBytes;
  }

  /** Estimate of all that is held. */
  get bytes(): number {
    return this.#bytes;
  }

  get units(): number {
    return this.#units.length;
  }

  get evictions(): number {
    return this.#evictions;
  }

  add(unit: PageUnit): void {
    assert(unit.slot === -1, "a unit is in the clock once");
    unit.slot = this.#units.length;
    this.#units.push(unit);
    this.#bytes += unit.bytes;
  }

  remove(unit: PageUnit): void {
    assert(this.#units[unit.slot] === unit, "a unit is in the clock where it says");
    const last = this.#units.pop();
    if (last !== undefined && last !== unit) {
      this.#units[unit.slot] = last;
      last.slot = unit.slot;
    }
    unit.slot = -1;
    this.#bytes -= unit.bytes;
  }

  resize(unit: PageUnit, bytes: number): void {
    this.#bytes += bytes - unit.bytes;
    unit.bytes = bytes;
  }

  /** Counts memory that belongs to no unit, as symbols are. */
  charge(bytes: number): void {
    this.#bytes += bytes;
  }

  /** Evicts until the budget holds. False where it cannot, since what is left is pinned. */
  shrink(): boolean {
    // Twice round: the first pass may do no more than take marks away.
    let steps = this.#units.length * 2;
    while (this.#bytes > this.limitBytes && steps > 0) {
      steps -= 1;
      if (this.#hand >= this.#units.length) this.#hand = 0;
      const unit = this.#units[this.#hand];
      if (unit === undefined) break;
      // Also past an evicted one: what moves into its slot is the latest, whose turn comes last.
      this.#hand += 1;
      if (unit.pins > 0 || unit.used) {
        unit.used = false;
        continue;
      }
      this.remove(unit);
      unit.owner.forget(unit);
      this.#evictions += 1;
    }
    return this.#bytes <= this.limitBytes;
  }
}
