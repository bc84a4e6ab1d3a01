/** What a chain says of itself where decisions may be missing though nobody touched it. */
export interface Gap {
  readonly chain: string;
  /** The row after which they are missing. */
  readonly seq: number;
  /** 0: the node crashed, and nobody knows; else so many were counted, not written. */
  readonly dropped: number;
  readonly fromMs: number;
  /** Absent where the chain has no end: its node runs, or crashed after that time. */
  readonly toMs?: number;
}

/** Takes gaps up to a number, and counts the rest. */
export class Gaps {
  readonly #list: Gap[] = [];
  #count = 0;

  get list(): readonly Gap[] {
    return this.#list;
  }

  get count(): number {
    return this.#count;
  }

  add(gap: Gap): void {
    this.#count += 1;
    if (this.#list.length < gapsMax) this.#list.push(gap);
  }
}

const gapsMax = 1_000;
