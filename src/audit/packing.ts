import { constants, gunzipSync, zstdCompressSync, zstdDecompressSync } from "node:zlib";

/** Of a segment as it is stored: far over what a writer makes. */
const bytesMax = 256 * 1024 * 1024;
/** What Zstandard (RFC 8878) begins with; segments of earlier versions are in gzip. */
const zstdMagic = Buffer.from([0x28, 0xb5, 0x2f, 0xfd]);

/** A row is JSON, which has no line break in it: rows in UTF-8, one a line. */
export function packRows(rows: string | Uint8Array): Buffer {
  return zstdCompressSync(rows, { params: { [constants.ZSTD_c_compressionLevel]: 1 } });
}

/** `undefined` where the bytes are nothing that `packRows` made. */
export function unpackRows(packed: Buffer): readonly string[] | undefined {
  const unpack = packed.subarray(0, 4).equals(zstdMagic) ? zstdDecompressSync : gunzipSync;
  try {
    return unpack(packed, { maxOutputLength: bytesMax }).toString("utf8").split("\n");
  } catch {
    // It says only that these are no rows: whoever verifies them reports it.
    return undefined;
  }
}
