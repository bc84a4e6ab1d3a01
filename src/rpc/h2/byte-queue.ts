const noBytes: Buffer = Buffer.alloc(0);
const roomBytesMin = 1024;

/**
 * Bytes that wait, in memory of their own: a few that are kept of a large read do not keep all of it.
 * What was given away is never written to again.
 */
export class ByteQueue {
  #bytes = noBytes;
  #from = 0;
  #to = 0;

  get length(): number {
    return this.#to - this.#from;
  }

  push(piece: Buffer): void {
    if (this.#bytes.length - this.#to < piece.length) this.#grow(piece.length);
    this.#to += piece.copy(this.#bytes, this.#to);
  }

  /** The first of them, at most so many. */
  shift(lengthMax: number): Buffer {
    const to = Math.min(this.#to, this.#from + lengthMax);
    const first = this.#bytes.subarray(this.#from, to);
    this.#from = to;
    if (this.length === 0) this.clear();
    return first;
  }

  clear(): void {
    this.#bytes = noBytes;
    this.#from = 0;
    this.#to = 0;
  }

  #grow(more: number): void {
    const { length } = this;
    const grown = Buffer.allocUnsafe(Math.max(roomBytesMin, 2 * (length + more)));
    this.#bytes.copy(grown, 0, this.#from, this.#to);
    this.#bytes = grown;
    this.#from = 0;
    this.#to = length;
  }
}
