import type { CallHead } from "../call-stream.ts";
import { h2Error, type H2ErrorCode } from "./frames.ts";
import { HpackDecoder, type Field } from "./hpack-decoder.ts";

/** What the headers of a stream come to. */
export type ReadHeaders =
  | { readonly kind: "call"; readonly head: CallHead }
  | { readonly kind: "refused"; readonly code: H2ErrorCode };

// Tokens are the longest that come, and are a few thousand bytes.
const fieldBytesMax = 32 * 1024;
const fieldsMax = 128;
const blockBytesMax = fieldBytesMax;
const piecesMax = 16;
// Clients send the same few blocks once their table has the fields.
const headsKeptMax = 32;
const keptBytesMax = 256;

const malformed: ReadHeaders = { kind: "refused", code: h2Error.protocol };
const tooLarge: ReadHeaders = { kind: "refused", code: h2Error.calm };

/** Puts header blocks together and reads them; a block that was read before costs a look-up. */
export class HeaderBlocks {
  readonly bytesMax: number = fieldBytesMax;
  streamId = 0;
  endsStream = false;
  readonly #decoder = new HpackDecoder({ fieldsMax, bytesMax: fieldBytesMax });
  readonly #kept = new Map<string, ReadHeaders>();
  #keptAt = 0;
  #pieces: Buffer[] = [];
  #bytes = 0;
  #isOpen = false;

  /** Whether a block was begun and is not whole: then nothing else may come. */
  get isOpen(): boolean {
    return this.#isOpen;
  }

  open(streamId: number, endsStream: boolean): void {
    this.streamId = streamId;
    this.endsStream = endsStream;
    this.#isOpen = true;
    this.#pieces = [];
    this.#bytes = 0;
  }

  /** False where it is more than is taken. What is not the last of the block is copied: it waits. */
  add(bytes: Buffer, start: number, end: number, isLast: boolean): boolean {
    this.#bytes += end - start;
    const piece = bytes.subarray(start, end);
    this.#pieces.push(isLast ? piece : Buffer.from(piece));
    return this.#bytes <= blockBytesMax && this.#pieces.length <= piecesMax;
  }

  /** `undefined`: no header block. The connection cannot be read any further then. */
  close(headOf: (fields: readonly Field[]) => CallHead | undefined): ReadHeaders | undefined {
    this.#isOpen = false;
    const [only, ...more] = this.#pieces;
    if (only === undefined) return undefined;
    const block = more.length === 0 ? only : Buffer.concat(this.#pieces);
    this.#pieces = [];
    const key = block.length <= keptBytesMax ? block.toString("latin1") : undefined;
    if (this.#keptAt !== this.#decoder.changes) this.#kept.clear();
    this.#keptAt = this.#decoder.changes;
    const known = key === undefined ? undefined : this.#kept.get(key);
    if (known !== undefined) return known;
    const decoded = this.#decoder.decode(block);
    if (decoded === undefined) return undefined;
    const read = readOf(decoded, headOf);
    // A block that changed the table means something else the next time.
    if (key !== undefined && this.#keptAt === this.#decoder.changes) {
      if (this.#kept.size >= headsKeptMax) this.#kept.clear();
      this.#kept.set(key, read);
    }
    return read;
  }
}

function readOf(
  decoded: NonNullable<ReturnType<HpackDecoder["decode"]>>,
  headOf: (fields: readonly Field[]) => CallHead | undefined,
): ReadHeaders {
  if (decoded.kind === "too_large") return tooLarge;
  const head = headOf(decoded.fields);
  return head === undefined ? malformed : { kind: "call", head };
}
