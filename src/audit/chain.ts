import { hash } from "node:crypto";

/** The rows of a batch, linked. */
export interface LinkedRows {
  /** 32 bytes a row. */
  readonly hashes: Buffer;
  /** That of the last row, in hexadecimal. */
  readonly head: string;
}

/** SHA-256, in hexadecimal, over the hash of the row before, in hexadecimal, and the row. */
export function linkRow(previous: string, row: string): string {
  return hash("sha256", previous + row, "hex");
}

export function linkRows(previous: string, rows: readonly string[]): LinkedRows {
  const hashes = Buffer.allocUnsafe(rows.length * 32);
  let head = previous;
  for (const [index, row] of rows.entries()) {
    head = linkRow(head, row);
    hashes.write(head, index * 32, "hex");
  }
  return { hashes, head };
}

/** The hashes of a segment, in hexadecimal, one a row. What is left over is one more. */
export function splitHashes(hashes: Buffer): readonly string[] {
  const count = Math.ceil(hashes.length / 32);
  return Array.from({ length: count }, (_, index) =>
    hashes.toString("hex", index * 32, index * 32 + 32),
  );
}
