const burst = 1_000;
// A reset costs us no more than a call: a gateway whose calls time out may send many.
const perSecond = 1_000;

/** A measure of frames that a well-behaved client sends rarely: so many at once, so many a second. */
export class Patience {
  readonly #nowMs: () => number;
  #left = burst;
  #atMs: number;

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
    this.#atMs = nowMs();
  }

  /** False once there were too many. */
  spend(): boolean {
    this.#left -= 1;
    if (this.#left >= 0) return true;
    const nowMs = this.#nowMs();
    this.#left = Math.min(burst, this.#left + ((nowMs - this.#atMs) * perSecond) / 1000);
    this.#atMs = nowMs;
    return this.#left >= 0;
  }
}
