import { decodeHuffman } from "./huffman.ts";
import { staticFields } from "./static-fields.ts";

/** The size that an encoder may use until it is told otherwise; we never tell otherwise. */
const tableBytesMax = 4096;

const entryBytes = 32;
const noBytes: Buffer = Buffer.alloc(0);
const integerMax = 2 ** 24;

/** One header field. Names are as they came: whoever reads them refuses capitals. */
export interface Field {
  readonly name: string;
  readonly value: string;
}

/** What a header block says: its fields, or that there are more than are taken. */
export type Decoded =
  | { readonly kind: "fields"; readonly fields: readonly Field[] }
  | { readonly kind: "too_large" };

/** How much one block may hold once it is decoded, each field with 32 bytes beside its text. */
export interface FieldLimits {
  readonly fieldsMax: number;
  readonly bytesMax: number;
}

/**
 * Decodes the header blocks of one connection, in their order (RFC 7541). What is too large is
 * decoded all the same: the next block rests on the table that it leaves.
 */
export class HpackDecoder {
  readonly #limits: FieldLimits;
  /** The newest is the last. */
  #table: Field[] = [];
  #tableBytes = 0;
  #tableMax = tableBytesMax;
  #changes = 0;
  #block: Buffer = noBytes;
  #at = 0;

  constructor(limits: FieldLimits) {
    this.#limits = limits;
  }

  /** How often the table changed: the same block means the same until it does. */
  get changes(): number {
    return this.#changes;
  }

  /** `undefined`: no header block, and nothing after it can be read either. */
  decode(block: Buffer): Decoded | undefined {
    this.#block = block;
    this.#at = 0;
    const fields: Field[] = [];
    let bytes = 0;
    while (this.#at < block.length) {
      const first = block[this.#at] ?? 0;
      if ((first & 0xe0) === 0x20) {
        // A change of size stands at the start of a block only.
        if (fields.length > 0 || !this.#resize()) return undefined;
        continue;
      }
      const field = this.#field(first);
      if (field === undefined) return undefined;
      bytes += bytesOf(field);
      if (bytes <= this.#limits.bytesMax && fields.length <= this.#limits.fieldsMax) {
        fields.push(field);
      }
    }
    const isTooLarge = bytes > this.#limits.bytesMax || fields.length > this.#limits.fieldsMax;
    return isTooLarge ? { kind: "too_large" } : { kind: "fields", fields };
  }

  #field(first: number): Field | undefined {
    if ((first & 0x80) !== 0) {
      const index = this.#integer(7);
      return index === undefined ? undefined : this.#entry(index);
    }
    const isKept = (first & 0x40) !== 0;
    const index = this.#integer(isKept ? 6 : 4);
    if (index === undefined) return undefined;
    const name = index === 0 ? this.#text() : this.#entry(index)?.name;
    if (name === undefined) return undefined;
    const value = this.#text();
    if (value === undefined) return undefined;
    const field = { name, value };
    if (isKept) this.#keep(field);
    return field;
  }

  #entry(index: number): Field | undefined {
    if (index <= staticFields.length) return staticFields[index - 1];
    return this.#table[this.#table.length - (index - staticFields.length)];
  }

  #keep(field: Field): void {
    this.#changes += 1;
    this.#table.push(field);
    this.#tableBytes += bytesOf(field);
    this.#evict();
  }

  #resize(): boolean {
    const size = this.#integer(5);
    if (size === undefined || size > tableBytesMax) return false;
    this.#changes += 1;
    this.#tableMax = size;
    this.#evict();
    return true;
  }

  #evict(): void {
    let gone = 0;
    for (const field of this.#table) {
      if (this.#tableBytes <= this.#tableMax) break;
      this.#tableBytes -= bytesOf(field);
      gone += 1;
    }
    if (gone > 0) this.#table = this.#table.slice(gone);
  }

  #integer(prefixBits: number): number | undefined {
    const mask = 2 ** prefixBits - 1;
    let value = (this.#block[this.#at] ?? 0) & mask;
    this.#at += 1;
    if (value < mask) return value;
    for (let factor = 1; this.#at < this.#block.length; factor *= 128) {
      const byte = this.#block[this.#at] ?? 0;
      this.#at += 1;
      value += (byte & 0x7f) * factor;
      if (value > integerMax) return undefined;
      if (byte < 0x80) return value;
    }
    return undefined;
  }

  #text(): string | undefined {
    if (this.#at >= this.#block.length) return undefined;
    const isCoded = ((this.#block[this.#at] ?? 0) & 0x80) !== 0;
    const length = this.#integer(7);
    if (length === undefined || length > this.#block.length - this.#at) return undefined;
    const start = this.#at;
    this.#at += length;
    return isCoded
      ? decodeHuffman(this.#block, start, this.#at)
      : this.#block.toString("latin1", start, this.#at);
  }
}

function bytesOf({ name, value }: Field): number {
  return entryBytes + name.length + value.length;
}
