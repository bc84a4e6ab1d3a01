import type { Duplex } from "node:stream";
import {
  headersAloneBlock,
  headersBlock,
  trailersBlock,
  unsupportedBlock,
} from "./answer-blocks.ts";
import { FrameWriter, writeHeaders } from "./frame-writer.ts";
import { flag, frameBytesMax, h2Error, windowBytesDefault, windowBytesMax } from "./frames.ts";
import type { H2Stream } from "./h2-stream.ts";
import { noTable } from "./header-block.ts";

// With this much unsent nothing more is read: who does not read its answers asks no more questions.
const unsentBytesMax = 1024 * 1024;

/** What goes out of a connection: frames, in the measure of the windows that the client gives. */
export class H2Output {
  readonly frames: FrameWriter = new FrameWriter();
  /** How much the client takes on all streams. */
  #windowBytes: number = windowBytesDefault;
  /** While frames are read, what they lead to goes out with the last of them. */
  isReading = false;
  /** The client keeps no table, and must be told that we use none. */
  tableIsRefused = false;
  readonly #socket: Duplex;
  /** Streams with something to send and a window of their own, which wait for that of all. */
  readonly #held = new Set<H2Stream>();
  #flushes = false;

  constructor(socket: Duplex) {
    this.#socket = socket;
  }

  /** Sends of the stream what both windows let through, and keeps the rest. */
  pump(stream: H2Stream): void {
    if (stream.isClosed || stream.hasSentEnd) return;
    const { out, end } = stream;
    if (!stream.hasSentHeaders) {
      stream.hasSentHeaders = true;
      if (out.length === 0 && end !== undefined) {
        this.#end(stream, headersAloneBlock(end));
        return;
      }
      this.#headers(stream, 0, headersBlock);
    }
    const gone = this.#data(stream);
    // To the end of the row: each has its turn. One that waits for its own window is asked when that opens.
    if (this.#held.size > 0) this.#held.delete(stream);
    if (out.length > 0 && stream.windowBytes > 0) this.#held.add(stream);
    if (gone > 0) stream.sent(gone);
    if (out.length === 0 && end !== undefined) this.#end(stream, trailersBlock(end));
  }

  /** The client takes so many bytes more on all streams. False where that is more than may be. */
  widenAll(bytes: number): boolean {
    this.#windowBytes += bytes;
    for (const stream of this.#held) {
      if (this.#windowBytes <= 0) break;
      this.pump(stream);
    }
    return this.#windowBytes <= windowBytesMax;
  }

  /** The client takes so many bytes more on the stream, or less. */
  widen(stream: H2Stream, bytes: number): boolean {
    stream.windowBytes += bytes;
    // With nothing to send its headers need not go yet: it may end without messages.
    if (stream.out.length > 0) this.pump(stream);
    return stream.windowBytes <= windowBytesMax;
  }

  forget(stream: H2Stream): void {
    this.#held.delete(stream);
  }

  /** Answers what is no gRPC. */
  refuse(stream: H2Stream): void {
    this.#end(stream, unsupportedBlock);
  }

  /** By the end of this tick. */
  flushSoon(): void {
    if (this.isReading || this.#flushes) return;
    this.#flushes = true;
    queueMicrotask(() => {
      this.#flushes = false;
      this.flush();
    });
  }

  flush(): void {
    if (this.frames.isEmpty) return;
    const socket = this.#socket;
    const pieces = this.frames.take();
    if (socket.destroyed || socket.writableEnded) return;
    if (pieces.length > 1) socket.cork();
    for (const piece of pieces) socket.write(piece);
    if (pieces.length > 1) socket.uncork();
    if (socket.writableLength <= unsentBytesMax || socket.isPaused()) return;
    socket.pause();
    socket.once("drain", () => socket.resume());
  }

  #data(stream: H2Stream): number {
    const { out } = stream;
    let gone = 0;
    for (let first = out[0]; first !== undefined; first = out[0]) {
      const from = stream.sentOfFirst;
      const left = first.length - from;
      const bytes = Math.min(left, this.#windowBytes, stream.windowBytes, frameBytesMax);
      if (bytes <= 0 && left > 0) break;
      this.frames.data(0, stream.id, first, from, from + bytes);
      this.#windowBytes -= bytes;
      stream.windowBytes -= bytes;
      stream.sentOfFirst += bytes;
      gone += bytes;
      if (bytes < left) continue;
      out.shift();
      stream.sentOfFirst = 0;
    }
    return gone;
  }

  #end(stream: H2Stream, block: Buffer): void {
    this.#headers(stream, flag.endStream, block);
    stream.hasSentEnd = true;
    // A client that still sends is told that nobody reads it.
    if (!stream.hasEnded) this.frames.reset(stream.id, h2Error.none);
    stream.close();
  }

  #headers(stream: H2Stream, flags: number, block: Buffer): void {
    const sent = this.tableIsRefused ? Buffer.concat([noTable, block]) : block;
    this.tableIsRefused = false;
    writeHeaders(this.frames, flags, stream.id, sent);
  }
}
