import type { IncomingHttpHeaders, OutgoingHttpHeaders, ServerHttp2Stream } from "node:http2";
import { Code } from "@connectrpc/connect";
import type { Caller } from "../core/caller.ts";
import { DomainError } from "../core/error.ts";
import type { Ticket } from "./admission.ts";
import type { Peer } from "./authenticate.ts";
import { CallEnd, type CallContext } from "./call.ts";
import { decompress } from "./grpc-compression.ts";
import { MessageReader, type FramedMessage } from "./grpc-framing.ts";
import { parseGrpcTimeout } from "./grpc-timeout.ts";
import { trailersOf, wireStatus, type WireStatus } from "./http2-status.ts";

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

const contentType = "application/grpc+proto";
const okHeaders: readonly string[] = [
  ":status",
  "200",
  "content-type",
  contentType,
  "grpc-accept-encoding",
  "identity,deflate,gzip",
  "grpc-encoding",
  "identity",
];
const ok: OutgoingHttpHeaders = { "grpc-status": "0", "grpc-message": "OK" };

const noMessages: readonly FramedMessage[] = [];
const ignore = (): void => {};

/** One call on one stream of HTTP/2: its messages in and out, its deadline, and its one end. */
export class Http2Call {
  readonly end: CallEnd;
  readonly authorization: string | undefined;
  readonly peer: Peer | undefined;
  readonly #stream: ServerHttp2Stream;
  readonly #limits: CallLimits;
  /** Absent where the call is not counted. */
  readonly #ticket: Ticket | undefined;
  readonly #encoding: string;
  readonly #reader: MessageReader;
  #waiting: readonly FramedMessage[] = noMessages;
  /** The first of `#waiting` that was not passed on. */
  #next = 0;
  #listeners: (() => void)[] | undefined;
  #timeoutMs: number | undefined;
  #timer: NodeJS.Timeout | undefined;
  #sink: MessageSink | undefined;
  #isDecompressing = false;
  #isPaused = false;
  #hasEnded = false;
  #hasHalfClosed = false;
  #isOver = false;
  #trailers: OutgoingHttpHeaders = ok;

  constructor(
    stream: ServerHttp2Stream,
    headers: IncomingHttpHeaders,
    limits: CallLimits,
    peer: Peer | undefined,
    ticket: Ticket | undefined,
  ) {
    this.#stream = stream;
    this.#limits = limits;
    this.#ticket = ticket;
    this.authorization = headers.authorization;
    this.peer = peer;
    const encoding = headers["grpc-encoding"];
    this.#encoding = encoding === undefined ? "identity" : String(encoding);
    this.#reader = new MessageReader(limits.messageBytesMax);
    const timeout = headers["grpc-timeout"];
    if (timeout !== undefined) this.#timeoutMs = parseGrpcTimeout(String(timeout));
    const timeoutMs = this.#timeoutMs;
    this.end = new CallEnd(timeoutMs === undefined ? Infinity : Date.now() + timeoutMs);
    stream.on("error", ignore); // It is followed by `close`.
    stream.on("close", () => this.#over(Code.Canceled));
    if (timeoutMs !== undefined) {
      this.#timer = setTimeout(() => this.#expire(), timeoutMs);
    } else if (timeout !== undefined) {
      const message = `Invalid grpc-timeout value "${String(timeout)}"`;
      this.fail({ status: Code.Internal, message });
    }
  }

  /** The call as its handler sees it. */
  context(caller: Caller): CallContext {
    return new ScopedCall(caller, this.end, this.#timeoutMs);
  }

  /** Answered, failed, or left: nothing more goes out. */
  get isOver(): boolean {
    return this.#isOver;
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
    this.#stream.on("data", (chunk: Buffer) => this.#receive(chunk));
    this.#stream.on("end", () => {
      this.#hasEnded = true;
      this.#pump();
    });
  }

  /** No message comes until `resume`: the client is held back once its window is full. */
  pause(): void {
    this.#isPaused = true;
    if (!this.#isOver) this.#stream.pause();
  }

  resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    if (!this.#isDecompressing) this.#stream.resume();
    this.#pump();
  }

  /** Sends messages, framed already. False: wait with the next until `drained`. */
  write(framed: Buffer, ...more: readonly Buffer[]): boolean {
    if (this.#isOver || !this.#fits(framed) || !more.every((one) => this.#fits(one))) return true;
    this.#begin();
    return this.#stream.write(more.length === 0 ? framed : Buffer.concat([framed, ...more]));
  }

  /** Calls once the client has read enough; never, where it leaves. */
  drained(proceed: () => void): void {
    this.#stream.once("drain", proceed);
  }

  /** Ends the call with OK, after a last message if there is one. */
  finish(framed?: Buffer): void {
    if (this.#isOver || (framed !== undefined && !this.#fits(framed))) return;
    if (framed === undefined) this.#conclude(ok);
    else {
      this.#begin();
      this.#stream.end(framed);
    }
    this.#over("ok");
  }

  /** Ends the call with an error. Only the first end counts. */
  fail(status: WireStatus): void {
    if (this.#isOver) return;
    this.#conclude(trailersOf(status));
    this.#over(status.status);
  }

  /** After what was sent already, or with headers alone. */
  #conclude(trailers: OutgoingHttpHeaders): void {
    const stream = this.#stream;
    // It may be gone, and `close` not yet told.
    if (stream.destroyed || stream.closed) return;
    if (stream.headersSent) {
      this.#trailers = trailers;
      stream.end();
    } else {
      const headers = { ":status": 200, "content-type": contentType, ...trailers };
      stream.respond(headers, { endStream: true });
    }
  }

  #expire(): void {
    this.end.end(
      new DomainError("deadline_exceeded", "the deadline passed before there was an answer"),
    );
    this.fail({ status: Code.DeadlineExceeded, message: "Deadline exceeded" });
  }

  #begin(): void {
    const stream = this.#stream;
    if (stream.headersSent || stream.destroyed || stream.closed) return;
    stream.on("wantTrailers", () => stream.sendTrailers(this.#trailers));
    stream.respond(okHeaders, { waitForTrailers: true });
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
    if (!this.#hasEnded) this.#stream.resume();
    this.#ticket?.leave(status);
    if (this.#listeners !== undefined) for (const listener of this.#listeners) listener();
  }

  #receive(chunk: Buffer): void {
    if (this.#isOver) return;
    let messages: readonly FramedMessage[];
    try {
      messages = this.#reader.push(chunk);
    } catch (error) {
      const { status, message } = wireStatus(error);
      this.fail({ status, message });
      return;
    }
    if (this.#next === this.#waiting.length) {
      this.#waiting = messages;
      this.#next = 0;
    } else {
      this.#waiting = [...this.#waiting.slice(this.#next), ...messages];
      this.#next = 0;
    }
    this.#pump();
  }

  /** In order, also where some are compressed and others not. */
  #pump(): void {
    while (this.#next < this.#waiting.length && this.#isReading) {
      const next = this.#waiting[this.#next];
      this.#next += 1;
      if (next === undefined) break;
      if (next.isCompressed && this.#encoding !== "identity") this.#decompress(next.bytes);
      else this.#sink?.message(next.bytes);
    }
    if (this.#next < this.#waiting.length) return;
    this.#waiting = noMessages;
    this.#next = 0;
    if (!this.#hasEnded || this.#hasHalfClosed || !this.#isReading) return;
    this.#hasHalfClosed = true;
    this.#sink?.halfClosed();
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
      if (!this.#isPaused) this.#stream.resume();
      this.#sink?.message(outcome);
      this.#pump();
    });
  }
}

class ScopedCall implements CallContext {
  readonly caller: Caller;
  readonly deadlineMs?: number;
  readonly #end: CallEnd;

  constructor(caller: Caller, end: CallEnd, deadlineMs: number | undefined) {
    this.caller = caller;
    this.#end = end;
    if (deadlineMs !== undefined) this.deadlineMs = deadlineMs;
  }

  get signal(): AbortSignal {
    return this.#end.signal;
  }
}
