import type { DescMessage, DescMethod, DescService } from "@bufbuild/protobuf";
import type { MessageInitShape, MessageShape } from "@bufbuild/protobuf";
import { Client as Channel, credentials, type ChannelCredentials } from "@grpc/grpc-js";
import { AdminService } from "../gen/prokura/v1/admin_pb.ts";
import { AuditService } from "../gen/prokura/v1/audit_pb.ts";
import { AuthorizationService } from "../gen/prokura/v1/authorization_pb.ts";
import { DelegationService } from "../gen/prokura/v1/delegation_pb.ts";
import { ModelService } from "../gen/prokura/v1/model_pb.ts";
import { TupleService } from "../gen/prokura/v1/tuple_pb.ts";
import { callBidiStream, callClientStream, callServerStream, callUnary } from "./call.ts";
import type { CallOptions } from "./call.ts";

/** Where the service listens, and how long to wait for it. */
export interface ClientOptions {
  /** `host:port` of the gRPC port. */
  readonly address: string;
  /** An API key or a token, sent with every call. Absent: nothing is shown of who calls. */
  readonly token?: string;
  /** Absent: in the clear. */
  readonly tls?: ClientTls;
  /** For a call with one answer that names none; 10 s unless given. Streams have no deadline of their own. */
  readonly deadlineMs?: number;
}

/** All in PEM. */
export interface ClientTls {
  /** Whose server certificates are believed; absent: the well-known authorities. */
  readonly authority?: Buffer;
  /** The client's own certificate, where the server knows callers by theirs. */
  readonly own?: { readonly certificate: Buffer; readonly key: Buffer };
}

/**
 * The API, one function per RPC, over one connection that is made on the first call and made again
 * when it is lost. Every failure is an `ApiError`. Nothing is retried here: whoever calls knows
 * whether a second time is safe.
 */
export interface Client extends Disposable {
  readonly authorization: ServiceClient<typeof AuthorizationService>;
  readonly delegation: ServiceClient<typeof DelegationService>;
  readonly tuple: ServiceClient<typeof TupleService>;
  readonly model: ServiceClient<typeof ModelService>;
  readonly audit: ServiceClient<typeof AuditService>;
  readonly admin: ServiceClient<typeof AdminService>;
  /** Calls in flight fail with `cancelled`. */
  close(): void;
}

/** The functions of one service, under the names of its RPCs. */
export type ServiceClient<S extends DescService> = {
  readonly [K in keyof S["method"]]: Rpc<S["method"][K]>;
};

type Rpc<M> =
  M extends Shape<"unary", infer I, infer O>
    ? (request: MessageInitShape<I>, options?: CallOptions) => Promise<MessageShape<O>>
    : M extends Shape<"server_streaming", infer I, infer O>
      ? (request: MessageInitShape<I>, options?: CallOptions) => AsyncIterable<MessageShape<O>>
      : M extends Shape<"client_streaming", infer I, infer O>
        ? (requests: Requests<I>, options?: CallOptions) => Promise<MessageShape<O>>
        : M extends Shape<"bidi_streaming", infer I, infer O>
          ? (requests: Requests<I>, options?: CallOptions) => AsyncIterable<MessageShape<O>>
          : never;

interface Shape<K extends string, I extends DescMessage, O extends DescMessage> {
  readonly methodKind: K;
  readonly input: I;
  readonly output: O;
}

type Requests<I extends DescMessage> =
  | AsyncIterable<MessageInitShape<I>>
  | Iterable<MessageInitShape<I>>;

const deadlineMsDefault = 10_000;
// A gateway must not stay away for two minutes, grpc-js's own limit, after the service is back.
const reconnectMsMin = 100;
const reconnectMsMax = 2_000;

export function createClient(options: ClientOptions): Client {
  const deadlineMs = options.deadlineMs ?? deadlineMsDefault;
  const channel = new Channel(options.address, credentialsOf(options.tls), {
    "grpc.initial_reconnect_backoff_ms": reconnectMsMin,
    "grpc.min_reconnect_backoff_ms": reconnectMsMin,
    "grpc.max_reconnect_backoff_ms": reconnectMsMax,
    "grpc.keepalive_time_ms": 30_000,
  });
  const { token } = options;
  const standing: CallOptions = token === undefined ? { deadlineMs } : { deadlineMs, token };
  const close = (): void => channel.close();
  return {
    authorization: serviceClient(channel, AuthorizationService, standing),
    delegation: serviceClient(channel, DelegationService, standing),
    tuple: serviceClient(channel, TupleService, standing),
    model: serviceClient(channel, ModelService, standing),
    audit: serviceClient(channel, AuditService, standing),
    admin: serviceClient(channel, AdminService, standing),
    close,
    [Symbol.dispose]: close,
  };
}

function credentialsOf(tls: ClientTls | undefined): ChannelCredentials {
  if (tls === undefined) return credentials.createInsecure();
  const { authority = null, own } = tls;
  return credentials.createSsl(authority, own?.key ?? null, own?.certificate ?? null);
}

function serviceClient<S extends DescService>(
  channel: Channel,
  service: S,
  standing: CallOptions,
): ServiceClient<S> {
  const functions = service.methods.map((method) => [
    method.localName,
    rpcFunction(channel, method, standing),
  ]);
  // What each function takes and gives is what its descriptor says, which no checker can follow.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return Object.fromEntries(functions) as ServiceClient<S>;
}

function rpcFunction(channel: Channel, method: DescMethod, standing: CallOptions): unknown {
  const { deadlineMs: _, ...streamStanding } = standing;
  const withStanding = (options: CallOptions | undefined): CallOptions => ({
    ...standing,
    ...options,
  });
  const ofStream = (options: CallOptions | undefined): CallOptions => ({
    ...streamStanding,
    ...options,
  });
  switch (method.methodKind) {
    case "unary":
      return (request: object, options?: CallOptions) =>
        callUnary(channel, method, request, withStanding(options));
    case "server_streaming":
      return (request: object, options?: CallOptions) =>
        callServerStream(channel, method, request, ofStream(options));
    case "client_streaming":
      return (requests: AsyncIterable<object> | Iterable<object>, options?: CallOptions) =>
        callClientStream(channel, method, requests, ofStream(options));
    case "bidi_streaming":
      return (requests: AsyncIterable<object> | Iterable<object>, options?: CallOptions) =>
        callBidiStream(channel, method, requests, ofStream(options));
  }
}
