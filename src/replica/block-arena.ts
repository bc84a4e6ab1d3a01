import assert from "node:assert/strict";
import { Column, columnSegmentLength } from "./column.ts";

/** The longest block; longer lists have an array of their own. */
const blockWordsMax = 256;

/** Words of a block of at least so many: every number up to 8, then four sizes to each doubling. */
const sizes: readonly number[] = sizesUpTo(blockWordsMax);
const classByWords: readonly number[] = Array.from({ length: blockWordsMax + 1 }, (_, words) =>
  sizes.findIndex((size) => size >= words),
);

/**
 * Short rows of 32-bit numbers, packed side by side. A row that is freed is used again for one of its
 * size. Row 0 does not exist.
 */
export class BlockArena {
  readonly #words = new Column();
  // By size: the first free row, which has the number of the next in its first word.
  #free: number[] = sizes.map(() => 0);
  #end = 1;
  #usedBytes = 0;

  /** What the rows in use take. */
  get usedBytes(): number {
    return this.#usedBytes;
  }

  allot(words: number): number {
    const at = classOf(words);
    const size = sizes[at] ?? blockWordsMax;
    this.#usedBytes += size * 4;
    const free = this.#free[at] ?? 0;
    if (free !== 0) {
      this.#free[at] = this.#words.get(free);
      return free;
    }
    const left = columnSegmentLength - (this.#end % columnSegmentLength);
    if (size > left) this.#end += left;
    const row = this.#end;
    this.#end += size;
    // The row must lie within its segment, also where that is still growing.
    this.#words.set(this.#end - 1, 0);
    return row;
  }

  release(row: number, words: number): void {
    const at = classOf(words);
    this.#words.set(row, this.#free[at] ?? 0);
    this.#free[at] = row;
    this.#usedBytes -= (sizes[at] ?? blockWordsMax) * 4;
  }

  /** The words of the row begin at `offsetOf(row)`; good until the next `allot`. */
  wordsOf(row: number): Uint32Array {
    return this.#words.segmentOf(row);
  }

  offsetOf(row: number): number {
    return this.#words.offsetOf(row);
  }

  clear(): void {
    this.#words.clear();
    this.#free = sizes.map(() => 0);
    this.#end = 1;
    this.#usedBytes = 0;
  }
}

function classOf(words: number): number {
  const found = classByWords[words];
  assert(found !== undefined && words > 0, "a block has its limits");
  return found;
}

function sizesUpTo(max: number): readonly number[] {
  const found = [1, 2, 3, 4, 5, 6, 7, 8];
  for (let step = 2; (found.at(-1) ?? 0) < max; step *= 2) {
    for (let index = 0; index < 4; index += 1) found.push((found.at(-1) ?? 0) + step);
  }
  return found;
}
