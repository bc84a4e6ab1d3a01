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
import { Code } from "@connectrpc/connect";
import { HealthImplementation } from "grpc-health-check";
import { DomainError } from "../core/error.ts";
import type { ConnectionCounts, Ticket } from "./admission.ts";
import type { Peer } from "./authenticate.ts";
import { foreignRoutes } from "./foreign-service.ts";
import type { Listener, Serving } from "./grpc-server.ts";
import { Http2Call, type CallLimits } from "./http2-call.ts";
import { trailersOf, wireStatus, type WireStatus } from "./http2-status.ts";
import { Http2Transport } from "./http2-transport.ts";
import { peerOf } from "./peer.ts";
import { addReflection } from "./reflection.ts";
import { secureOptions, type TlsSource } from "./tls.ts";
import { listen } from "./listen.ts";

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
  const { authenticate, admission, reportBug } = serving;
  const transport = new Http2Transport(authenticate, admission, reportBug);
  for (const handlers of serving.handlers) handlers(transport);
  const health = new HealthImplementation();
  const foreign = foreignRoutes((server) => {
    health.addToServer(server);
    addReflection(server, serving.services);
  });
  for (const route of foreign) transport.add(route);
  const names = ["", ...serving.services.map((service) => service.typeName)];
  const setServing = (serves: boolean): void => {
    for (const name of names) health.setStatus(name, serves ? "SERVING" : "NOT_SERVING");
  };
  setServing(false);
  const server = createListener(serving.tls, {
    // A client that keeps to its limit never meets this one, which bounds what is kept per connection.
    settings: { maxConcurrentStreams: 2 * serving.limits.inFlightPerConnectionMax },
    // Windows bound what arrives, and backpressure what leaves: this would cut connections.
    maxSessionMemory: Number.MAX_SAFE_INTEGER,
  });
  const sessions = new Map<Http2Session, Connection>();
  server.on("session", (session) => {
    sessions.set(session, { counts: admission.connection(), peer: peerOf(session.socket) });
    watchSession(sessions, session);
  });
  const limits = {
    messageBytesMax: serving.limits.messageBytesMax,
    // A list or an export may answer with more than it was asked with, but not without end.
    answerBytesMax: 4 * serving.limits.messageBytesMax,
  };
  server.on("stream", (stream, headers) => {
    const connection = stream.session === undefined ? undefined : sessions.get(stream.session);
    if (connection !== undefined) serveStream(limits, transport, connection, stream, headers);
  });
  const port = await listen(server, address, "--grpc-listen");
  return { port, setServing, close };

  async function close(graceMs: number): Promise<void> {
    transport.endStreams(new DomainError("not_serving", "the server is stopping, try another"));
    await new Promise<void>((resolve) => {
      const cut = setTimeout(() => {
        for (const session of sessions.keys()) session.destroy(undefined, constants.NGHTTP2_CANCEL);
      }, graceMs);
      server.close(() => {
        clearTimeout(cut);
        resolve();
      });
      for (const session of sessions.keys()) session.close();
    });
  }
}

function createListener(tls: TlsSource | undefined, options: ServerOptions): Http2Server {
  if (tls === undefined) return createServer(options);
  const server = createSecureServer({ ...options, ...secureOptions(tls) });
  tls.follow((material) => server.setSecureContext(material));
  return server;
}

/** What is known of a connection before its first call. */
interface Connection {
  readonly counts: ConnectionCounts;
  readonly peer: Peer | undefined;
}

function serveStream(
  limits: CallLimits,
  transport: Http2Transport,
  { counts, peer }: Connection,
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
): void {
  if (headers["content-type"]?.startsWith("application/grpc") !== true) {
    stream.on("error", () => {});
    stream.respond({ ":status": 415 }, { endStream: true });
    return;
  }
  const path = headers[":path"] ?? "";
  const route = transport.find(path);
  if (route === undefined) {
    const message = `The server does not implement the method ${path}`;
    refuse(stream, { status: Code.Unimplemented, message });
    return;
  }
  let ticket: Ticket | undefined;
  try {
    ticket = route.gate?.enter(counts);
  } catch (error) {
    refuse(stream, wireStatus(error));
    return;
  }
  const call = new Http2Call(stream, headers, limits, peer, ticket);
  if (!call.isOver) route.serve(call);
}

/** Answers with headers alone, and reads nothing. */
function refuse(stream: ServerHttp2Stream, status: WireStatus): void {
  stream.on("error", () => {});
  const headers = {
    ":status": 200,
    "content-type": "application/grpc+proto",
    ...trailersOf(status),
  };
  stream.respond(headers, { endStream: true });
  stream.resume();
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
