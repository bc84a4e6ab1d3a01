import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from "node:http";
import { createServer as createTlsServer } from "node:https";
import { Code, createContextValues } from "@connectrpc/connect";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import { DomainError } from "../core/error.ts";
import type { Admission, Ticket } from "./admission.ts";
import { UnaryRoutes } from "./connect-unary.ts";
import { ConnectTransport, peerKey } from "./connect.ts";
import type { Listener, Serving } from "./grpc-server.ts";
import { sendPage, type HttpPages } from "./http-pages.ts";
import { peerOf } from "./peer.ts";
import { secureOptions, type TlsSource } from "./tls.ts";
import { answerUnary, bodyFormatOf, sendError } from "./http-unary.ts";
import { listen } from "./listen.ts";

/** Serves Connect, gRPC-Web, metrics and health. Fails with `not_supported` where it cannot listen. */
export async function listenHttp(
  serving: Serving,
  pages: Pick<HttpPages, "metrics">,
  address: { readonly host: string; readonly port: number },
): Promise<Listener> {
  const stopping = new AbortController();
  const routes = new UnaryRoutes();
  for (const handlers of serving.handlers) handlers(routes);
  const router = streamRouter(serving, stopping.signal);
  let serves = false;
  const allPages: HttpPages = { ...pages, serves: () => serves };
  const server = createListener(serving.tls);
  server.on("request", (request, response) => {
    // An answer is true of its moment only.
    response.setHeader("cache-control", "no-store");
    const path = (request.url ?? "").split("?", 1)[0] ?? "";
    if (request.method === "POST") {
      answerPost(serving, routes, router, path, request, response);
    } else if (request.method === "GET" || request.method === "HEAD") {
      void sendPage(allPages, path, request, response, serving.reportBug);
    } else {
      const error = new DomainError("not_supported", "only POST, and GET for health and metrics");
      sendError(response, error, serving.reportBug, 405);
    }
  });
  const port = await listen(server, address, "--http-listen");
  return {
    port,
    setServing: (state) => void (serves = state),
    close: async (graceMs) => {
      stopping.abort(new DomainError("not_serving", "the server is stopping, try another"));
      await closeServer(server, graceMs);
    },
  };
}

/** Connect's own router: streams, gRPC-Web, compressed bodies, and paths that nobody serves. */
function streamRouter(serving: Serving, stopping: AbortSignal): RequestListener {
  const { authenticate, reportBug, limits, handlers } = serving;
  return connectNodeAdapter({
    readMaxBytes: limits.messageBytesMax,
    writeMaxBytes: 4 * limits.messageBytesMax,
    jsonOptions: { ignoreUnknownFields: false },
    shutdownSignal: stopping,
    contextValues: ({ socket }) => createContextValues().set(peerKey, peerOf(socket)),
    routes: (router) => {
      const transport = new ConnectTransport(router, authenticate, reportBug, stopping);
      for (const one of handlers) one(transport);
    },
  });
}

function answerPost(
  serving: Serving,
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
    // The path becomes the label of a metric: one that nobody serves must not.
    const method = known === undefined ? "other" : path;
    ticket = enter(serving.admission, method, known === undefined, request);
  } catch (error) {
    sendError(response, error, serving.reportBug);
    return;
  }
  let status: Code | "ok" = Code.Canceled;
  response.once("close", () => ticket.leave(status));
  if (known === undefined || format === undefined) {
    // Its status stands in the stream; here it is seen only whether the answer went out whole.
    response.once("finish", () => (status = "ok"));
    router(request, response);
    return;
  }
  void answerUnary(serving, request, response, known, format).then((sent) => (status = sent));
}

function enter(
  admission: Admission,
  method: string,
  streaming: boolean,
  { socket }: IncomingMessage,
): Ticket {
  return admission.enter(method, `${socket.remoteAddress}:${socket.remotePort}`, streaming);
}

const timeouts = { requestTimeout: 60_000, headersTimeout: 20_000 };

function createListener(tls: TlsSource | undefined): Server {
  if (tls === undefined) return createServer(timeouts);
  const server = createTlsServer({ ...timeouts, ...secureOptions(tls) });
  tls.follow((material) => server.setSecureContext(material));
  return server;
}

async function closeServer(server: Server, graceMs: number): Promise<void> {
  await new Promise<void>((resolve) => {
    const cut = setTimeout(() => server.closeAllConnections(), graceMs);
    server.close(() => {
      clearTimeout(cut);
      resolve();
    });
  });
}
