import { compareBytes } from "../core/byte-order.ts";

/** Texts that are added in parts and read in the order of their bytes, with no sort of the whole. */
export class SortedRuns<Text extends string> {
  readonly #runs: Text[][] = [];
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** All parts are added before anything is read; no text is added twice. */
  add(part: readonly Text[]): void {
    const sorted = part.toSorted(compareBytes);
    const [first] = sorted;
    if (first === undefined) return;
    this.#size += sorted.length;
    // Pages are in order already: mostly there is one run.
    const before = this.#runs.at(-1);
    const last = before?.at(-1);
    if (before !== undefined && last !== undefined && compareBytes(last, first) < 0) {
      for (const text of sorted) before.push(text);
    } else this.#runs.push(sorted);
  }

  /** Reads from the first text after `after`. */
  cursor(after: string = ""): SortedCursor<Text> {
    return new SortedCursor(this.#runs, after);
  }
}

/** A place in sorted runs, which can be taken back to its mark. */
export class SortedCursor<Text extends string> {
  readonly #runs: readonly (readonly Text[])[];
  readonly #heads: number[];
  /** The runs of which something is left: a binary heap, that with the least text first. */
  #heap: number[];
  /** The runs that gave a text since the mark. */
  #taken: number[] = [];

  constructor(runs: readonly (readonly Text[])[], after: string) {
    this.#runs = runs;
    this.#heads = runs.map((run) => firstAfter(run, after));
    this.#heap = this.#heapOfAll();
  }

  get isEmpty(): boolean {
    return this.#heap.length === 0;
  }

  take(): Text | undefined {
    const [run] = this.#heap;
    if (run === undefined) return undefined;
    const text = this.#headOf(run);
    this.#heads[run] = (this.#heads[run] ?? 0) + 1;
    this.#taken.push(run);
    if (this.#headOf(run) === undefined) {
      const last = this.#heap.pop();
      if (last !== undefined && this.#heap.length > 0) this.#heap[0] = last;
    }
    this.#sink(0);
    return text;
  }

  mark(): void {
    this.#taken = [];
  }

  restore(): void {
    for (const run of this.#taken) this.#heads[run] = (this.#heads[run] ?? 0) - 1;
    this.#taken = [];
    this.#heap = this.#heapOfAll();
  }

  #headOf(run: number): Text | undefined {
    return this.#runs[run]?.[this.#heads[run] ?? 0];
  }

  #heapOfAll(): number[] {
    return [...this.#runs.keys()]
      .filter((run) => this.#headOf(run) !== undefined)
      .toSorted((left, right) => this.#compare(left, right));
  }

  #compare(left: number, right: number): number {
    return compareBytes(this.#headOf(left) ?? "", this.#headOf(right) ?? "");
  }

  #sink(from: number): void {
    const heap = this.#heap;
    for (let at = from; ;) {
      const least = this.#least(this.#least(at, 2 * at + 1), 2 * at + 2);
      const upper = heap[at];
      const lower = heap[least];
      if (least === at || upper === undefined || lower === undefined) return;
      heap[at] = lower;
      heap[least] = upper;
      at = least;
    }
  }

  /** Whichever place of the heap has the lesser text; the first where there is no second. */
  #least(at: number, other: number): number {
    const run = this.#heap[at];
    const otherRun = this.#heap[other];
    if (run === undefined || otherRun === undefined) return at;
    return this.#compare(otherRun, run) < 0 ? other : at;
  }
}

/** The position of the first text after the given one. */
function firstAfter(run: readonly string[], after: string): number {
  let low = 0;
  let high = run.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (compareBytes(run[middle] ?? "", after) > 0) high = middle;
    else low = middle + 1;
  }
  return low;
}
