import { hash } from "node:crypto";
import { packRows } from "./packing.ts";
import { hashLength, type RowBlock } from "./row-block.ts";

/** Rows as they are stored: linked to the row before them, and compressed. */
export interface Sealed {
  /** 32 bytes a row. */
  readonly hashes: Uint8Array<ArrayBuffer>;
  /** Of the last row, in hexadecimal. */
  readonly head: string;
  readonly packed: Uint8Array;
}

const lineBreak = 10;

/** What `linkRows` and `packRows` make of the rows, in their own place: the block is used up. */
export function sealBlock(previous: string, { bytes, ends }: RowBlock): Sealed {
  const block = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const hashes = Buffer.from(new ArrayBuffer(ends.length * 32));
  let head = previous;
  let start = 0;
  for (const [index, end] of ends.entries()) {
    block.write(head, start, hashLength, "latin1");
    head = hash("sha256", block.subarray(start, end), "hex");
    hashes.write(head, index * 32, "hex");
    start = end;
  }
  return { hashes, head, packed: packRows(linesOf(block, ends)) };
}

/** The rows moved together, a line each. */
function linesOf(block: Buffer, ends: Uint32Array): Buffer {
  let start = 0;
  let length = 0;
  for (const end of ends) {
    block.copyWithin(length, start + hashLength, end);
    length += end - start - hashLength;
    block[length] = lineBreak;
    length += 1;
    start = end;
  }
  return block.subarray(0, Math.max(0, length - 1));
}
