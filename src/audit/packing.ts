import { constants, gunzipSync, gzipSync } from "node:zlib";

/** Of a segment as it is stored: far over what a writer makes. */
const bytesMax = 256 * 1024 * 1024;

/** A row is JSON, which has no line break in it. */
export function packRows(rows: string): Buffer {
  return gzipSync(rows, { level: constants.Z_BEST_SPEED });
}

/** `undefined` where the bytes are nothing that `packRows` made. */
export function unpackRows(packed: Buffer): readonly string[] | undefined {
  try {
    return gunzipSync(packed, { maxOutputLength: bytesMax }).toString("utf8").split("\n");
  } catch {
    // It says only that these are no rows: whoever verifies them reports it.
    return undefined;
  }
}
