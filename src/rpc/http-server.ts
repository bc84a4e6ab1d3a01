import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { Socket } from "node:net";
import { Code, createContextValues } from "@connectrpc/connect";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import { DomainError } from "../core/error.ts";
import type { Admission, ConnectionCounts, Gate, Ticket } from "./admission.ts";
import { UnaryRoutes } from "./connect-unary.ts";
import { ConnectCallers, ConnectTransport, peerKey } from "./connect.ts";
import type { Listener, Serving } from "./grpc-server.ts";
import { sendPage, type HttpPages } from "./http-pages.ts";
import { peerOf } from "./peer.ts";
import { secureOptions, type TlsSource } from "./tls.ts";
import { answerUnary, bodyFormatOf, noStore, sendError } from "./http-unary.ts";
import { listen } from "./listen.ts";
import { handshakeMs, Newcomers } from "./newcomers.ts";

/** Serves Connect, gRPC-Web, metrics and health. Fails with `not_supported` where it cannot listen. */
export async function listenHttp(
  serving: Serving,
  pages: HttpPages,
  address: { readonly host: string; readonly port: number },
): Promise<Listener> {
  const stopping = new AbortController();
  const routes = new UnaryRoutes();
  for (const handlers of serving.handlers) handlers(routes);
  const router = streamRouter(serving, stopping.signal);
  const server = createListener(serving.tls);
  const newcomers = new Newcomers(server);
  const entry = new HttpEntry(serving.admission);
  server.on("request", (request, response) => {
    newcomers.asks(request.socket);
    const path = (request.url ?? "").split("?", 1)[0] ?? "";
    if (request.method === "POST") {
      answerPost(serving, entry, routes, router, path, request, response);
    } else if (request.method === "GET" || request.method === "HEAD") {
      response.setHeaders(new Headers(noStore));
      void sendPage(pages, path, request, response, serving.reportBug);
    } else {
      const error = new DomainError("not_supported", "only POST, and GET for health and metrics");
      sendError(response, error, serving.reportBug, 405);
    }
  });
  const port = await listen(server, address, "--http-listen");
  return {
    port,
    // Nobody watches here.
    refreshHealth: () => {},
    close: async (graceMs) => {
      stopping.abort(new DomainError("not_serving", "the server is stopping, try another"));
      await closeServer(server, newcomers, graceMs);
    },
  };
}

/** Connect's own router: streams, gRPC-Web, compressed bodies, and paths that nobody serves. */
function streamRouter(serving: Serving, stopping: AbortSignal): RequestListener {
  const { authenticate, reportBug, limits, handlers } = serving;
  const credentials = new ConnectCallers(authenticate, reportBug);
  return connectNodeAdapter({
    // Before the body is read: whoever is nobody fills no memory, and holds no place.
    requestGate: (context) => credentials.admit(context),
    readMaxBytes: limits.messageBytesMax,
    writeMaxBytes: 4 * limits.messageBytesMax,
    jsonOptions: { ignoreUnknownFields: false },
    shutdownSignal: stopping,
    contextValues: ({ socket }) => createContextValues().set(peerKey, peerOf(socket)),
    routes: (router) => {
      const transport = new ConnectTransport(router, credentials, reportBug, stopping);
      for (const one of handlers) one(transport);
    },
  });
}

function answerPost(
  serving: Serving,
  entry: HttpEntry,
  routes: UnaryRoutes,
  router: RequestListener,
  path: string,
  request: IncomingMessage,
  response: ServerResponse,
): void {
  const known = routes.find(path);
  const format = bodyFormatOf(request);
  let ticket: Ticket;
  try {
    ticket = entry.enter(known === undefined ? undefined : path, request.socket);
  } catch (error) {
    sendError(response, error, serving.reportBug);
    return;
  }
  let status: Code | "ok" = Code.Canceled;
  response.once("close", () => ticket.leave(status));
  if (known === undefined || format === undefined) {
    // Its status stands in the stream; here it is seen only whether the answer went out whole.
    response.once("finish", () => (status = "ok"));
    response.setHeaders(new Headers(noStore));
    router(request, response);
    return;
  }
  answerUnary(serving, request, response, known, format, (sent) => (status = sent));
}

/** Lets requests in, by the socket that they came over. */
class HttpEntry {
  readonly #admission: Admission;
  readonly #gates = new Map<string, Gate>();
  /** The path becomes the label of a metric: one that nobody serves must not. */
  readonly #otherGate: Gate;
  readonly #connections = new WeakMap<Socket, ConnectionCounts>();

  constructor(admission: Admission) {
    this.#admission = admission;
    this.#otherGate = admission.gate("other", true);
  }

  /** `path`: of a unary method that is served. Fails with `limit_exceeded`. */
  enter(path: string | undefined, socket: Socket): Ticket {
    const connection = this.#connections.get(socket) ?? this.#admission.connection();
    this.#connections.set(socket, connection);
    return this.#gateOf(path).enter(connection);
  }

  #gateOf(path: string | undefined): Gate {
    if (path === undefined) return this.#otherGate;
    const gate = this.#gates.get(path) ?? this.#admission.gate(path, false);
    this.#gates.set(path, gate);
    return gate;
  }
}

const timeouts = { requestTimeout: 60_000, headersTimeout: 20_000 };

function createListener(tls: TlsSource | undefined): Server {
  if (tls === undefined) return createServer(timeouts);
  const server = createTlsServer({
    ...timeouts,
    ...secureOptions(tls),
    handshakeTimeout: handshakeMs,
  });
  tls.follow((material) => server.setSecureContext(material));
  return server;
}

const sweepMs = 50;

async function closeServer(server: Server, newcomers: Newcomers, graceMs: number): Promise<void> {
  await new Promise<void>((resolve) => {
    const cut = setTimeout(() => server.closeAllConnections(), graceMs);
    // One that was answered meanwhile would be kept for its next request.
    const sweep = setInterval(() => server.closeIdleConnections(), sweepMs);
    server.close(() => {
      clearTimeout(cut);
      clearInterval(sweep);
      resolve();
    });
    newcomers.end();
  });
}
