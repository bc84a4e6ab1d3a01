import assert from "node:assert/strict";
import { Column } from "./column.ts";

const bucketsMin = 16;

/**
 * Finds numbers by a hash: buckets with chains. It grows by one bucket at a time, so that no insertion
 * takes long; what is in it says its own hash.
 */
export class HashChains {
  readonly #hashOf: (item: number) => number;
  readonly #buckets = new Column();
  readonly #next = new Column();
  #count = 0;
  // Between `#level` and twice that; the buckets from `#level` on were split off those from 0 on.
  #size = bucketsMin;
  #level = bucketsMin;

  /** Items are above 0. */
  constructor(hashOf: (item: number) => number) {
    this.#hashOf = hashOf;
  }

  /** The first of those that may have the hash, 0 where there is none. */
  first(hash: number): number {
    return this.#buckets.get(this.#bucketOf(hash));
  }

  next(item: number): number {
    return this.#next.get(item);
  }

  add(item: number, hash: number): void {
    this.#push(item, this.#bucketOf(hash));
    this.#count += 1;
    if (this.#count > this.#size) this.#split();
  }

  remove(item: number, hash: number): void {
    const bucket = this.#bucketOf(hash);
    const first = this.#buckets.get(bucket);
    this.#count -= 1;
    if (first === item) {
      this.#buckets.set(bucket, this.#next.get(item));
      return;
    }
    let before = first;
    while (before !== 0 && this.#next.get(before) !== item) before = this.#next.get(before);
    assert(before !== 0, "an item is in the chain of its hash");
    this.#next.set(before, this.#next.get(item));
  }

  clear(): void {
    this.#buckets.clear();
    this.#next.clear();
    this.#count = 0;
    this.#size = bucketsMin;
    this.#level = bucketsMin;
  }

  #bucketOf(hash: number): number {
    const bucket = hash & (this.#level * 2 - 1);
    return bucket < this.#size ? bucket : bucket & (this.#level - 1);
  }

  #push(item: number, bucket: number): void {
    this.#next.set(item, this.#buckets.get(bucket));
    this.#buckets.set(bucket, item);
  }

  #split(): void {
    const old = this.#size - this.#level;
    let item = this.#buckets.get(old);
    this.#buckets.set(old, 0);
    this.#size += 1;
    while (item !== 0) {
      const next = this.#next.get(item);
      this.#push(item, this.#bucketOf(this.#hashOf(item)));
      item = next;
    }
    if (this.#size === this.#level * 2) this.#level = this.#size;
  }
}
