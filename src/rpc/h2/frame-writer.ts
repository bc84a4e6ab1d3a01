import {
  flag,
  frameBytesMax,
  frameHeaderBytes,
  frameType,
  setting,
  type H2ErrorCode,
} from "./frames.ts";

const slabBytes = 256 * 1024;
const chunkBytes = 8 * 1024;

// All connections write into one slab, each into a chunk of its own, and only while they have
// something to send: an idle connection holds nothing.
let slab: Buffer = Buffer.allocUnsafeSlow(slabBytes);
let slabAt = 0;

/**
 * Puts frames one behind the other, and gives them away in few large pieces. What was given away is
 * never written to again.
 */
export class FrameWriter {
  #chunk: Buffer = slab;
  #start = 0;
  #at = 0;
  /** As far as the chunk goes. */
  #end = 0;
  readonly #full: Buffer[] = [];

  get isEmpty(): boolean {
    return this.#start === this.#at && this.#full.length === 0;
  }

  /** All that was written since the last time. */
  take(): readonly Buffer[] {
    this.#close();
    return this.#full.splice(0);
  }

  frame(type: number, flags: number, streamId: number, payload: Buffer): void {
    this.#header(payload.length, type, flags, streamId);
    this.#at += payload.copy(this.#chunk, this.#at);
  }

  /** A part of the bytes as data, at most as long as a frame may be. */
  data(flags: number, streamId: number, bytes: Buffer, start: number, end: number): void {
    this.#header(end - start, frameType.data, flags, streamId);
    this.#at += bytes.copy(this.#chunk, this.#at, start, end);
  }

  reset(streamId: number, code: H2ErrorCode): void {
    this.#header(4, frameType.reset, 0, streamId);
    this.#number(code);
  }

  windowUpdate(streamId: number, bytes: number): void {
    this.#header(4, frameType.windowUpdate, 0, streamId);
    this.#number(bytes);
  }

  goAway(lastStreamId: number, code: H2ErrorCode): void {
    this.#header(8, frameType.goAway, 0, 0);
    this.#number(lastStreamId);
    this.#number(code);
  }

  settings(values: readonly (readonly [keyof typeof setting, number])[]): void {
    this.#header(6 * values.length, frameType.settings, 0, 0);
    for (const [name, value] of values) {
      this.#at = this.#chunk.writeUInt16BE(setting[name], this.#at);
      this.#number(value);
    }
  }

  #number(value: number): void {
    this.#at = this.#chunk.writeUInt32BE(value, this.#at);
  }

  #header(length: number, type: number, flags: number, streamId: number): void {
    if (this.#at + frameHeaderBytes + length > this.#end) this.#open(frameHeaderBytes + length);
    const chunk = this.#chunk;
    const at = this.#at;
    chunk[at] = length >> 16;
    chunk[at + 1] = length >> 8;
    chunk[at + 2] = length;
    chunk[at + 3] = type;
    chunk[at + 4] = flags;
    chunk[at + 5] = streamId >> 24;
    chunk[at + 6] = streamId >> 16;
    chunk[at + 7] = streamId >> 8;
    chunk[at + 8] = streamId;
    this.#at = at + frameHeaderBytes;
  }

  #open(bytes: number): void {
    this.#close();
    const size = Math.max(bytes, chunkBytes);
    if (slabAt + size > slabBytes) {
      slab = Buffer.allocUnsafeSlow(slabBytes);
      slabAt = 0;
    }
    this.#chunk = slab;
    this.#start = slabAt;
    this.#at = slabAt;
    slabAt += size;
    this.#end = slabAt;
  }

  #close(): void {
    if (this.#at > this.#start) this.#full.push(this.#chunk.subarray(this.#start, this.#at));
    // What was not needed is given back, if nobody took a chunk meanwhile.
    if (this.#chunk === slab && this.#end === slabAt) slabAt = this.#at;
    this.#start = this.#at;
    this.#end = this.#at;
  }
}

/** Cuts a header block that is longer than a frame. */
export function writeHeaders(
  writer: FrameWriter,
  flags: number,
  streamId: number,
  block: Buffer,
): void {
  if (block.length <= frameBytesMax) {
    writer.frame(frameType.headers, flags | flag.endHeaders, streamId, block);
    return;
  }
  writer.frame(frameType.headers, flags, streamId, block.subarray(0, frameBytesMax));
  for (let at = frameBytesMax; at < block.length; at += frameBytesMax) {
    const end = Math.min(at + frameBytesMax, block.length);
    const last = end === block.length ? flag.endHeaders : 0;
    writer.frame(frameType.continuation, last, streamId, block.subarray(at, end));
  }
}
