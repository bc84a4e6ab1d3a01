const segmentBits = 14;
const segmentLength = 1 << segmentBits;
const mask = segmentLength - 1;
const firstLength = 64;

/**
 * Unsigned 32-bit numbers by index, 0 where none was set. It grows by segments of 64 KiB, so that
 * growing copies little and reserves little, however much is held.
 */
export class Column {
  readonly #segments: Uint32Array[] = [];

  /** What is allotted, used or not. */
  get bytes(): number {
    return this.#segments.reduce((sum, segment) => sum + segment.byteLength, 0);
  }

  get(index: number): number {
    return this.#segments[index >>> segmentBits]?.[index & mask] ?? 0;
  }

  set(index: number, value: number): void {
    const segment = this.#segments[index >>> segmentBits];
    const within = index & mask;
    if (segment !== undefined && within < segment.length) segment[within] = value;
    else this.#grown(index)[within] = value;
  }

  /** The numbers around the index, which stands at `offsetOf(index)` in them; good until the next `set`. */
  segmentOf(index: number): Uint32Array {
    return this.#segments[index >>> segmentBits] ?? this.#grown(index);
  }

  offsetOf(index: number): number {
    return index & mask;
  }

  clear(): void {
    this.#segments.length = 0;
  }

  #grown(index: number): Uint32Array {
    const at = index >>> segmentBits;
    while (this.#segments.length < at) this.#whole(this.#segments.length);
    // A column of few numbers, as a small tenant's, takes little.
    if (at > 0) return this.#whole(at);
    let length = Math.max(firstLength, this.#segments[0]?.length ?? 0);
    while (length <= index) length *= 2;
    return this.#resized(0, length);
  }

  #whole(at: number): Uint32Array {
    const known = this.#segments[at];
    return known?.length === segmentLength ? known : this.#resized(at, segmentLength);
  }

  #resized(at: number, length: number): Uint32Array {
    const resized = new Uint32Array(length);
    const known = this.#segments[at];
    if (known !== undefined) resized.set(known);
    this.#segments[at] = resized;
    return resized;
  }
}

/** How many numbers one segment has at most: what lies in a row never crosses from one to the next. */
export const columnSegmentLength: number = segmentLength;
