const scanMax = 12;

/** A set of numbers that is mostly tiny: scanned while it is, hashed beyond that. */
export class NumberSet {
  readonly #few: number[] = [];
  #many: Set<number> | undefined;

  /** False where it was there already. */
  add(value: number): boolean {
    if (this.#many === undefined) {
      if (this.#few.includes(value)) return false;
      this.#few.push(value);
      if (this.#few.length > scanMax) this.#many = new Set(this.#few);
      return true;
    }
    if (this.#many.has(value)) return false;
    this.#many.add(value);
    return true;
  }
}
