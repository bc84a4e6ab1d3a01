import { compareBytes } from "../core/byte-order.ts";
import type { ObjectId } from "../core/object.ts";

/** Ids that are added in parts and taken in the order of their bytes, with no sort of the whole. */
export class SortedRuns {
  readonly #runs: { readonly ids: ObjectId[]; head: number }[] = [];

  get isEmpty(): boolean {
    return this.#runs.every(({ ids, head }) => head >= ids.length);
  }

  /** All parts are added before anything is taken. */
  add(part: readonly ObjectId[]): void {
    if (part.length === 0) return;
    const sorted = part.toSorted(compareBytes);
    const [first] = sorted;
    // Pages are in order already: mostly there is one run.
    const before = this.#runs.at(-1);
    const last = before?.ids.at(-1);
    if (first !== undefined && last !== undefined && compareBytes(last, first) < 0) {
      for (const id of sorted) before?.ids.push(id);
    } else this.#runs.push({ ids: sorted, head: 0 });
  }

  take(): ObjectId | undefined {
    let least: { readonly ids: readonly ObjectId[]; head: number } | undefined;
    let found: ObjectId | undefined;
    for (const run of this.#runs) {
      const id = run.ids[run.head];
      if (id === undefined || (found !== undefined && compareBytes(id, found) >= 0)) continue;
      found = id;
      least = run;
    }
    if (least !== undefined) least.head += 1;
    return found;
  }

  mark(): readonly number[] {
    return this.#runs.map(({ head }) => head);
  }

  restore(mark: readonly number[]): void {
    for (const [at, run] of this.#runs.entries()) run.head = mark[at] ?? 0;
  }
}
