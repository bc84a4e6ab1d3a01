import { createServer, type Server, type Socket } from "node:net";
import { createServer as createTlsServer } from "node:tls";
import type { Listener, Serving } from "../grpc-server.ts";
import { listen } from "../listen.ts";
import { handshakeMs, newcomersOf } from "../newcomers.ts";
import { peerOf } from "../peer.ts";
import { isGrpc, serveCall } from "../serve-call.ts";
import { secureOptions, type TlsSource } from "../tls.ts";
import { grpcService, type GrpcService } from "../grpc-service.ts";
import { H2Connection } from "./h2-connection.ts";

const keepaliveMs = 60_000;
const keepaliveTimeoutMs = 20_000;

/**
 * gRPC on HTTP/2 of our own, over bare sockets: what a call costs beside its decision is a tenth of
 * what it is on `node:http2`. Fails with `not_supported` where it cannot listen.
 */
export async function listenH2(
  serving: Serving,
  address: { readonly host: string; readonly port: number },
): Promise<Listener> {
  const service = grpcService(serving);
  const open = new Map<H2Connection, Socket>();
  // Those that have not said a word of HTTP/2 yet, too.
  const sockets = new Set<Socket>();
  const server = createListener(serving.tls, (socket) => connect(serving, service, open, socket));
  const newcomers = serving.tls === undefined ? undefined : newcomersOf(server);
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
  });
  const port = await listen(server, address, "--grpc-listen");
  return { port, refreshHealth: () => service.refreshHealth(), close };

  async function close(graceMs: number): Promise<void> {
    service.stop();
    await new Promise<void>((resolve) => {
      const cut = setTimeout(() => {
        for (const socket of sockets) socket.destroy();
      }, graceMs);
      server.close(() => {
        clearTimeout(cut);
        resolve();
      });
      newcomers?.end();
      for (const connection of open.keys()) connection.shutDown();
    });
  }
}

function createListener(tls: TlsSource | undefined, connected: (socket: Socket) => void): Server {
  if (tls === undefined) return createServer({ noDelay: true }, connected);
  const options = {
    ...secureOptions(tls),
    ALPNProtocols: ["h2"],
    handshakeTimeout: handshakeMs,
  };
  const server = createTlsServer(options, (socket) => {
    socket.setNoDelay(true);
    if (socket.alpnProtocol === "h2") connected(socket);
    else socket.destroy();
  });
  server.on("tlsClientError", (_error, socket) => socket.destroy());
  tls.follow((material) => server.setSecureContext(material));
  return server;
}

function connect(
  serving: Serving,
  { transport, callLimits }: GrpcService,
  open: Map<H2Connection, Socket>,
  socket: Socket,
): void {
  const counts = serving.admission.connection();
  const peer = peerOf(socket);
  // A client that keeps to its limit never meets this one, which bounds what is kept per connection.
  const limits = { streamsMax: 2 * serving.limits.inFlightPerConnectionMax };
  let watch: NodeJS.Timeout | undefined = undefined;
  const connection = new H2Connection(socket, limits, {
    call: (stream, head) => {
      if (isGrpc(head)) serveCall(transport, callLimits, counts, peer, stream, head);
      else connection.refuse(stream);
    },
    closed: () => {
      clearInterval(watch);
      open.delete(connection);
    },
  });
  open.set(connection, socket);
  watch = setInterval(keepWatch(connection), keepaliveTimeoutMs);
  watch.unref();
}

/** Ends a connection that begins something and does not end it, or whose other end no longer answers. */
function keepWatch(connection: H2Connection): () => void {
  let turns = 0;
  let isAsked = false;
  return () => {
    if (!connection.isBegun || isAsked) {
      connection.destroy();
      return;
    }
    turns += 1;
    if ((turns * keepaliveTimeoutMs) % keepaliveMs !== 0) return;
    isAsked = true;
    connection.ping(() => (isAsked = false));
  };
}
