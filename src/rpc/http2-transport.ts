import type {
  DescMessage,
  DescMethod,
  DescMethodBiDiStreaming,
  DescMethodClientStreaming,
  DescMethodServerStreaming,
  DescMethodUnary,
  MessageInitShape,
  MessageShape,
} from "@bufbuild/protobuf";
import type { Caller } from "../core/caller.ts";
import type { DomainError } from "../core/error.ts";
import type { Admission, Gate } from "./admission.ts";
import type { Authenticate } from "./authenticate.ts";
import type {
  ClientStreamHandler,
  DuplexHandler,
  OnOpened,
  ServerStreamHandler,
  Transport,
  UnaryHandler,
} from "./call.ts";
import { codecOf, type Codec } from "./codec.ts";
import { pathOf } from "./grpc.ts";
import type { ForeignRoute } from "./foreign-service.ts";
import { answerEach } from "./http2-each.ts";
import type { CallLimits, Http2Call } from "./http2-call.ts";
import { messagesOf, readOne, waitingFor } from "./http2-messages.ts";
import { wireStatus } from "./http2-status.ts";
import { Overdue } from "./overdue.ts";
import type { ReportBug } from "./stream-check.ts";

/** What is served under a path. */
export interface Http2Route {
  readonly path: string;
  /** Absent where a call is let in whatever else is under way: else overload looks like death. */
  readonly gate?: Gate;
  /** Absent: those of the server. */
  readonly limits?: CallLimits;
  serve(call: Http2Call): void;
}

/** Puts handlers on calls over `node:http2`. */
export class Http2Transport implements Transport {
  readonly #authenticate: Authenticate;
  readonly #admission: Admission;
  readonly #reportBug: ReportBug;
  readonly #routes = new Map<string, Http2Route>();
  readonly #openStreams = new Set<Http2Call>();
  readonly #overdue = new Overdue();

  constructor(authenticate: Authenticate, admission: Admission, reportBug: ReportBug) {
    this.#authenticate = authenticate;
    this.#admission = admission;
    this.#reportBug = reportBug;
  }

  find(path: string): Http2Route | undefined {
    return this.#routes.get(path);
  }

  add(route: Http2Route): void {
    this.#routes.set(route.path, route);
  }

  /** Its streams end when ours do, and its messages are waited for no longer. */
  addForeign(route: ForeignRoute): void {
    this.add({
      ...route,
      serve: (call) => {
        if (route.isStream) this.#keepOpen(call);
        if (route.takesOne) this.#overdue.watch(call);
        route.serve(call);
      },
    });
  }

  unary<Input extends DescMessage, Output extends DescMessage>(
    method: DescMethodUnary<Input, Output>,
    handler: UnaryHandler<Input, Output>,
  ): void {
    const codec = codecOf(method);
    const path = pathOf(method);
    this.#register(method, (call) => {
      // Before the message is there: whoever is nobody holds no place.
      const caller = this.#letIn(call);
      if (caller === undefined) return;
      this.#overdue.watch(call);
      readOne(call, path, (bytes) => this.#answer(call, codec, handler, caller, bytes));
    });
  }

  serverStream<Input extends DescMessage, Output extends DescMessage>(
    method: DescMethodServerStreaming<Input, Output>,
    handler: ServerStreamHandler<Input, Output>,
  ): void {
    const codec = codecOf(method);
    this.#register(method, (call) => {
      const caller = this.#letIn(call);
      if (caller === undefined) return;
      this.#overdue.watch(call);
      readOne(call, pathOf(method), (bytes) => {
        void this.#pipe(call, codec, async () => {
          const known = await caller;
          return handler(codec.decode(bytes), call.context(known));
        });
      });
    });
  }

  clientStream<Input extends DescMessage, Output extends DescMessage>(
    method: DescMethodClientStreaming<Input, Output>,
    handler: ClientStreamHandler<Input, Output>,
  ): void {
    const codec = codecOf(method);
    this.#register(method, (call) => void this.#collect(call, codec, handler));
  }

  duplex<Input extends DescMessage, Output extends DescMessage>(
    method: DescMethodBiDiStreaming<Input, Output>,
    handler: DuplexHandler<Input, Output>,
  ): void {
    const codec = codecOf(method);
    this.#register(method, (call) => {
      const requests = messagesOf(call, codec);
      void this.#pipe(call, codec, async () => {
        return handler(requests, call.context(await this.#callerOf(call)));
      });
    });
  }

  each<Input extends DescMessage, Output extends DescMessage>(
    method: DescMethodBiDiStreaming<Input, Output>,
    handler: UnaryHandler<Input, Output>,
    inFlightMax: number,
    opened?: OnOpened,
  ): void {
    const codec = codecOf(method);
    this.#register(method, (call) => {
      const refuse = (error: unknown): void => this.#fail(call, error);
      const begin = (caller: Caller): void => {
        if (opened !== undefined) call.whenOver(opened(caller));
        answerEach(call, codec, handler, caller, inFlightMax, refuse);
      };
      try {
        const caller = this.#callerOf(call);
        if (caller instanceof Promise) caller.then(begin).catch(refuse);
        else begin(caller);
      } catch (error) {
        refuse(error);
      }
    });
  }

  /** Ends every open stream with the error: the server stops, and their clients go elsewhere. */
  endStreams(error: DomainError): void {
    for (const call of this.#openStreams) {
      call.end.end(error);
      call.fail(wireStatus(error));
    }
    this.#openStreams.clear();
    this.#overdue.stop();
  }

  #register(method: DescMethod, serve: (call: Http2Call) => void): void {
    const path = pathOf(method);
    const isStream = method.methodKind !== "unary";
    this.add({
      path,
      // Streams stay open: they are counted apart, and ended when the server stops.
      gate: this.#admission.gate(path, isStream),
      serve: (call) => {
        if (isStream) this.#keepOpen(call);
        serve(call);
      },
    });
  }

  #keepOpen(call: Http2Call): void {
    this.#openStreams.add(call);
    call.whenOver(() => void this.#openStreams.delete(call));
  }

  /** Makes no promise where the handler makes none. */
  #answer<Input extends DescMessage, Output extends DescMessage>(
    call: Http2Call,
    codec: Codec<Input, Output>,
    handler: UnaryHandler<Input, Output>,
    caller: Caller | Promise<Caller>,
    bytes: Buffer,
  ): void {
    try {
      const response =
        caller instanceof Promise
          ? caller.then((known) => handler(codec.decode(bytes), call.context(known)))
          : handler(codec.decode(bytes), call.context(caller));
      if (response instanceof Promise) void this.#settle(call, codec, response);
      else call.finish(codec.encode(response));
    } catch (error) {
      this.#fail(call, error);
    }
  }

  async #settle<Input extends DescMessage, Output extends DescMessage>(
    call: Http2Call,
    codec: Codec<Input, Output>,
    response: Promise<MessageInitShape<Output>>,
  ): Promise<void> {
    try {
      call.finish(codec.encode(await response));
    } catch (error) {
      this.#fail(call, error);
    }
  }

  async #collect<Input extends DescMessage, Output extends DescMessage>(
    call: Http2Call,
    codec: Codec<Input, Output>,
    handler: ClientStreamHandler<Input, Output>,
  ): Promise<void> {
    const requests: AsyncIterable<MessageShape<Input>> = messagesOf(call, codec);
    try {
      const context = call.context(await this.#callerOf(call));
      call.finish(codec.encode(await handler(requests, context)));
    } catch (error) {
      this.#fail(call, error);
    }
  }

  /** Writes what the handler yields, as fast as the client reads it. */
  async #pipe<Input extends DescMessage, Output extends DescMessage>(
    call: Http2Call,
    codec: Codec<Input, Output>,
    open: () => Promise<AsyncIterable<MessageInitShape<Output>>>,
  ): Promise<void> {
    const writable = waitingFor(call);
    try {
      for await (const message of await open()) {
        if (call.isOver) return;
        if (!call.write(codec.encode(message))) await writable();
      }
      call.finish();
    } catch (error) {
      this.#fail(call, error);
    }
  }

  /** `undefined`: it is refused, and the call is over. */
  #letIn(call: Http2Call): Caller | Promise<Caller> | undefined {
    try {
      const caller = this.#callerOf(call);
      if (caller instanceof Promise) caller.catch((error: unknown) => this.#fail(call, error));
      return caller;
    } catch (error) {
      this.#fail(call, error);
      return undefined;
    }
  }

  #callerOf(call: Http2Call): Caller | Promise<Caller> {
    return this.#authenticate(call.authorization, call.peer);
  }

  /** What is thrown once the call is over is still told where it is a bug. */
  #fail(call: Http2Call, error: unknown): void {
    const status = wireStatus(error);
    if (status.isBug) this.#reportBug(error);
    call.fail(status);
  }
}
