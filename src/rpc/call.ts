import type {
  DescMessage,
  DescMethodBiDiStreaming,
  DescMethodClientStreaming,
  DescMethodServerStreaming,
  DescMethodUnary,
  MessageInitShape,
  MessageShape,
} from "@bufbuild/protobuf";
import type { Caller } from "../core/caller.ts";
import { DomainError } from "../core/error.ts";
import type { RequestContext } from "../service/request.ts";

/** One RPC under way, whatever it came over. */
export interface CallContext {
  readonly caller: Caller;
  /**
   * Aborts when the client goes away or its deadline passes, with a `DomainError` as the reason.
   * Made when first read: most checks are answered before anybody asks for it.
   */
  readonly signal: AbortSignal;
  /** Milliseconds left until the client's deadline, as of the arrival; absent: no deadline. */
  readonly deadlineMs?: number;
  /** Of the client's trace, where it sent one. */
  readonly traceId?: string;
}

/** A handler parses, asks and formats; it decides nothing. Without a promise it is answered in this tick. */
export type UnaryHandler<Input extends DescMessage, Output extends DescMessage> = (
  request: MessageShape<Input>,
  call: CallContext,
) => MessageInitShape<Output> | Promise<MessageInitShape<Output>>;

export type ServerStreamHandler<Input extends DescMessage, Output extends DescMessage> = (
  request: MessageShape<Input>,
  call: CallContext,
) => AsyncIterable<MessageInitShape<Output>>;

export type ClientStreamHandler<Input extends DescMessage, Output extends DescMessage> = (
  requests: AsyncIterable<MessageShape<Input>>,
  call: CallContext,
) => Promise<MessageInitShape<Output>>;

export type DuplexHandler<Input extends DescMessage, Output extends DescMessage> = (
  requests: AsyncIterable<MessageShape<Input>>,
  call: CallContext,
) => AsyncIterable<MessageInitShape<Output>>;

/** What it returns is called when the stream is over. What it throws ends the stream. */
export type OnOpened = (caller: Caller) => () => void;

/** Takes handlers one by one and puts them on a wire. Every transport is one of these. */
export interface Transport {
  unary<Input extends DescMessage, Output extends DescMessage>(
    method: DescMethodUnary<Input, Output>,
    handler: UnaryHandler<Input, Output>,
  ): void;
  serverStream<Input extends DescMessage, Output extends DescMessage>(
    method: DescMethodServerStreaming<Input, Output>,
    handler: ServerStreamHandler<Input, Output>,
  ): void;
  clientStream<Input extends DescMessage, Output extends DescMessage>(
    method: DescMethodClientStreaming<Input, Output>,
    handler: ClientStreamHandler<Input, Output>,
  ): void;
  duplex<Input extends DescMessage, Output extends DescMessage>(
    method: DescMethodBiDiStreaming<Input, Output>,
    handler: DuplexHandler<Input, Output>,
  ): void;
  /**
   * A stream whose messages are answered one by one, in any order, at most `inFlightMax` at a time. The
   * handler makes an answer of an error that is to end one message only. Of each stream `opened` is
   * told before its first message.
   */
  each<Input extends DescMessage, Output extends DescMessage>(
    method: DescMethodBiDiStreaming<Input, Output>,
    handler: UnaryHandler<Input, Output>,
    inFlightMax: number,
    opened?: OnOpened,
  ): void;
}

/** The handlers of one service. */
export type Handlers = (transport: Transport) => void;

/** A call with a head of its own: the signal is made when it is read. */
export class ScopedCall implements CallContext {
  readonly caller: Caller;
  readonly deadlineMs?: number;
  readonly traceId?: string;
  readonly #end: CallEnd;

  constructor(
    caller: Caller,
    end: CallEnd,
    deadlineMs: number | undefined,
    traceId: string | undefined,
  ) {
    this.caller = caller;
    this.#end = end;
    if (deadlineMs !== undefined) this.deadlineMs = deadlineMs;
    if (traceId !== undefined) this.traceId = traceId;
  }

  get signal(): AbortSignal {
    return this.#end.signal;
  }
}

/** The call as a use case sees it. */
export function inTenant(call: CallContext, tenant: string, proofToken?: string): RequestContext {
  return new TenantCall(call, tenant, proofToken === "" ? undefined : proofToken);
}

class TenantCall implements RequestContext {
  readonly caller: Caller;
  readonly tenant: string;
  readonly deadlineMs?: number;
  readonly proofToken?: string;
  readonly traceId?: string;
  readonly #call: CallContext;

  constructor(call: CallContext, tenant: string, proofToken: string | undefined) {
    this.caller = call.caller;
    this.tenant = tenant;
    this.#call = call;
    if (call.deadlineMs !== undefined) this.deadlineMs = call.deadlineMs;
    if (proofToken !== undefined) this.proofToken = proofToken;
    if (call.traceId !== undefined) this.traceId = call.traceId;
  }

  /** Passed on unread: reading it makes it. */
  get signal(): AbortSignal {
    return this.#call.signal;
  }
}

/**
 * A deadline travels as a length of time, which begins anew at the arrival: a client that leaves this
 * little before the deadline as it is known here has seen its own pass.
 */
const travelMs = 50;

/** The end of a call as its transport reports it, turned into a signal if anybody wants one. */
export class CallEnd {
  readonly #deadlineAtMs: number;
  #controller: AbortController | undefined;
  #leftAtMs: number | undefined;
  #reason: DomainError | undefined;

  /** `deadlineAtMs` by `Date.now()`; `Infinity`: none. */
  constructor(deadlineAtMs: number) {
    this.#deadlineAtMs = deadlineAtMs;
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.isOver) this.#controller.abort(this.reason);
    }
    return this.#controller.signal;
  }

  /** The client is gone, by itself or because its time was up; also after it was answered. */
  leave(): void {
    if (this.isOver) return;
    this.#leftAtMs = Date.now();
    this.#controller?.abort(this.reason);
  }

  /** Ends the call from this side. Only the first end counts. */
  end(reason: DomainError): void {
    if (this.isOver) return;
    this.#reason = reason;
    this.#controller?.abort(reason);
  }

  get isOver(): boolean {
    return this.#reason !== undefined || this.#leftAtMs !== undefined;
  }

  /** Why the call is over; `undefined` while it is not. Made when read: an error costs its stack. */
  get reason(): DomainError | undefined {
    if (this.#reason === undefined && this.#leftAtMs !== undefined) {
      this.#reason =
        this.#leftAtMs >= this.#deadlineAtMs - travelMs
          ? new DomainError("deadline_exceeded", "the deadline passed before there was an answer")
          : new DomainError("cancelled", "the client cancelled the call");
    }
    return this.#reason;
  }
}
