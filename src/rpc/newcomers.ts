import type { Server, Socket } from "node:net";

/** So long a client may take to come to terms about TLS. */
export const handshakeMs = 20_000;

/**
 * Connections on which nothing was asked yet, those that have not come to terms about TLS among them. A
 * server of Node's does not end them when it stops, and would wait for them.
 */
export class Newcomers {
  /** By the other end's address: with TLS another socket is told of later. */
  readonly #byEnd = new Map<string, Socket>();
  readonly #known = new WeakSet<Socket>();

  constructor(server: Server) {
    server.on("connection", (socket: Socket) => {
      const end = otherEnd(socket);
      this.#byEnd.set(end, socket);
      socket.once("close", () => {
        if (this.#byEnd.get(end) === socket) this.#byEnd.delete(end);
      });
    });
  }

  /** Something was asked on it. */
  asks(socket: Socket): void {
    if (this.#known.has(socket)) return;
    this.#known.add(socket);
    this.#byEnd.delete(otherEnd(socket));
  }

  /** Their clients go elsewhere. */
  end(): void {
    for (const socket of this.#byEnd.values()) socket.destroy();
  }
}

/** Those of a TLS server that have not come to terms yet, for one that knows of all others itself. */
export function newcomersOf(server: Server): Newcomers {
  const newcomers = new Newcomers(server);
  server.on("secureConnection", (socket: Socket) => newcomers.asks(socket));
  return newcomers;
}

function otherEnd({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`;
}
