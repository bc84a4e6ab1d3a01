import assert from "node:assert/strict";
import type {
  DescMessage,
  DescMethodBiDiStreaming,
  DescMethodClientStreaming,
  DescMethodServerStreaming,
  DescMethodUnary,
  MessageInitShape,
} from "@bufbuild/protobuf";
import {
  createContextKey,
  type ConnectRouter,
  type ContextKey,
  type HandlerContext,
} from "@connectrpc/connect";
import type { Caller } from "../core/caller.ts";
import { DomainError } from "../core/error.ts";
import { answersOf } from "./answers-of.ts";
import type { Authenticate, Peer } from "./authenticate.ts";
import {
  CallEnd,
  type CallContext,
  type ClientStreamHandler,
  type DuplexHandler,
  type OnOpened,
  type ServerStreamHandler,
  type Transport,
  type UnaryHandler,
} from "./call.ts";
import { connectErrorFrom } from "./connect-error.ts";
import type { ReportBug } from "./stream-check.ts";
import { traceIdOf } from "./trace-context.ts";

/** Under which the adapter of the connection keeps who is at its other end. */
export const peerKey: ContextKey<Peer | undefined> = createContextKey<Peer | undefined>(undefined, {
  description: "peer",
});

const callerKey: ContextKey<Caller | undefined> = createContextKey<Caller | undefined>(undefined, {
  description: "caller",
});

/** Tells who sent a call to a Connect router, once for each. */
export class ConnectCallers {
  readonly #authenticate: Authenticate;
  readonly #reportBug: ReportBug;

  constructor(authenticate: Authenticate, reportBug: ReportBug) {
    this.#authenticate = authenticate;
    this.#reportBug = reportBug;
  }

  /** Fails with the status of a call that nobody is let in with. */
  async admit({ requestHeader, values }: HandlerContext): Promise<void> {
    try {
      const authorization = requestHeader.get("authorization") ?? undefined;
      values.set(callerKey, await this.#authenticate(authorization, values.get(peerKey)));
    } catch (error) {
      throw connectErrorFrom(error, this.#reportBug);
    }
  }

  /** Of a call that was let in. */
  of({ values }: HandlerContext): Caller {
    const caller = values.get(callerKey);
    assert(caller !== undefined, "a call was not let in");
    return caller;
  }
}

/** Puts handlers on a Connect router, which speaks Connect, gRPC-Web and gRPC. */
export class ConnectTransport implements Transport {
  readonly #router: ConnectRouter;
  readonly #callers: ConnectCallers;
  readonly #reportBug: ReportBug;
  readonly #stopping: AbortSignal;

  /** `stopping` aborts when the server stops, with the `DomainError` that open streams end with. */
  constructor(
    router: ConnectRouter,
    callers: ConnectCallers,
    reportBug: ReportBug,
    stopping: AbortSignal,
  ) {
    this.#router = router;
    this.#stopping = stopping;
    this.#callers = callers;
    this.#reportBug = reportBug;
  }

  unary<Input extends DescMessage, Output extends DescMessage>(
    method: DescMethodUnary<Input, Output>,
    handler: UnaryHandler<Input, Output>,
  ): void {
    this.#router.rpc(method, async (request, context) => {
      try {
        return await handler(request, this.#contextOf(context));
      } catch (error) {
        throw connectErrorFrom(error, this.#reportBug);
      }
    });
  }

  serverStream<Input extends DescMessage, Output extends DescMessage>(
    method: DescMethodServerStreaming<Input, Output>,
    handler: ServerStreamHandler<Input, Output>,
  ): void {
    this.#router.rpc(method, (request, context) =>
      this.#mapped(async () => handler(request, this.#contextOf(context))),
    );
  }

  clientStream<Input extends DescMessage, Output extends DescMessage>(
    method: DescMethodClientStreaming<Input, Output>,
    handler: ClientStreamHandler<Input, Output>,
  ): void {
    this.#router.rpc(method, async (requests, context) => {
      try {
        return await handler(requests, this.#contextOf(context));
      } catch (error) {
        throw connectErrorFrom(error, this.#reportBug);
      }
    });
  }

  duplex<Input extends DescMessage, Output extends DescMessage>(
    method: DescMethodBiDiStreaming<Input, Output>,
    handler: DuplexHandler<Input, Output>,
  ): void {
    this.#router.rpc(method, (requests, context) =>
      this.#mapped(async () => handler(requests, this.#contextOf(context))),
    );
  }

  each<Input extends DescMessage, Output extends DescMessage>(
    method: DescMethodBiDiStreaming<Input, Output>,
    handler: UnaryHandler<Input, Output>,
    inFlightMax: number,
    opened?: OnOpened,
  ): void {
    this.duplex(method, (requests, call) =>
      answersOf(handler, requests, call, inFlightMax, opened),
    );
  }

  #contextOf(context: HandlerContext): CallContext {
    const caller = this.#callers.of(context);
    const traceId = traceIdOf(context.requestHeader.get("traceparent") ?? undefined);
    const deadlineMs = context.timeoutMs();
    const end = new CallEnd(deadlineMs === undefined ? Infinity : Date.now() + deadlineMs);
    const over = (): void => {
      const stopped: unknown = this.#stopping.reason;
      if (stopped instanceof DomainError) end.end(stopped);
      else end.leave();
    };
    if (context.signal.aborted) over();
    context.signal.addEventListener("abort", over, { once: true });
    return {
      caller,
      get signal() {
        return end.signal;
      },
      ...(deadlineMs === undefined ? {} : { deadlineMs }),
      ...(traceId === undefined ? {} : { traceId }),
    };
  }

  /** An interceptor would not see what a stream throws: it is mapped around the stream itself. */
  async *#mapped<Output extends DescMessage>(
    open: () => Promise<AsyncIterable<MessageInitShape<Output>>>,
  ): AsyncGenerator<MessageInitShape<Output>> {
    try {
      yield* await open();
    } catch (error) {
      throw connectErrorFrom(error, this.#reportBug);
    }
  }
}
