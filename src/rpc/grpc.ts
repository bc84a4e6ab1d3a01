import {
  create,
  fromBinary,
  toBinary,
  type DescMessage,
  type DescMethod,
  type DescMethodBiDiStreaming,
  type DescMethodClientStreaming,
  type DescMethodServerStreaming,
  type DescMethodUnary,
  type MessageInitShape,
  type MessageShape,
} from "@bufbuild/protobuf";
import {
  Metadata,
  type Deadline,
  type UntypedHandleCall,
  type sendUnaryData,
  type Server,
  type ServerDuplexStream,
  type ServerReadableStream,
  type ServerUnaryCall,
  type ServerWritableStream,
  type StatusObject,
} from "@grpc/grpc-js";
import type { Caller } from "../core/caller.ts";
import { DomainError } from "../core/error.ts";
import { answersOf } from "./answers-of.ts";
import type { Authenticate } from "./authenticate.ts";
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
import { statusDetails, statusFromError, type RpcStatus } from "./errors.ts";
import type { ReportBug } from "./stream-check.ts";
import { traceIdOf } from "./trace-context.ts";

type Unary = ServerUnaryCall<Buffer, Buffer>;
type Writable = ServerWritableStream<Buffer, Buffer> | ServerDuplexStream<Buffer, Buffer>;
type Readable = ServerReadableStream<Buffer, Buffer> | ServerDuplexStream<Buffer, Buffer>;
type Answer = sendUnaryData<Buffer>;

/**
 * Puts handlers on a gRPC server. Messages are decoded here and not by the server, which would
 * answer one that cannot be decoded with INTERNAL.
 */
export class GrpcTransport implements Transport {
  readonly #server: Server;
  readonly #authenticate: Authenticate;
  readonly #reportBug: ReportBug;
  readonly #openStreams = new Set<(error: DomainError) => void>();

  constructor(server: Server, authenticate: Authenticate, reportBug: ReportBug) {
    this.#server = server;
    this.#authenticate = authenticate;
    this.#reportBug = reportBug;
  }

  unary<Input extends DescMessage, Output extends DescMessage>(
    method: DescMethodUnary<Input, Output>,
    handler: UnaryHandler<Input, Output>,
  ): void {
    const { input, output } = method;
    this.#register(method, "unary", (call: Unary, answer: Answer) => {
      const respond = (response: MessageInitShape<Output>) =>
        answer(null, encode(output, response));
      const refuse = (error: unknown) => answer(this.#failure(error));
      try {
        const end = endOf(call);
        const ask = (caller: Caller) =>
          handler(decode(input, call.request), contextOf(call, end, caller));
        const caller = this.#callerOf(call);
        const response = caller instanceof Promise ? caller.then(ask) : ask(caller);
        if (response instanceof Promise) void settle(response, respond, refuse);
        else respond(response);
      } catch (error) {
        refuse(error);
      }
    });
  }

  serverStream<Input extends DescMessage, Output extends DescMessage>(
    method: DescMethodServerStreaming<Input, Output>,
    handler: ServerStreamHandler<Input, Output>,
  ): void {
    const { input, output } = method;
    this.#register(method, "serverStream", (call: ServerWritableStream<Buffer, Buffer>) => {
      const end = endOf(call);
      const open = async () => {
        const context = contextOf(call, end, await this.#callerOf(call));
        return handler(decode(input, call.request), context);
      };
      void this.#pipe(call, end, output, open);
    });
  }

  clientStream<Input extends DescMessage, Output extends DescMessage>(
    method: DescMethodClientStreaming<Input, Output>,
    handler: ClientStreamHandler<Input, Output>,
  ): void {
    const { input, output } = method;
    this.#register(
      method,
      "clientStream",
      (call: ServerReadableStream<Buffer, Buffer>, answer: Answer) => {
        const end = endOf(call);
        const refuse = (error: unknown) => answer(this.#failure(error));
        const close = this.#track(end, refuse);
        const respond = async () => {
          const context = contextOf(call, end, await this.#callerOf(call));
          return await handler(messagesOf(call, end, input), context);
        };
        void settle(
          respond().finally(close),
          (message) => answer(null, encode(output, message)),
          refuse,
        );
      },
    );
  }

  duplex<Input extends DescMessage, Output extends DescMessage>(
    method: DescMethodBiDiStreaming<Input, Output>,
    handler: DuplexHandler<Input, Output>,
  ): void {
    const { input, output } = method;
    this.#register(method, "bidi", (call: ServerDuplexStream<Buffer, Buffer>) => {
      const end = endOf(call);
      const open = async () => {
        const context = contextOf(call, end, await this.#callerOf(call));
        return handler(messagesOf(call, end, input), context);
      };
      void this.#pipe(call, end, output, open);
    });
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

  /** Ends every open stream with the error: the server stops, and their clients go elsewhere. */
  endStreams(error: DomainError): void {
    for (const endStream of this.#openStreams) endStream(error);
  }

  #register(method: DescMethod, kind: string, handle: UntypedHandleCall): void {
    const asItIs = (bytes: Buffer) => bytes;
    this.#server.register<Buffer, Buffer>(pathOf(method), handle, asItIs, asItIs, kind);
  }

  #callerOf({ metadata }: { readonly metadata: Metadata }): Caller | Promise<Caller> {
    const [authorization] = metadata.get("authorization");
    return this.#authenticate(authorization?.toString(), undefined);
  }

  /** Writes what the handler yields, as fast as the client reads it. */
  async #pipe<Output extends DescMessage>(
    call: Writable,
    end: CallEnd,
    output: Output,
    open: () => Promise<AsyncIterable<MessageInitShape<Output>>>,
  ): Promise<void> {
    const close = this.#track(end, (error) => call.emit("error", this.#failure(error)));
    try {
      for await (const message of await open()) {
        if (end.isOver) return;
        if (!call.write(encode(output, message))) await writable(call, end);
      }
      call.end();
    } catch (error) {
      if (!end.isOver) call.emit("error", this.#failure(error));
    } finally {
      close();
    }
  }

  #track(end: CallEnd, refuse: (error: DomainError) => void): () => void {
    const endStream = (error: DomainError) => {
      if (end.isOver) return;
      end.end(error);
      refuse(error);
    };
    this.#openStreams.add(endStream);
    return () => void this.#openStreams.delete(endStream);
  }

  #failure(error: unknown): StatusObject {
    const status = statusFromError(error);
    if (status.error === undefined) this.#reportBug(error);
    return grpcStatus(status);
  }
}

/** The status with our detail beside it, for clients that know it and for those that read headers only. */
export function grpcStatus(status: RpcStatus): StatusObject {
  const metadata = new Metadata();
  metadata.set("grpc-status-details-bin", Buffer.from(statusDetails(status)));
  metadata.set("prokura-code", status.error?.code ?? "internal");
  return { code: Number(status.status), details: status.message, metadata };
}

/** The path of a method on the wire. */
export function pathOf(method: DescMethod): string {
  return `/${method.parent.typeName}/${method.name}`;
}

function contextOf(
  call: { getDeadline(): Deadline; readonly metadata: Metadata },
  end: CallEnd,
  caller: Caller,
): CallContext {
  const traceId = traceIdOf(call.metadata.get("traceparent")[0]?.toString());
  const deadlineMs = Number(call.getDeadline()) - Date.now();
  return {
    caller,
    get signal() {
      return end.signal;
    },
    ...(deadlineMs === Infinity ? {} : { deadlineMs }),
    ...(traceId === undefined ? {} : { traceId }),
  };
}

function endOf(call: {
  getDeadline(): Deadline;
  on(event: "cancelled", listener: () => void): unknown;
}): CallEnd {
  const end = new CallEnd(Number(call.getDeadline()));
  // It comes after every answer as well, when it means nothing.
  call.on("cancelled", () => end.leave());
  return end;
}

async function* messagesOf<Input extends DescMessage>(
  call: Readable,
  end: CallEnd,
  input: Input,
): AsyncGenerator<MessageShape<Input>> {
  try {
    // A message that cannot be decoded must not take the stream with it: its status is still to go out.
    for await (const bytes of call.iterator({ destroyOnReturn: false }))
      yield decode(input, Buffer.from(bytes));
  } catch (error) {
    // What the stream throws when its client leaves says less than why it left.
    throw end.reason ?? error;
  }
}

/** Hands the outcome to one side or the other; an error of the first goes to the second. */
async function settle<Value>(
  outcome: Promise<Value>,
  respond: (value: Value) => void,
  refuse: (error: unknown) => void,
): Promise<void> {
  try {
    respond(await outcome);
  } catch (error) {
    refuse(error);
  }
}

/** Resolves when the client has read enough, or is gone. */
async function writable(call: Writable, end: CallEnd): Promise<void> {
  const { signal } = end;
  if (signal.aborted) return;
  await new Promise<void>((resolve) => {
    const go = () => {
      call.off("drain", go);
      signal.removeEventListener("abort", go);
      resolve();
    };
    call.once("drain", go);
    signal.addEventListener("abort", go);
  });
}

function decode<Input extends DescMessage>(input: Input, bytes: Buffer): MessageShape<Input> {
  try {
    return fromBinary(input, bytes);
  } catch (cause) {
    throw new DomainError("malformed", `the message is no \`${input.typeName}\``, { cause });
  }
}

function encode<Output extends DescMessage>(
  output: Output,
  message: MessageInitShape<Output>,
): Buffer {
  const bytes = toBinary(output, create(output, message));
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
