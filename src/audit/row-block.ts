/** In hexadecimal. */
export const hashLength = 64;
/** Of most rows, room for the hash included. */
const rowBytes = 640;
/** What a UTF-16 unit takes in UTF-8 at most. */
const unitBytesMax = 3;

/** Rows in UTF-8, each behind room for the hash of the row before it, as it is linked. */
export interface RowBlock {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** For each row where it ends. It begins `hashLength` behind the end before. */
  readonly ends: Uint32Array<ArrayBuffer>;
}

/** Puts rows where another thread can take them over as they lie. */
export class RowBlockWriter {
  #bytes: Buffer<ArrayBuffer>;
  readonly #ends: number[] = [];
  #end = 0;

  /** For about so many rows, in the room of a block that is used up, if that will do. */
  constructor(rows: number, usedUp?: ArrayBuffer) {
    const bytes = rows * rowBytes;
    const fits = usedUp !== undefined && usedUp.byteLength >= bytes;
    this.#bytes = Buffer.from(fits ? usedUp : new ArrayBuffer(bytes));
  }

  get count(): number {
    return this.#ends.length;
  }

  add(row: string): void {
    const start = this.#end + hashLength;
    this.#reserve(start + row.length * unitBytesMax);
    this.#end = start + this.#bytes.write(row, start, "utf8");
    this.#ends.push(this.#end);
  }

  /** The writer is then good for nothing else. */
  finish(): RowBlock {
    const bytes = new Uint8Array(this.#bytes.buffer, 0, this.#end);
    return { bytes, ends: Uint32Array.from(this.#ends) };
  }

  #reserve(needed: number): void {
    if (needed <= this.#bytes.length) return;
    const grown = Buffer.from(new ArrayBuffer(Math.max(needed, this.#bytes.length * 2)));
    this.#bytes.copy(grown, 0, 0, this.#end);
    this.#bytes = grown;
  }
}
