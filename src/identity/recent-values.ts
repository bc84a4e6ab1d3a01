/** Keeps what was found out lately, so that it is not found out again: at most so many, for so long. */
export class RecentValues<Value> {
  readonly #entries = new Map<string, { readonly value: Value; readonly untilMs: number }>();
  readonly #countMax: number;
  readonly #ageMaxMs: number;
  readonly #nowMs: () => number;

  /** `nowMs` never goes back. */
  constructor(countMax: number, ageMaxMs: number, nowMs: () => number) {
    this.#countMax = countMax;
    this.#ageMaxMs = ageMaxMs;
    this.#nowMs = nowMs;
  }

  get(key: string): Value | undefined {
    const entry = this.#entries.get(key);
    return entry === undefined || entry.untilMs <= this.#nowMs() ? undefined : entry.value;
  }

  /** The one that was kept longest makes room. */
  set(key: string, value: Value): void {
    this.#entries.delete(key);
    if (this.#entries.size >= this.#countMax) {
      for (const oldest of this.#entries.keys()) {
        this.#entries.delete(oldest);
        break;
      }
    }
    this.#entries.set(key, { value, untilMs: this.#nowMs() + this.#ageMaxMs });
  }
}
