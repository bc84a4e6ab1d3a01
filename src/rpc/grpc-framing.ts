import { DomainError } from "../core/error.ts";

const prefixBytes = 5;
const noBytes: Buffer = Buffer.alloc(0);

/** One message as it came over the wire. */
export interface FramedMessage {
  readonly isCompressed: boolean;
  readonly bytes: Buffer;
}

/**
 * Reads the messages that the chunks of a stream are made of, one by one. One that is in a chunk whole
 * stands there; the rest is put together in memory that grows with what has come, and no faster.
 */
export class MessageReader {
  readonly #bytesMax: number;
  /** What was not read yet, from `#at` to `#end`. */
  #bytes: Buffer = noBytes;
  #at = 0;
  #end = 0;
  /** The memory is ours: there may be room behind the end. */
  #isOwn = true;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  push(chunk: Buffer): void {
    if (this.#at < this.#end) {
      this.#makeRoom(chunk.length);
      this.#end += chunk.copy(this.#bytes, this.#end);
      return;
    }
    this.#bytes = chunk;
    this.#at = 0;
    this.#end = chunk.length;
    this.#isOwn = false;
  }

  /**
   * The next message; `undefined` where it is not whole. Fails with `limit_exceeded` as soon as its
   * length is known.
   */
  next(): FramedMessage | undefined {
    if (this.#at === this.#end) {
      this.#bytes = noBytes;
      this.#at = 0;
      this.#end = 0;
      return undefined;
    }
    const start = this.#at + prefixBytes;
    const end = this.#at + this.#wanted();
    if (end - start > this.#bytesMax) {
      const problem = `Received message larger than max (${end - start} vs ${this.#bytesMax})`;
      throw new DomainError("limit_exceeded", problem);
    }
    if (start > this.#end || end > this.#end) {
      this.keep();
      return undefined;
    }
    const isCompressed = this.#bytes[this.#at] === 1;
    this.#at = end;
    return { isCompressed, bytes: this.#bytes.subarray(start, end) };
  }

  /** The last chunk is needed no longer: what is left of it is copied. */
  keep(): void {
    if (!this.#isOwn && this.#at < this.#end) this.#makeRoom(0);
  }

  #makeRoom(more: number): void {
    if (this.#isOwn && this.#bytes.length - this.#end >= more) return;
    const left = this.#end - this.#at;
    const size = Math.max(left + more, Math.min(this.#wanted(), 2 * (left + more)));
    const grown = Buffer.allocUnsafe(size);
    this.#bytes.copy(grown, 0, this.#at, this.#end);
    this.#bytes = grown;
    this.#at = 0;
    this.#end = left;
    this.#isOwn = true;
  }

  /** Bytes of the next message with its prefix, or of the prefix alone as long as that is not there. */
  #wanted(): number {
    if (this.#end - this.#at < prefixBytes) return prefixBytes;
    return prefixBytes + this.#bytes.readUInt32BE(this.#at + 1);
  }
}

/** A message with its prefix, not compressed. */
export function frameMessage(message: Uint8Array): Buffer {
  const framed = Buffer.allocUnsafe(prefixBytes + message.length);
  framed[0] = 0;
  framed.writeUInt32BE(message.length, 1);
  framed.set(message, prefixBytes);
  return framed;
}

/** The room that a prefix takes. */
export { prefixBytes as framePrefixBytes };
