import type { Now } from "../core/now.ts";

/**
 * Bounds on the database's clock between renewals (T1). The factors allow for the drift of both
 * clocks. Neither bound ever goes back, so that on one node no expiry comes and goes.
 */
export class DatabaseClock {
  #observed:
    | { readonly databaseMs: number; readonly sentMs: number; readonly gotMs: number }
    | undefined;
  #earliestMs = 0;
  #latestMs = 0;

  /** Takes what the database said, with the monotonic times of the statement's sending and reply. */
  observe(databaseMs: number, sentMs: number, gotMs: number): void {
    this.#observed = { databaseMs, sentMs, gotMs };
  }

  /** `undefined` before the first observation. */
  at(monoMs: number): Now | undefined {
    if (this.#observed === undefined) return undefined;
    const { databaseMs, sentMs, gotMs } = this.#observed;
    const earliestMs = Math.floor(databaseMs + 0.88 * (monoMs - gotMs));
    const latestMs = Math.ceil(databaseMs + 1.12 * (monoMs - sentMs));
    this.#earliestMs = Math.max(this.#earliestMs, earliestMs);
    this.#latestMs = Math.max(this.#latestMs, latestMs, this.#earliestMs);
    return { earliestMs: this.#earliestMs, latestMs: this.#latestMs };
  }
}
