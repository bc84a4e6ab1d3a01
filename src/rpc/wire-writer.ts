const bytesFirst = 64 * 1024;
const bytesKept = 1024 * 1024;
const numberMax = 2n ** 53n;

/**
 * Writes messages field by field, into room that it uses again for the next. Fields are to be written
 * in the order of their numbers, and those that are empty are not written.
 */
export class WireWriter {
  #bytes: Buffer = Buffer.allocUnsafe(bytesFirst);
  #at = 0;

  /** Begins anew, with so many bytes left free at the start. */
  start(free: number): void {
    if (this.#bytes.length > bytesKept) this.#bytes = Buffer.allocUnsafe(bytesFirst);
    this.#at = free;
  }

  /** A copy of all that was written since `start`. */
  finish(): Buffer {
    const copy = Buffer.allocUnsafe(this.#at);
    this.#bytes.copy(copy, 0, 0, this.#at);
    return copy;
  }

  /** `tag`: of wire type 0. Whole numbers from 0 to 2^53. */
  number(tag: number, value: number): void {
    if (value === 0) return;
    this.#reserve(16);
    this.#bytes[this.#at] = tag;
    this.#at += 1;
    this.#varint(value);
  }

  /** `tag`: of wire type 2. An empty text is not written. */
  text(tag: number, value: string): void {
    if (value !== "") this.element(tag, value);
  }

  /** As `text`, but an empty one is written: it is one of several. */
  element(tag: number, value: string): void {
    this.#reserve(value.length * 3 + 8);
    const start = this.begin(tag);
    for (let index = 0; index < value.length; index += 1) {
      const code = value.charCodeAt(index);
      if (code >= 0x80) {
        this.#at = start + this.#bytes.write(value, start, "utf8");
        break;
      }
      this.#bytes[this.#at] = code;
      this.#at += 1;
    }
    this.end(start);
  }

  /** A message that was encoded elsewhere. */
  message(tag: number, encoded: Uint8Array): void {
    this.#reserve(encoded.length + 8);
    const start = this.begin(tag);
    this.#bytes.set(encoded, start);
    this.#at += encoded.length;
    this.end(start);
  }

  /** Begins a message within the message. What is returned goes to `end`. */
  begin(tag: number): number {
    this.#reserve(8);
    this.#bytes[this.#at] = tag;
    // Most lengths take one byte; for the others what follows is moved.
    this.#at += 2;
    return this.#at;
  }

  end(start: number): void {
    const length = this.#at - start;
    if (length >= 0x80) {
      const more = length < 2 ** 14 ? 1 : length < 2 ** 21 ? 2 : length < 2 ** 28 ? 3 : 4;
      this.#reserve(more);
      this.#bytes.copyWithin(start + more, start, this.#at);
    }
    this.#at = start - 1;
    this.#varint(length);
    this.#at += length;
  }

  #varint(value: number): void {
    let left = value;
    while (left >= 0x80) {
      this.#bytes[this.#at] = (left % 0x80) | 0x80;
      this.#at += 1;
      left = Math.floor(left / 0x80);
    }
    this.#bytes[this.#at] = left;
    this.#at += 1;
  }

  #reserve(more: number): void {
    if (this.#at + more <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafe(2 * (this.#at + more));
    this.#bytes.copy(larger, 0, 0, this.#at);
    this.#bytes = larger;
  }
}

/** Whether `number` can write it. */
export function isWritable(value: bigint): boolean {
  return value >= 0n && value < numberMax;
}
