import type { Duplex } from "node:stream";
import type { CallHead } from "../call-stream.ts";
import {
  headersAloneBlock,
  headersBlock,
  trailersBlock,
  unsupportedBlock,
} from "./answer-blocks.ts";
import { callHeadOf } from "./call-head.ts";
import { FrameReader } from "./frame-reader.ts";
import { FrameWriter, writeHeaders } from "./frame-writer.ts";
import {
  flag,
  frameBytesMax,
  frameType,
  h2Error,
  setting,
  windowBytesDefault,
  windowBytesMax,
  type H2ErrorCode,
} from "./frames.ts";
import { noTable } from "./header-block.ts";
import { HeaderBlocks } from "./header-blocks.ts";
import { Patience } from "./patience.ts";
import { H2Stream, type StreamHost } from "./h2-stream.ts";

/** Who answers. */
export interface H2Handler {
  /** A call begins: its headers are there. */
  call(stream: H2Stream, head: CallHead): void;
  closed(): void;
}

export interface H2Limits {
  readonly streamsMax: number;
}

// What clients may send ahead of being read: on one stream, and on all of a connection.
const streamWindowBytes = 256 * 1024;
const connectionWindowBytes = 1024 * 1024;
// With this much unsent nothing more is read: who does not read its answers asks no more questions.
const unsentBytesMax = 1024 * 1024;

/**
 * One connection of HTTP/2 on a socket (RFC 9113), with what a server of gRPC needs: no push, no
 * priorities, no header table in what it sends. Whatever breaks the protocol ends the connection, and
 * so does a client that resets, pings or changes its settings without end.
 */
export class H2Connection implements StreamHost {
  readonly #socket: Duplex;
  readonly #handler: H2Handler;
  readonly #limits: H2Limits;
  readonly #writer = new FrameWriter();
  readonly #reader: FrameReader = new FrameReader((type, flags, id, bytes, start, end) =>
    this.#frame(type, flags, id, bytes, start, end),
  );
  readonly #blocks = new HeaderBlocks();
  readonly #patience = new Patience(() => performance.now());
  readonly #streams = new Map<number, H2Stream>();
  /** Those with something to send and no window for it. */
  readonly #held = new Set<H2Stream>();
  #lastStreamId = 0;
  #windowBytes = windowBytesDefault;
  #streamWindowBytes = windowBytesDefault;
  #owedBytes = 0;
  #hasSettings = false;
  #tableIsRefused = false;
  #isReading = false;
  #flushes = false;
  #isClosing = false;
  #isOver = false;
  #pinged: (() => void) | undefined;

  constructor(socket: Duplex, limits: H2Limits, handler: H2Handler) {
    this.#socket = socket;
    this.#limits = limits;
    this.#handler = handler;
    socket.on("data", (chunk: Buffer) => this.#read(chunk));
    socket.on("error", () => {}); // It is followed by `close`.
    socket.on("end", () => socket.end());
    socket.on("close", () => this.#close());
    this.#writer.settings([
      ["maxConcurrentStreams", limits.streamsMax],
      ["initialWindowSize", streamWindowBytes],
      ["maxHeaderListSize", this.#blocks.bytesMax],
    ]);
    this.#writer.windowUpdate(0, connectionWindowBytes - windowBytesDefault);
    this.#flushSoon();
  }

  /** Whether anything of a client was seen, and whether what it began is whole. */
  get isBegun(): boolean {
    return this.#reader.hasPreface && !this.#blocks.isOpen;
  }

  get streams(): number {
    return this.#streams.size;
  }

  /** Calls when the other end has answered. */
  ping(answered: () => void): void {
    this.#pinged = answered;
    this.#writer.frame(frameType.ping, 0, 0, Buffer.alloc(8));
    this.#flushSoon();
  }

  /** Takes no new calls; the connection ends with the last of those under way. */
  shutDown(): void {
    if (this.#isClosing || this.#isOver) return;
    this.#isClosing = true;
    this.#writer.goAway(this.#lastStreamId, h2Error.none);
    this.#endIfIdle();
    this.#flushSoon();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  /** Answers what is no gRPC. */
  refuse(stream: H2Stream): void {
    this.#headers(stream, flag.endStream, unsupportedBlock);
    this.#sentEnd(stream);
    this.#flushSoon();
  }

  send(stream: H2Stream): void {
    this.#pump(stream);
    this.#flushSoon();
  }

  consumed(stream: H2Stream, bytes: number): void {
    this.#owedBytes += bytes;
    if (this.#owedBytes >= connectionWindowBytes / 2) {
      this.#writer.windowUpdate(0, this.#owedBytes);
      this.#owedBytes = 0;
      this.#flushSoon();
    }
    stream.owedBytes += bytes;
    if (stream.owedBytes < streamWindowBytes / 2 || stream.hasEnded || stream.isClosed) return;
    this.#writer.windowUpdate(stream.id, stream.owedBytes);
    stream.owedBytes = 0;
    this.#flushSoon();
  }

  forget(stream: H2Stream): void {
    this.#streams.delete(stream.id);
    this.#held.delete(stream);
    this.#endIfIdle();
  }

  #read(chunk: Buffer): void {
    this.#isReading = true;
    const problem = this.#reader.read(chunk);
    this.#isReading = false;
    if (problem === "no_preface") this.#socket.destroy();
    else if (problem === "frame_too_large") this.#fail(h2Error.frameSize);
    this.#flush();
  }

  #frame(type: number, flags: number, id: number, bytes: Buffer, start: number, end: number): void {
    if (this.#blocks.isOpen && type !== frameType.continuation) {
      this.#fail(h2Error.protocol);
      return;
    }
    if (!this.#hasSettings && type !== frameType.settings) {
      this.#fail(h2Error.protocol);
      return;
    }
    switch (type) {
      case frameType.data:
        this.#data(flags, id, bytes, start, end);
        return;
      case frameType.headers:
        this.#begin(flags, id, bytes, start, end);
        return;
      case frameType.continuation:
        this.#continue(flags, id, bytes, start, end);
        return;
      case frameType.reset:
        this.#reset(id, end - start);
        return;
      case frameType.settings:
        this.#settings(flags, id, bytes, start, end);
        return;
      case frameType.ping:
        this.#ping(flags, id, bytes, start, end);
        return;
      case frameType.windowUpdate:
        this.#widen(id, bytes, start, end);
        return;
      case frameType.goAway:
        this.#isClosing = true;
        this.#endIfIdle();
        return;
      case frameType.pushPromise:
        this.#fail(h2Error.protocol);
        return;
      default:
        // Priorities, and what is not known: it means nothing here, but not without end.
        this.#spend();
    }
  }

  #data(flags: number, id: number, bytes: Buffer, start: number, end: number): void {
    const stream = this.#streams.get(id);
    if (id === 0 || id > this.#lastStreamId) {
      this.#fail(h2Error.protocol);
      return;
    }
    const padding = (flags & flag.padded) === 0 ? 0 : (bytes[start] ?? 0) + 1;
    if (padding > end - start) {
      this.#fail(h2Error.protocol);
      return;
    }
    const from = padding === 0 ? start : start + 1;
    const to = padding === 0 ? end : end - padding + 1;
    if (stream === undefined) {
      // It was ended here, and the client did not know yet.
      this.#giveBack(end - start);
      return;
    }
    if (stream.hasEnded) {
      this.#giveBack(end - start);
      this.#resetStream(stream, h2Error.streamClosed);
      return;
    }
    this.#giveBack(padding);
    if (to === from && (flags & flag.endStream) === 0) this.#spend();
    if (to > from) stream.receive(bytes.subarray(from, to));
    if ((flags & flag.endStream) !== 0) this.#ended(stream);
  }

  #giveBack(bytes: number): void {
    this.#owedBytes += bytes;
  }

  #begin(flags: number, id: number, bytes: Buffer, start: number, end: number): void {
    const padding = (flags & flag.padded) === 0 ? 0 : (bytes[start] ?? 0);
    const from =
      start + ((flags & flag.padded) === 0 ? 0 : 1) + ((flags & flag.priority) === 0 ? 0 : 5);
    const to = end - padding;
    if (id % 2 === 0 || from > to) {
      this.#fail(h2Error.protocol);
      return;
    }
    this.#blocks.open(id, (flags & flag.endStream) !== 0);
    this.#addToBlock(flags, bytes, from, to);
  }

  #continue(flags: number, id: number, bytes: Buffer, start: number, end: number): void {
    if (!this.#blocks.isOpen || this.#blocks.streamId !== id) this.#fail(h2Error.protocol);
    else this.#addToBlock(flags, bytes, start, end);
  }

  #addToBlock(flags: number, bytes: Buffer, start: number, end: number): void {
    if (!this.#blocks.add(bytes, start, end)) this.#fail(h2Error.calm);
    else if ((flags & flag.endHeaders) !== 0) this.#headersAreWhole();
  }

  #headersAreWhole(): void {
    const { streamId: id, endsStream } = this.#blocks;
    const read = this.#blocks.close(callHeadOf);
    if (read === undefined) {
      this.#fail(h2Error.compression);
      return;
    }
    const known = this.#streams.get(id);
    if (known !== undefined) {
      // Fields behind the messages: nobody reads them, but they end the stream.
      if (endsStream && !known.hasEnded) this.#ended(known);
      else this.#resetStream(known, h2Error.protocol);
      return;
    }
    if (id <= this.#lastStreamId) {
      // Of a stream that was ended here, or an id that is used again: neither is a new call.
      this.#spend();
      return;
    }
    this.#lastStreamId = id;
    if (read.kind === "refused") {
      this.#writer.reset(id, read.code);
      this.#spend();
    } else if (this.#isClosing || this.#streams.size >= this.#limits.streamsMax) {
      this.#writer.reset(id, h2Error.refused);
      this.#spend();
    } else {
      const stream = new H2Stream(this, id, this.#streamWindowBytes, endsStream);
      this.#streams.set(id, stream);
      this.#handler.call(stream, read.head);
    }
  }

  #ended(stream: H2Stream): void {
    stream.receiveEnd();
    if (stream.hasSentEnd) stream.close();
  }

  #reset(id: number, length: number): void {
    if (length !== 4 || id === 0 || id > this.#lastStreamId) {
      this.#fail(h2Error.protocol);
      return;
    }
    this.#spend();
    this.#streams.get(id)?.close();
  }

  #settings(flags: number, id: number, bytes: Buffer, start: number, end: number): void {
    if (id !== 0) {
      this.#fail(h2Error.protocol);
      return;
    }
    if ((end - start) % 6 !== 0 || ((flags & flag.acknowledge) !== 0 && end > start)) {
      this.#fail(h2Error.frameSize);
      return;
    }
    if (this.#hasSettings) this.#spend();
    this.#hasSettings = true;
    if ((flags & flag.acknowledge) !== 0) return;
    for (let at = start; at < end; at += 6) {
      const value = bytes.readUInt32BE(at + 2);
      if (!this.#set(bytes.readUInt16BE(at), value)) return;
    }
    this.#writer.frame(frameType.settings, flag.acknowledge, 0, noPayload);
    for (const stream of this.#held) this.#pump(stream);
  }

  #set(name: number, value: number): boolean {
    switch (name) {
      case setting.headerTableSize:
        if (value < 4096) this.#tableIsRefused = true;
        return true;
      case setting.initialWindowSize: {
        if (value > windowBytesMax) {
          this.#fail(h2Error.flowControl);
          return false;
        }
        const more = value - this.#streamWindowBytes;
        this.#streamWindowBytes = value;
        for (const stream of this.#streams.values()) stream.windowBytes += more;
        return true;
      }
      case setting.enablePush:
        if (value <= 1) return true;
        this.#fail(h2Error.protocol);
        return false;
      case setting.maxFrameSize:
        if (value >= frameBytesMax && value < 2 ** 24) return true;
        this.#fail(h2Error.protocol);
        return false;
      default:
        return true;
    }
  }

  #ping(flags: number, id: number, bytes: Buffer, start: number, end: number): void {
    if (id !== 0 || end - start !== 8) {
      this.#fail(id === 0 ? h2Error.frameSize : h2Error.protocol);
    } else if ((flags & flag.acknowledge) !== 0) {
      this.#pinged?.();
      this.#pinged = undefined;
    } else {
      this.#writer.frame(frameType.ping, flag.acknowledge, 0, bytes.subarray(start, end));
      this.#spend();
    }
  }

  #widen(id: number, bytes: Buffer, start: number, end: number): void {
    if (end - start !== 4) {
      this.#fail(h2Error.frameSize);
      return;
    }
    const more = bytes.readUInt32BE(start) & 0x7fffffff;
    if (id === 0) {
      this.#windowBytes += more;
      if (more === 0 || this.#windowBytes > windowBytesMax) this.#fail(h2Error.flowControl);
      else for (const stream of this.#held) this.#pump(stream);
      return;
    }
    if (id > this.#lastStreamId) {
      this.#fail(h2Error.protocol);
      return;
    }
    const stream = this.#streams.get(id);
    if (stream === undefined) return;
    stream.windowBytes += more;
    if (more === 0) this.#resetStream(stream, h2Error.protocol);
    else if (stream.windowBytes > windowBytesMax) this.#resetStream(stream, h2Error.flowControl);
    else this.#pump(stream);
  }

  /** Sends of the stream what both windows let through. */
  #pump(stream: H2Stream): void {
    const { out, end } = stream;
    if (stream.isClosed || stream.hasSentEnd) return;
    if (!stream.hasSentHeaders) {
      stream.hasSentHeaders = true;
      if (out.length === 0 && end !== undefined) {
        this.#headers(stream, flag.endStream, headersAloneBlock(end));
        this.#sentEnd(stream);
        return;
      }
      this.#headers(stream, 0, headersBlock);
    }
    let gone = 0;
    for (let first = out[0]; first !== undefined; first = out[0]) {
      const room = Math.min(this.#windowBytes, stream.windowBytes, frameBytesMax);
      const left = first.length - stream.sentOfFirst;
      const bytes = Math.min(left, room);
      if (bytes <= 0 && left > 0) break;
      const from = stream.sentOfFirst;
      this.#writer.data(0, stream.id, first, from, from + bytes);
      this.#windowBytes -= bytes;
      stream.windowBytes -= bytes;
      gone += bytes;
      stream.sentOfFirst += bytes;
      if (bytes === left) {
        out.shift();
        stream.sentOfFirst = 0;
      }
    }
    if (out.length > 0) this.#held.add(stream);
    else {
      if (this.#held.size > 0) this.#held.delete(stream);
      if (end !== undefined) {
        this.#headers(stream, flag.endStream, trailersBlock(end));
        this.#sentEnd(stream);
        return;
      }
    }
    if (gone > 0) stream.sent(gone);
  }

  #headers(stream: H2Stream, flags: number, block: Buffer): void {
    const sent = this.#tableIsRefused ? Buffer.concat([noTable, block]) : block;
    this.#tableIsRefused = false;
    writeHeaders(this.#writer, flags, stream.id, sent);
  }

  #sentEnd(stream: H2Stream): void {
    stream.hasSentEnd = true;
    // A client that still sends is told that nobody reads it.
    if (!stream.hasEnded) this.#writer.reset(stream.id, h2Error.none);
    stream.close();
  }

  #resetStream(stream: H2Stream, code: H2ErrorCode): void {
    this.#writer.reset(stream.id, code);
    this.#spend();
    stream.close();
  }

  /** Frames that cost us more than the client come in a measure. */
  #spend(): void {
    if (!this.#patience.spend()) this.#fail(h2Error.calm);
  }

  #fail(code: H2ErrorCode): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#reader.stop();
    this.#writer.goAway(this.#lastStreamId, code);
    this.#flush();
    this.#socket.end();
    this.#close();
  }

  #close(): void {
    this.#isOver = true;
    this.#reader.stop();
    for (const stream of [...this.#streams.values()]) stream.close();
    this.#handler.closed();
  }

  #endIfIdle(): void {
    if (!this.#isClosing || this.#streams.size > 0 || this.#isOver) return;
    this.#isOver = true;
    this.#flush();
    this.#socket.end();
  }

  /** What is written while frames are read goes out with the last of them, the rest with its tick. */
  #flushSoon(): void {
    if (this.#isReading || this.#flushes) return;
    this.#flushes = true;
    queueMicrotask(() => {
      this.#flushes = false;
      this.#flush();
    });
  }

  #flush(): void {
    if (this.#writer.isEmpty) return;
    const socket = this.#socket;
    const pieces = this.#writer.take();
    if (socket.destroyed || socket.writableEnded) return;
    if (pieces.length > 1) socket.cork();
    for (const piece of pieces) socket.write(piece);
    if (pieces.length > 1) socket.uncork();
    if (socket.writableLength <= unsentBytesMax || socket.isPaused()) return;
    socket.pause();
    socket.once("drain", () => socket.resume());
  }
}

const noPayload = Buffer.alloc(0);
