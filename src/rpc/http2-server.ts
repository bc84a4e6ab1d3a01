import {
  constants,
  createSecureServer,
  createServer,
  type Http2Server,
  type Http2Session,
  type IncomingHttpHeaders,
  type ServerOptions,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from "node:http2";
import type { ConnectionCounts } from "./admission.ts";
import type { Peer } from "./authenticate.ts";
import type { CallHead } from "./call-stream.ts";
import type { Listener, Serving } from "./grpc-server.ts";
import { grpcService, type GrpcService } from "./grpc-service.ts";
import { listen } from "./listen.ts";
import { handshakeMs, newcomersOf } from "./newcomers.ts";
import { NodeStream } from "./node-stream.ts";
import { peerOf } from "./peer.ts";
import { isGrpc, serveCall } from "./serve-call.ts";
import { secureOptions, type TlsSource } from "./tls.ts";

const keepaliveMs = 60_000;
const keepaliveTimeoutMs = 20_000;

/**
 * gRPC on `node:http2`, with a framing of our own: the same to a client as on `@grpc/grpc-js`, at half
 * the cost. Fails with `not_supported` where it cannot listen.
 */
export async function listenHttp2(
  serving: Serving,
  address: { readonly host: string; readonly port: number },
): Promise<Listener> {
  const service = grpcService(serving);
  const server = createListener(serving.tls, {
    // A client that keeps to its limit never meets this one, which bounds what is kept per connection.
    settings: { maxConcurrentStreams: 2 * serving.limits.inFlightPerConnectionMax },
    // Windows bound what arrives, and backpressure what leaves: this would cut connections.
    maxSessionMemory: Number.MAX_SAFE_INTEGER,
  });
  const newcomers = serving.tls === undefined ? undefined : newcomersOf(server);
  const sessions = new Map<Http2Session, Connection>();
  server.on("session", (session) => {
    const counts = serving.admission.connection();
    sessions.set(session, { counts, peer: peerOf(session.socket) });
    watchSession(sessions, session);
  });
  server.on("stream", (stream, headers) => {
    const connection = stream.session === undefined ? undefined : sessions.get(stream.session);
    if (connection !== undefined) serveStream(service, connection, stream, headers);
  });
  const port = await listen(server, address, "--grpc-listen");
  return { port, refreshHealth: () => service.refreshHealth(), close };

  async function close(graceMs: number): Promise<void> {
    service.stop();
    await new Promise<void>((resolve) => {
      const cut = setTimeout(() => {
        for (const session of sessions.keys()) session.destroy(undefined, constants.NGHTTP2_CANCEL);
      }, graceMs);
      server.close(() => {
        clearTimeout(cut);
        resolve();
      });
      newcomers?.end();
      for (const session of sessions.keys()) session.close();
    });
  }
}

function createListener(tls: TlsSource | undefined, options: ServerOptions): Http2Server {
  if (tls === undefined) return createServer(options);
  const server = createSecureServer({
    ...options,
    ...secureOptions(tls),
    handshakeTimeout: handshakeMs,
  });
  tls.follow((material) => server.setSecureContext(material));
  return server;
}

/** What is known of a connection before its first call. */
interface Connection {
  readonly counts: ConnectionCounts;
  readonly peer: Peer | undefined;
}

function serveStream(
  { transport, callLimits }: GrpcService,
  { counts, peer }: Connection,
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
): void {
  const call = new NodeStream(stream);
  const head: CallHead = {
    path: headers[":path"] ?? "",
    contentType: headers["content-type"],
    authorization: headers.authorization,
    timeout: textOf(headers["grpc-timeout"]),
    encoding: textOf(headers["grpc-encoding"]),
    traceparent: textOf(headers["traceparent"]),
  };
  if (isGrpc(head)) serveCall(transport, callLimits, counts, peer, call, head);
  else call.refuse();
}

function textOf(value: string | string[] | undefined): string | undefined {
  return value === undefined ? undefined : String(value);
}

/** Ends the connection where its other end no longer answers. */
function watchSession(sessions: Map<Http2Session, Connection>, session: ServerHttp2Session): void {
  session.on("error", () => {}); // It is followed by `close`.
  let unanswered: NodeJS.Timeout | undefined;
  const keepalive = setInterval(() => {
    if (session.destroyed || session.closed || unanswered !== undefined) return;
    unanswered = setTimeout(() => session.destroy(), keepaliveTimeoutMs);
    session.ping((error) => {
      if (error !== null) return;
      clearTimeout(unanswered);
      unanswered = undefined;
    });
  }, keepaliveMs);
  keepalive.unref();
  session.once("close", () => {
    clearInterval(keepalive);
    clearTimeout(unanswered);
    sessions.delete(session);
  });
}
