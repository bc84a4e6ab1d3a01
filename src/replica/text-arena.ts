import assert from "node:assert/strict";

const segmentBits = 16;
const segmentBytes = 1 << segmentBits;
const granuleBytes = 4;
const granulesBits = segmentBits - 2;
const granulesMask = (1 << granulesBits) - 1;
const firstBytes = 1024;
const headerBytes = 2;
const textBytesMax = 512;
const classes = Math.ceil((textBytesMax + headerBytes) / granuleBytes) + 1;
// Set in the header of a text that has other characters than ASCII's.
const wideFlag = 0x8000;

/**
 * Texts of at most 512 bytes, packed as UTF-8 in segments of 64 KiB. Room that is freed is used again
 * for a text of about its length. Text 0 does not exist.
 *
 * A text is written into the arena, or looked for, by way of `encode`, which keeps one at a time.
 */
export class TextArena {
  #segments: Buffer[] = [];
  #free: number[] = Array.from({ length: classes }, () => 0);
  #end = 1;
  #usedBytes = 0;
  readonly #seed = (Math.random() * 0x1_0000_0000) >>> 0;
  readonly #encoded = new Uint8Array(textBytesMax + 4);
  #encodedLength = 0;
  #encodedHash = 0;

  get usedBytes(): number {
    return this.#usedBytes;
  }

  /** False where the text is longer than any that can be here. */
  encode(text: string): boolean {
    const { length } = text;
    if (length > textBytesMax) return false;
    const bytes = this.#encoded;
    let hash = this.#seed;
    for (let index = 0; index < length; index += 1) {
      const unit = text.charCodeAt(index);
      if (unit >= 0x80) return this.#encodeWide(text);
      bytes[index] = unit;
      hash = Math.imul(hash ^ unit, 0x01000193);
    }
    this.#encodedLength = length;
    this.#encodedHash = hash;
    return true;
  }

  /** Of the text encoded last; `hashOf` says the same of one that is held. */
  get encodedHash(): number {
    return this.#encodedHash;
  }

  /** Whether the held text is the one encoded last. */
  isEncoded(text: number): boolean {
    const segment = this.#segmentOf(text);
    const start = offsetOf(text);
    const length = this.#encodedLength;
    if (lengthAt(segment, start) !== length) return false;
    const bytes = this.#encoded;
    for (let index = 0; index < length; index += 1) {
      if (segment[start + headerBytes + index] !== bytes[index]) return false;
    }
    return true;
  }

  /** Keeps the text encoded last. */
  allot(): number {
    const length = this.#encodedLength;
    const granules = granulesOf(length);
    this.#usedBytes += granules * granuleBytes;
    const text = this.#room(granules);
    const segment = this.#segmentOf(text);
    const start = offsetOf(text);
    const isWide = this.#encoded.subarray(0, length).some((byte) => byte >= 0x80);
    segment.writeUInt16LE(length | (isWide ? wideFlag : 0), start);
    for (let index = 0; index < length; index += 1) {
      segment[start + headerBytes + index] = this.#encoded[index] ?? 0;
    }
    return text;
  }

  release(text: number): void {
    const segment = this.#segmentOf(text);
    const start = offsetOf(text);
    const granules = granulesOf(lengthAt(segment, start));
    segment.writeUInt32LE(this.#free[granules] ?? 0, start);
    this.#free[granules] = text;
    this.#usedBytes -= granules * granuleBytes;
  }

  /** What the text takes. */
  bytesOf(text: number): number {
    return granulesOf(lengthAt(this.#segmentOf(text), offsetOf(text))) * granuleBytes;
  }

  hashOf(text: number): number {
    const segment = this.#segmentOf(text);
    const start = offsetOf(text) + headerBytes;
    const end = start + lengthAt(segment, start - headerBytes);
    let hash = this.#seed;
    for (let index = start; index < end; index += 1) {
      hash = Math.imul(hash ^ (segment[index] ?? 0), 0x01000193);
    }
    return hash;
  }

  decode(text: number): string {
    const segment = this.#segmentOf(text);
    const start = offsetOf(text);
    const end = start + headerBytes + lengthAt(segment, start);
    const isWide = (segment.readUInt16LE(start) & wideFlag) !== 0;
    return segment.toString(isWide ? "utf8" : "latin1", start + headerBytes, end);
  }

  /** By bytes. */
  compare(left: number, right: number): number {
    const leftSegment = this.#segmentOf(left);
    const rightSegment = this.#segmentOf(right);
    const leftStart = offsetOf(left);
    const rightStart = offsetOf(right);
    const leftLength = lengthAt(leftSegment, leftStart);
    const rightLength = lengthAt(rightSegment, rightStart);
    const end = headerBytes + Math.min(leftLength, rightLength);
    for (let index = headerBytes; index < end; index += 1) {
      const difference =
        (leftSegment[leftStart + index] ?? 0) - (rightSegment[rightStart + index] ?? 0);
      if (difference !== 0) return difference;
    }
    return leftLength - rightLength;
  }

  /** How the text compares with a single byte as text. */
  compareWithByte(text: number, byte: number): number {
    const segment = this.#segmentOf(text);
    const start = offsetOf(text);
    const first = segment[start + headerBytes] ?? 0;
    return first === byte ? lengthAt(segment, start) - 1 : first - byte;
  }

  clear(): void {
    this.#segments = [];
    this.#free = Array.from({ length: classes }, () => 0);
    this.#end = 1;
    this.#usedBytes = 0;
  }

  #encodeWide(text: string): boolean {
    // What has no UTF-8 form must not be taken for what replaces it there.
    if (!text.isWellFormed()) return false;
    const bytes = Buffer.from(text, "utf8");
    if (bytes.length > textBytesMax) return false;
    this.#encoded.set(bytes);
    this.#encodedLength = bytes.length;
    let hash = this.#seed;
    for (const byte of bytes) hash = Math.imul(hash ^ byte, 0x01000193);
    this.#encodedHash = hash;
    return true;
  }

  #segmentOf(text: number): Buffer {
    const segment = this.#segments[text >>> granulesBits];
    assert(segment !== undefined, "a text is asked for while it is held");
    return segment;
  }

  #room(granules: number): number {
    const free = this.#free[granules] ?? 0;
    if (free !== 0) {
      this.#free[granules] = this.#segmentOf(free).readUInt32LE(offsetOf(free));
      return free;
    }
    const left = granulesMask + 1 - (this.#end & granulesMask);
    if (granules > left) this.#end += left;
    const text = this.#end;
    this.#end += granules;
    this.#extend(text >>> granulesBits, ((text & granulesMask) + granules) * granuleBytes);
    return text;
  }

  #extend(at: number, bytes: number): void {
    const known = this.#segments[at];
    if (known !== undefined && known.length >= bytes) return;
    // Only the first one grows: a small tenant takes little.
    let length = at === 0 ? Math.max(firstBytes, known?.length ?? 0) : segmentBytes;
    while (length < bytes) length *= 2;
    const grown = Buffer.alloc(length);
    if (known !== undefined) grown.set(known);
    this.#segments[at] = grown;
  }
}

function offsetOf(text: number): number {
  return (text & granulesMask) * granuleBytes;
}

function lengthAt(segment: Buffer, start: number): number {
  return ((segment[start] ?? 0) | ((segment[start + 1] ?? 0) << 8)) & ~wideFlag;
}

function granulesOf(length: number): number {
  return Math.ceil((length + headerBytes) / granuleBytes);
}
