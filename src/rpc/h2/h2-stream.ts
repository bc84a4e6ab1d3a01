import type { CallStream, EndOfCall, StreamReader } from "../call-stream.ts";
import { ByteQueue } from "./byte-queue.ts";
import { frameBytesMax } from "./frames.ts";
import { ReceiveWindow } from "./receive-window.ts";

/** What a stream asks of its connection. */
export interface StreamHost {
  /** Writes as much as the windows allow, and keeps the rest. */
  send(stream: H2Stream): void;
  /** The reader has taken so many bytes: the client may send as many more. */
  consumed(stream: H2Stream, bytes: number): void;
  /** So many bytes more wait to be sent, or less. */
  waits(bytes: number): void;
  /** So many bytes more wait to be read, or less. */
  keeps(bytes: number): void;
  /** Both sides are done with it. */
  forget(stream: H2Stream): void;
}

/** What a client may send on one stream ahead of being read. */
export const streamWindowBytes: number = 256 * 1024;

// What waits for the client to read: beyond this `write` asks to be waited for.
const waitingBytesMax = 64 * 1024;

/** One stream of a connection: what waits to go out, and what waits to be read. */
export class H2Stream implements CallStream {
  readonly id: number;
  /** How much the client still takes. */
  windowBytes: number;
  readonly window: ReceiveWindow = new ReceiveWindow(streamWindowBytes);
  /** What waits to be sent, the first of it from `sentOfFirst` on. */
  readonly out: Buffer[] = [];
  sentOfFirst = 0;
  /** Set once the answer is whole: what goes behind the last of `out`. */
  end: EndOfCall | undefined;
  hasSentHeaders = false;
  hasSentEnd = false;
  /** The client has sent all, or nothing of what it sends is read. */
  hasEnded: boolean;
  readonly #host: StreamHost;
  #reader: StreamReader | undefined;
  #outBytes = 0;
  /** What came while nobody read. */
  #in: ByteQueue | undefined;
  #isFlowing = false;
  #isIgnoring = false;
  #hasToldEnd = false;
  #isClosed = false;
  #drained: (() => void) | undefined;

  constructor(host: StreamHost, id: number, windowBytes: number, hasEnded: boolean) {
    this.#host = host;
    this.id = id;
    this.windowBytes = windowBytes;
    this.hasEnded = hasEnded;
  }

  attach(reader: StreamReader): void {
    this.#reader = reader;
    if (this.#isClosed) reader.closed();
  }

  start(): void {
    this.resume();
  }

  pause(): void {
    this.#isFlowing = false;
  }

  resume(): void {
    this.#isFlowing = true;
    while (this.keptBytes > 0) {
      const chunk = this.#in?.shift(frameBytesMax);
      if (chunk === undefined) break;
      this.#host.keeps(-chunk.length);
      this.#deliver(chunk);
      if (!this.#isFlowing) return;
    }
    this.#tellEnd();
  }

  ignore(): void {
    this.#isIgnoring = true;
    const bytes = this.keptBytes;
    if (bytes === 0) return;
    this.#in?.clear();
    this.#host.keeps(-bytes);
    this.#host.consumed(this, bytes);
  }

  write(bytes: Buffer): boolean {
    if (this.#isClosed || this.end !== undefined) return true;
    this.#push(bytes);
    this.#host.send(this);
    return this.#outBytes < waitingBytesMax;
  }

  drained(proceed: () => void): void {
    if (this.#isClosed) return;
    if (this.#outBytes < waitingBytesMax) proceed();
    else this.#drained = proceed;
  }

  finish(end: EndOfCall, bytes?: Buffer): void {
    if (this.#isClosed || this.end !== undefined) return;
    if (bytes !== undefined) this.#push(bytes);
    this.end = end;
    this.#host.send(this);
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** What came and was not read yet. */
  get keptBytes(): number {
    return this.#in === undefined ? 0 : this.#in.length;
  }

  /** So many bytes of `out` have gone. */
  sent(bytes: number): void {
    this.#outBytes -= bytes;
    this.#host.waits(-bytes);
    if (this.#outBytes >= waitingBytesMax || this.#drained === undefined) return;
    const proceed = this.#drained;
    this.#drained = undefined;
    proceed();
  }

  /** A frame of the client. */
  receive(chunk: Buffer): void {
    if (this.#isIgnoring || this.#isClosed) this.#host.consumed(this, chunk.length);
    else if (this.#isFlowing && this.keptBytes === 0) this.#deliver(chunk);
    else {
      (this.#in ??= new ByteQueue()).push(chunk);
      this.#host.keeps(chunk.length);
    }
  }

  /** The client has sent its last frame. */
  receiveEnd(): void {
    this.hasEnded = true;
    if (this.#isFlowing && this.keptBytes === 0) this.#tellEnd();
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#drained = undefined;
    this.#host.waits(-this.#outBytes);
    this.ignore();
    this.#host.forget(this);
    this.#reader?.closed();
  }

  #push(bytes: Buffer): void {
    this.out.push(bytes);
    this.#outBytes += bytes.length;
    this.#host.waits(bytes.length);
  }

  #deliver(chunk: Buffer): void {
    this.#host.consumed(this, chunk.length);
    this.#reader?.data(chunk);
  }

  #tellEnd(): void {
    if (!this.hasEnded || this.#hasToldEnd || this.#isIgnoring) return;
    this.#hasToldEnd = true;
    this.#reader?.ended();
  }
}

/** The one that most waits on to be read; `undefined` where nothing waits. */
export function fullestOf(streams: Iterable<H2Stream>): H2Stream | undefined {
  let fullest: H2Stream | undefined;
  for (const stream of streams) {
    if (stream.keptBytes > (fullest?.keptBytes ?? 0)) fullest = stream;
  }
  return fullest;
}
