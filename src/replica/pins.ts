import type { PageUnit } from "./page-unit.ts";

/** The units that one evaluation keeps from eviction until it ends. */
export class Pins {
  readonly #units = new Set<PageUnit>();
  #released = false;

  /** Estimate of what the units take. */
  get bytes(): number {
    let sum = 0;
    for (const unit of this.#units) sum += unit.bytes;
    return sum;
  }

  /** Pages that come after the evaluation was cancelled are not kept. */
  hold(units: readonly PageUnit[]): void {
    if (this.#released) return;
    for (const unit of units) {
      if (this.#units.has(unit)) continue;
      this.#units.add(unit);
      unit.pins += 1;
    }
  }

  release(): void {
    this.#released = true;
    for (const unit of this.#units) unit.pins -= 1;
    this.#units.clear();
  }
}
