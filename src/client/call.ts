import { once } from "node:events";
import { create, fromBinary, toBinary, type DescMethod, type Message } from "@bufbuild/protobuf";
import { Metadata, type CallOptions as WireOptions, type Client as Channel } from "@grpc/grpc-js";
import type { ClientDuplexStream, ClientWritableStream, ServiceError } from "@grpc/grpc-js";
import { ApiError, errorFromStatus } from "./api-error.ts";

/** Of one call. */
export interface CallOptions {
  /** Aborting cancels the call on the server; the promise rejects with `cancelled`. */
  readonly signal?: AbortSignal;
  /** From now. The call fails with `deadline_exceeded` where the answer does not come within it. */
  readonly deadlineMs?: number;
  /** An API key or a token, by which the server knows who calls. */
  readonly token?: string;
}

/** What all four shapes of a call have in common. */
interface Cancellable {
  cancel(): void;
}

export async function callUnary(
  channel: Channel,
  method: DescMethod,
  request: object,
  options: CallOptions,
): Promise<Message> {
  refuseAborted(options);
  const { promise, resolve, reject } = Promise.withResolvers<Message>();
  const call = channel.makeUnaryRequest(
    pathOf(method),
    serializerOf(method),
    deserializerOf(method),
    request,
    metadataOf(options),
    wireOptions(options),
    (failure, response) => settle(failure, response, resolve, reject),
  );
  using _ = cancelOnAbort(call, options.signal);
  return await promise;
}

/** Leaving the loop early cancels the call. */
export async function* callServerStream(
  channel: Channel,
  method: DescMethod,
  request: object,
  options: CallOptions,
): AsyncGenerator<Message> {
  refuseAborted(options);
  const call = channel.makeServerStreamRequest(
    pathOf(method),
    serializerOf(method),
    deserializerOf(method),
    request,
    metadataOf(options),
    wireOptions(options),
  );
  using _ = cancelOnAbort(call, options.signal);
  yield* responsesOf(call);
}

export async function callClientStream(
  channel: Channel,
  method: DescMethod,
  requests: AsyncIterable<object> | Iterable<object>,
  options: CallOptions,
): Promise<Message> {
  refuseAborted(options);
  const { promise, resolve, reject } = Promise.withResolvers<Message>();
  const call = channel.makeClientStreamRequest(
    pathOf(method),
    serializerOf(method),
    deserializerOf(method),
    metadataOf(options),
    wireOptions(options),
    (failure, response) => settle(failure, response, resolve, reject),
  );
  using _ = cancelOnAbort(call, options.signal);
  // The server may answer before the last request: its answer counts, and writing stops.
  await Promise.race([writeAll(call, requests).catch(reject), promise]);
  return await promise;
}

/** Leaving the loop early cancels the call. Requests are taken as fast as the server reads them. */
export async function* callBidiStream(
  channel: Channel,
  method: DescMethod,
  requests: AsyncIterable<object> | Iterable<object>,
  options: CallOptions,
): AsyncGenerator<Message> {
  refuseAborted(options);
  const call = channel.makeBidiStreamRequest(
    pathOf(method),
    serializerOf(method),
    deserializerOf(method),
    metadataOf(options),
    wireOptions(options),
  );
  using _ = cancelOnAbort(call, options.signal);
  // A source of requests that fails ends the responses with its error.
  writeAll(call, requests).catch((cause: unknown) => call.destroy(errorOf(cause)));
  yield* responsesOf(call);
}

async function* responsesOf(call: AsyncIterable<Message> & Cancellable): AsyncGenerator<Message> {
  try {
    yield* call;
  } catch (cause) {
    throw isServiceError(cause) ? errorFromStatus(cause) : cause;
  } finally {
    call.cancel();
  }
}

async function writeAll(
  call: ClientWritableStream<object> | ClientDuplexStream<object, Message>,
  requests: AsyncIterable<object> | Iterable<object>,
): Promise<void> {
  try {
    for await (const request of requests) {
      if (!call.writable) return;
      if (!call.write(request)) await once(call, "drain");
    }
    call.end();
  } catch (cause) {
    call.cancel();
    throw cause;
  }
}

function settle(
  failure: ServiceError | null,
  response: Message | undefined,
  resolve: (response: Message) => void,
  reject: (error: ApiError) => void,
): void {
  if (failure !== null) reject(errorFromStatus(failure));
  else if (response === undefined) reject(new ApiError("internal", "the server sent no answer"));
  else resolve(response);
}

function refuseAborted(options: CallOptions): void {
  if (options.signal?.aborted === true) {
    throw new ApiError("cancelled", "the call was cancelled before it began");
  }
}

function cancelOnAbort(call: Cancellable, signal: AbortSignal | undefined): Disposable {
  const cancel = (): void => call.cancel();
  signal?.addEventListener("abort", cancel, { once: true });
  return { [Symbol.dispose]: () => signal?.removeEventListener("abort", cancel) };
}

function metadataOf({ token }: CallOptions): Metadata {
  const metadata = new Metadata();
  if (token !== undefined) metadata.set("authorization", `Bearer ${token}`);
  return metadata;
}

function wireOptions(options: CallOptions): WireOptions {
  return options.deadlineMs === undefined ? {} : { deadline: Date.now() + options.deadlineMs };
}

function pathOf(method: DescMethod): string {
  return `/${method.parent.typeName}/${method.name}`;
}

function serializerOf(method: DescMethod): (request: object) => Buffer {
  return (request) => {
    const bytes = toBinary(method.input, create(method.input, { ...request }));
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  };
}

function deserializerOf(method: DescMethod): (bytes: Buffer) => Message {
  return (bytes) => fromBinary(method.output, bytes);
}

function isServiceError(cause: unknown): cause is ServiceError {
  return cause instanceof Error && "metadata" in cause && "details" in cause;
}

function errorOf(cause: unknown): Error {
  return cause instanceof Error ? cause : new Error(String(cause));
}
