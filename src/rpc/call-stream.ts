import type { WireStatus } from "./http2-status.ts";

/** How a call ends: with OK, or with an error. */
export type EndOfCall = WireStatus | "ok";

/** What is told of a stream as it happens. */
export interface StreamReader {
  data(chunk: Buffer): void;
  /** The client has sent all. */
  ended(): void;
  /** Nothing goes out or comes in any more, whoever ended it. */
  closed(): void;
}

/**
 * The two directions of one call on whatever HTTP/2 it came over. What is written is framed for gRPC
 * already; the headers of the answer go out before it by themselves.
 */
export interface CallStream {
  /** From now on `closed` is told, and once `start` was called the rest. */
  attach(reader: StreamReader): void;
  start(): void;
  pause(): void;
  resume(): void;
  /** Reads what still comes, and drops it: unread it would hold up the connection. */
  ignore(): void;
  /** False: wait with the next until `drained`. */
  write(bytes: Buffer): boolean;
  /** Calls once the client has read enough; never, where it leaves. */
  drained(proceed: () => void): void;
  /** Ends the answer, after a last piece of it if there is one. */
  finish(end: EndOfCall, bytes?: Buffer): void;
}

/** What a call says before its messages. */
export interface CallHead {
  readonly path: string;
  readonly contentType: string | undefined;
  readonly authorization: string | undefined;
  readonly timeout: string | undefined;
  readonly encoding: string | undefined;
  readonly traceparent: string | undefined;
}
