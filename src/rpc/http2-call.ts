import { Code } from "@connectrpc/connect";
import type { Caller } from "../core/caller.ts";
import { DomainError } from "../core/error.ts";
import type { Ticket } from "./admission.ts";
import type { Peer } from "./authenticate.ts";
import { CallEnd, ScopedCall, type CallContext } from "./call.ts";
import type { CallHead, CallStream, StreamReader } from "./call-stream.ts";
import { decompress } from "./grpc-compression.ts";
import { MessageReader, type FramedMessage } from "./grpc-framing.ts";
import { parseGrpcTimeout } from "./grpc-timeout.ts";
import { echoed, wireStatus, type WireStatus } from "./http2-status.ts";
import { traceIdOf } from "./trace-context.ts";

/** What takes the messages of a call, as they come. */
export interface MessageSink {
  message(bytes: Buffer): void;
  /** The client has sent its last message. */
  halfClosed(): void;
}

/** Bytes of one message. */
export interface CallLimits {
  readonly messageBytesMax: number;
  readonly answerBytesMax: number;
}

/** One call on one stream of HTTP/2: its messages in and out, its deadline, and its one end. */
export class Http2Call implements StreamReader {
  readonly end: CallEnd;
  readonly authorization: string | undefined;
  readonly peer: Peer | undefined;
  readonly #stream: CallStream;
  readonly #limits: CallLimits;
  /** Absent where the call is not counted. */
  readonly #ticket: Ticket | undefined;
  readonly #encoding: string;
  readonly #traceId: string | undefined;
  readonly #reader: MessageReader;
  #listeners: (() => void)[] | undefined;
  #timeoutMs: number | undefined;
  #timer: NodeJS.Timeout | undefined;
  #sink: MessageSink | undefined;
  #isDecompressing = false;
  #isPaused = false;
  #hasEnded = false;
  #hasHalfClosed = false;
  #isOver = false;
  /** What it was answered with, before that is out. */
  #ending: Code | "ok" | undefined;

  constructor(
    stream: CallStream,
    head: CallHead,
    limits: CallLimits,
    peer: Peer | undefined,
    ticket: Ticket | undefined,
  ) {
    this.#stream = stream;
    this.#limits = limits;
    this.#ticket = ticket;
    this.authorization = head.authorization;
    this.#traceId = traceIdOf(head.traceparent);
    this.peer = peer;
    this.#encoding = head.encoding ?? "identity";
    this.#reader = new MessageReader(limits.messageBytesMax);
    const { timeout } = head;
    if (timeout !== undefined) this.#timeoutMs = parseGrpcTimeout(timeout);
    const timeoutMs = this.#timeoutMs;
    this.end = new CallEnd(timeoutMs === undefined ? Infinity : Date.now() + timeoutMs);
    stream.attach(this);
    if (timeoutMs !== undefined) {
      this.#timer = setTimeout(() => this.#expire(), timeoutMs);
    } else if (timeout !== undefined) {
      this.fail({
        status: Code.Internal,
        message: `Invalid grpc-timeout value "${echoed(timeout)}"`,
      });
    }
  }

  /** The call as its handler sees it. */
  context(caller: Caller): CallContext {
    return new ScopedCall(caller, this.end, this.#timeoutMs, this.#traceId);
  }

  /** Answered, failed, or left: nothing more goes out. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** The client has sent its last message, and it was passed on. */
  get isWhole(): boolean {
    return this.#hasHalfClosed;
  }

  /** Calls when nothing more goes out. */
  whenOver(listener: () => void): void {
    if (this.#isOver) listener();
    else (this.#listeners ??= []).push(listener);
  }

  /** Begins to read. */
  consume(sink: MessageSink): void {
    if (this.#isOver) return;
    this.#sink = sink;
    this.#stream.start();
  }

  /** No message comes until `resume`: the client is held back once its window is full. */
  pause(): void {
    this.#isPaused = true;
    if (!this.#isOver) this.#stream.pause();
  }

  resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    // What has come waits here no longer than what has not: else each message would let in another chunk.
    this.#pump();
    if (this.#isReading) this.#stream.resume();
  }

  /** Sends messages, framed already. False: wait with the next until `drained`. */
  write(framed: Buffer, ...more: readonly Buffer[]): boolean {
    if (this.#isOver || !this.#fits(framed) || !more.every((one) => this.#fits(one))) return true;
    return this.#stream.write(more.length === 0 ? framed : Buffer.concat([framed, ...more]));
  }

  /** Calls once the client has read enough; never, where it leaves. */
  drained(proceed: () => void): void {
    this.#stream.drained(proceed);
  }

  /** Ends the call with OK, after a last message if there is one. */
  finish(framed?: Buffer): void {
    if (this.#isOver || (framed !== undefined && !this.#fits(framed))) return;
    // The stream may tell its end at once.
    this.#ending = "ok";
    this.#stream.finish("ok", framed);
    this.#over("ok");
  }

  /** Ends the call with an error. Only the first end counts. */
  fail(status: WireStatus): void {
    if (this.#isOver) return;
    this.#ending = status.status;
    this.#stream.finish(status);
    this.#over(status.status);
  }

  #expire(): void {
    this.end.end(
      new DomainError("deadline_exceeded", "the deadline passed before there was an answer"),
    );
    this.fail({ status: Code.DeadlineExceeded, message: "Deadline exceeded" });
  }

  #fits(framed: Buffer): boolean {
    const { answerBytesMax } = this.#limits;
    const length = framed.length - 5;
    if (length <= answerBytesMax) return true;
    const message = `Sent message larger than max (${length} vs. ${answerBytesMax})`;
    this.fail({ status: Code.ResourceExhausted, message });
    return false;
  }

  #over(status: Code | "ok"): void {
    if (this.#isOver) return;
    this.#isOver = true;
    if (this.#timer !== undefined) clearTimeout(this.#timer);
    this.end.leave();
    // What still arrives is read and dropped: unread it would hold the connection's window.
    if (!this.#hasEnded) this.#stream.ignore();
    this.#ticket?.leave(status);
    if (this.#listeners !== undefined) for (const listener of this.#listeners) listener();
  }

  data(chunk: Buffer): void {
    if (this.#isOver) return;
    this.#reader.push(chunk);
    this.#pump();
    if (!this.#isReading) this.#reader.keep();
  }

  ended(): void {
    this.#hasEnded = true;
    this.#pump();
  }

  closed(): void {
    this.#over(this.#ending ?? Code.Canceled);
  }

  /** In order, also where some are compressed and others not. */
  #pump(): void {
    for (let next = this.#next(); next !== undefined; next = this.#next()) {
      if (next.isCompressed && this.#encoding !== "identity") this.#decompress(next.bytes);
      else this.#sink?.message(next.bytes);
    }
    if (!this.#hasEnded || this.#hasHalfClosed || !this.#isReading) return;
    this.#hasHalfClosed = true;
    this.#sink?.halfClosed();
  }

  #next(): FramedMessage | undefined {
    if (!this.#isReading) return undefined;
    try {
      return this.#reader.next();
    } catch (error) {
      const { status, message } = wireStatus(error);
      this.fail({ status, message });
      return undefined;
    }
  }

  get #isReading(): boolean {
    return !this.#isOver && !this.#isDecompressing && !this.#isPaused;
  }

  #decompress(bytes: Buffer): void {
    this.#isDecompressing = true;
    this.#stream.pause();
    decompress(bytes, this.#encoding, this.#limits.messageBytesMax, (outcome) => {
      this.#isDecompressing = false;
      if (this.#isOver) return;
      if (!Buffer.isBuffer(outcome)) {
        this.fail(outcome);
        return;
      }
      // What waits behind it may come as soon as the stream goes on.
      this.#sink?.message(outcome);
      this.#pump();
      if (this.#isReading) this.#stream.resume();
    });
  }
}
