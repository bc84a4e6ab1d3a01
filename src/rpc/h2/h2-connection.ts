import type { Duplex } from "node:stream";
import { readSettings } from "./client-settings.ts";
import { callHeadOf } from "./call-head.ts";
import { FrameReader } from "./frame-reader.ts";
import {
  emptyPayload,
  flag,
  frameType,
  h2Error,
  windowBytesDefault,
  type H2ErrorCode,
} from "./frames.ts";
import type { H2Handler, H2Limits } from "./h2-handler.ts";
import { HeaderBlocks } from "./header-blocks.ts";
import { Patience } from "./patience.ts";
import { H2Output } from "./h2-output.ts";
import { fullestOf, H2Stream, streamWindowBytes, type StreamHost } from "./h2-stream.ts";

// What clients may send ahead of the next frame of ours, on all streams: it is given back as it arrives,
// not as it is read, so that streams that nobody reads hold up none of the others.
const connectionWindowBytes = 1024 * 1024;
// What may wait to be read in all, as much as 64 streams that are full: beyond it the fullest is ended.
const keptBytesMax = 16 * 1024 * 1024;
// What may wait to be sent in all: who asks for more and takes none of it is cut off.
const waitingBytesMax = 64 * 1024 * 1024;
const lingerMs = 1_000;

/**
 * One connection of HTTP/2 on a socket (RFC 9113), with what a server of gRPC needs: no push, no
 * priorities, no header table in what it sends. Whatever breaks the protocol ends the connection, and
 * so does a client that resets, pings or changes its settings without end.
 */
export class H2Connection implements StreamHost {
  readonly #socket: Duplex;
  readonly #handler: H2Handler;
  readonly #limits: H2Limits;
  readonly #output: H2Output;
  readonly #reader: FrameReader = new FrameReader((type, flags, id, bytes, start, end) =>
    this.#frame(type, flags, id, bytes, start, end),
  );
  readonly #blocks = new HeaderBlocks();
  readonly #patience = new Patience(() => performance.now());
  readonly #streams = new Map<number, H2Stream>();
  #lastStreamId = 0;
  #streamWindowBytes = windowBytesDefault;
  /** What came and was not given back yet. */
  #owedBytes = 0;
  #keptBytes = 0;
  /** Of answers that the client has not made room for. */
  #waitingBytes = 0;
  #hasSettings = false;
  #isClosing = false;
  #isOver = false;
  #pinged: (() => void) | undefined;

  constructor(socket: Duplex, limits: H2Limits, handler: H2Handler) {
    this.#socket = socket;
    this.#output = new H2Output(socket);
    this.#limits = limits;
    this.#handler = handler;
    socket.on("data", (chunk: Buffer) => this.#read(chunk));
    socket.on("error", () => {}); // It is followed by `close`.
    socket.on("end", () => socket.end());
    socket.on("close", () => this.#close());
    this.#output.frames.settings([
      ["maxConcurrentStreams", limits.streamsMax],
      ["initialWindowSize", streamWindowBytes],
      ["maxHeaderListSize", this.#blocks.bytesMax],
    ]);
    this.#output.frames.windowUpdate(0, connectionWindowBytes - windowBytesDefault);
    this.#output.flushSoon();
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
    this.#output.frames.frame(frameType.ping, 0, 0, Buffer.alloc(8));
    this.#output.flushSoon();
  }

  /** Takes no new calls; the connection ends with the last of those under way. */
  shutDown(): void {
    if (this.#isClosing || this.#isOver) return;
    this.#isClosing = true;
    this.#output.frames.goAway(this.#lastStreamId, h2Error.none);
    this.#endIfIdle();
    this.#output.flushSoon();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  /** Answers what is no gRPC. */
  refuse(stream: H2Stream): void {
    this.#output.refuse(stream);
    this.#output.flushSoon();
  }

  send(stream: H2Stream): void {
    this.#output.pump(stream);
    this.#output.flushSoon();
  }

  consumed(stream: H2Stream, bytes: number): void {
    const due = stream.window.read(bytes);
    if (due === 0 || stream.hasEnded || stream.isClosed) return;
    this.#output.frames.windowUpdate(stream.id, due);
    this.#output.flushSoon();
  }

  waits(bytes: number): void {
    this.#waitingBytes += bytes;
    if (this.#waitingBytes > waitingBytesMax) this.#fail(h2Error.calm);
  }

  keeps(bytes: number): void {
    this.#keptBytes += bytes;
    if (this.#keptBytes <= keptBytesMax) return;
    const fullest = fullestOf(this.#streams.values());
    if (fullest !== undefined) this.#resetStream(fullest, h2Error.calm);
  }

  forget(stream: H2Stream): void {
    this.#streams.delete(stream.id);
    this.#output.forget(stream);
    this.#endIfIdle();
  }

  #read(chunk: Buffer): void {
    this.#output.isReading = true;
    const problem = this.#reader.read(chunk);
    this.#output.isReading = false;
    if (problem === "no_preface") this.#socket.destroy();
    else if (problem === "frame_too_large") this.#fail(h2Error.frameSize);
    this.#output.flush();
  }

  #frame(type: number, flags: number, id: number, bytes: Buffer, start: number, end: number): void {
    const isDue = this.#blocks.isOpen
      ? type === frameType.continuation
      : this.#hasSettings || type === frameType.settings;
    if (!isDue) {
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
    this.#giveBack(end - start);
    const from = padding === 0 ? start : start + 1;
    const to = padding === 0 ? end : end - padding + 1;
    if (stream === undefined) return; // It was ended here, and the client did not know yet.
    if (stream.hasEnded) {
      this.#resetStream(stream, h2Error.streamClosed);
      return;
    }
    // Padding counts on the window, and is read at once.
    const fits = stream.window.take(end - start);
    this.consumed(stream, end - start - (to - from));
    if (!fits) {
      this.#resetStream(stream, h2Error.flowControl);
      return;
    }
    if (to === from && (flags & flag.endStream) === 0) this.#spend();
    if (to > from) stream.receive(bytes.subarray(from, to));
    if ((flags & flag.endStream) !== 0) this.#ended(stream);
  }

  /** The client may send so many bytes more. */
  #giveBack(bytes: number): void {
    this.#owedBytes += bytes;
    if (this.#owedBytes < connectionWindowBytes / 2) return;
    this.#output.frames.windowUpdate(0, this.#owedBytes);
    this.#owedBytes = 0;
    this.#output.flushSoon();
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
    const isLast = (flags & flag.endHeaders) !== 0;
    if (!this.#blocks.add(bytes, start, end, isLast)) this.#fail(h2Error.calm);
    else if (isLast) this.#headersAreWhole();
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
      this.#output.frames.reset(id, read.code);
      this.#spend();
    } else if (this.#isClosing || this.#streams.size >= this.#limits.streamsMax) {
      this.#output.frames.reset(id, h2Error.refused);
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
    if (this.#hasSettings) this.#spend();
    this.#hasSettings = true;
    if ((flags & flag.acknowledge) !== 0) {
      if (end > start) this.#fail(h2Error.frameSize);
      return;
    }
    const read = readSettings(bytes, start, end);
    if ("code" in read) {
      this.#fail(read.code);
      return;
    }
    if (read.refusesTable) this.#output.tableIsRefused = true;
    this.#output.frames.frame(frameType.settings, flag.acknowledge, 0, emptyPayload);
    if (read.streamWindowBytes === undefined) return;
    const more = read.streamWindowBytes - this.#streamWindowBytes;
    this.#streamWindowBytes = read.streamWindowBytes;
    for (const stream of this.#streams.values()) this.#output.widen(stream, more);
  }

  #ping(flags: number, id: number, bytes: Buffer, start: number, end: number): void {
    if (id !== 0 || end - start !== 8) {
      this.#fail(id === 0 ? h2Error.frameSize : h2Error.protocol);
    } else if ((flags & flag.acknowledge) !== 0) {
      this.#pinged?.();
      this.#pinged = undefined;
    } else {
      this.#output.frames.frame(frameType.ping, flag.acknowledge, 0, bytes.subarray(start, end));
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
      if (more === 0 || !this.#output.widenAll(more)) this.#fail(h2Error.flowControl);
      return;
    }
    if (id > this.#lastStreamId) {
      this.#fail(h2Error.protocol);
      return;
    }
    const stream = this.#streams.get(id);
    if (stream === undefined) return;
    if (more === 0) this.#resetStream(stream, h2Error.protocol);
    else if (!this.#output.widen(stream, more)) this.#resetStream(stream, h2Error.flowControl);
  }

  #resetStream(stream: H2Stream, code: H2ErrorCode): void {
    this.#output.frames.reset(stream.id, code);
    this.#spend();
    stream.close();
  }

  /** Frames that cost us more than the client come in a measure. */
  #spend(): void {
    if (!this.#patience.spend()) this.#fail(h2Error.calm);
  }

  #fail(code: H2ErrorCode): void {
    if (this.#isOver) return;
    this.#output.frames.goAway(this.#lastStreamId, code);
    this.#end();
    // It need not read why.
    setTimeout(() => this.#socket.destroy(), lingerMs).unref();
    this.#close();
  }

  #close(): void {
    this.#isOver = true;
    this.#reader.stop();
    for (const stream of this.#streams.values()) stream.close();
    this.#handler.closed();
  }

  #endIfIdle(): void {
    if (!this.#isClosing || this.#streams.size > 0 || this.#isOver) return;
    this.#end();
    // It has read everything, and need not be the one to hang up.
    const hangUp = (): void => void setTimeout(() => this.#socket.destroy(), lingerMs).unref();
    if (this.#socket.writableFinished) hangUp();
    else this.#socket.once("finish", hangUp);
  }

  #end(): void {
    this.#isOver = true;
    this.#reader.stop();
    this.#output.flush();
    this.#socket.end();
  }
}
