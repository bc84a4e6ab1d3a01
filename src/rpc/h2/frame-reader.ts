import { frameBytesMax, frameHeaderBytes, preface } from "./frames.ts";

/** Takes frames one by one; the payload stands in the bytes from start to end. */
export type TakeFrame = (
  type: number,
  flags: number,
  streamId: number,
  bytes: Buffer,
  start: number,
  end: number,
) => void;

/** What cannot be gone on with. */
export type ReadProblem = "no_preface" | "frame_too_large";

/** Cuts what arrives into frames, after the preface. */
export class FrameReader {
  readonly #take: TakeFrame;
  /** Of a frame that is not whole yet: less than one frame may have. */
  #rest: Buffer | undefined;
  #hasPreface = false;
  #isStopped = false;

  constructor(take: TakeFrame) {
    this.#take = take;
  }

  get hasPreface(): boolean {
    return this.#hasPreface;
  }

  /** Whatever is left is not looked at. */
  stop(): void {
    this.#isStopped = true;
    this.#rest = undefined;
  }

  read(chunk: Buffer): ReadProblem | undefined {
    if (this.#isStopped) return undefined;
    const bytes = this.#rest === undefined ? chunk : Buffer.concat([this.#rest, chunk]);
    this.#rest = undefined;
    let at = 0;
    if (!this.#hasPreface) {
      const seen = Math.min(bytes.length, preface.length);
      if (bytes.compare(preface, 0, seen, 0, seen) !== 0) return "no_preface";
      if (seen < preface.length) {
        this.#rest = bytes;
        return undefined;
      }
      this.#hasPreface = true;
      at = seen;
    }
    while (!this.#isStopped && bytes.length - at >= frameHeaderBytes) {
      const length = bytes.readUIntBE(at, 3);
      if (length > frameBytesMax) return "frame_too_large";
      const start = at + frameHeaderBytes;
      const end = start + length;
      if (end > bytes.length) break;
      const streamId = bytes.readUInt32BE(at + 5) & 0x7fffffff;
      this.#take(bytes[at + 3] ?? 0, bytes[at + 4] ?? 0, streamId, bytes, start, end);
      at = end;
    }
    // Copied: it may be a few bytes of a large read.
    if (at < bytes.length && !this.#isStopped) this.#rest = Buffer.from(bytes.subarray(at));
    return undefined;
  }
}
