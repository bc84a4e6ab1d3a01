import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createConnection, createServer, type Socket } from "node:net";
import { join } from "node:path";

/** What happens to bytes on their way. `hold` keeps them, in order, until the way is open again. */
export type Way = "open" | "hold";

/** Between one node and PostgreSQL: a folder with a socket, to be named in place of the real one. */
export interface Proxy extends AsyncDisposable {
  readonly folder: string;
  /** Where PostgreSQL's socket is. New connections go there, those that stand stay where they are. */
  databaseFolder: string;
  /** What the node asks, and what it is told. */
  requests: Way;
  replies: Way;
  delayMs: number;
  /** New connections are refused while false. */
  accepts: boolean;
  /** Ends what is connected; with `late`, what was held back still arrives at PostgreSQL. */
  cut(late?: boolean): void;
  /** Ends the connections that listen for hints, and no other. */
  cutListeners(): void;
  /** Lets go what was held. */
  release(): void;
}

interface Pair {
  readonly node: Socket;
  readonly database: Socket;
  listens: boolean;
  /** Bytes that were held back, by direction. */
  readonly held: { readonly requests: Buffer[]; readonly replies: Buffer[] };
}

export const socketName = ".s.PGSQL.5432";

/** Its own folder is made in `within`. */
export async function startProxy(databaseFolder: string, within: string): Promise<Proxy> {
  const folder = await mkdtemp(join(within, "proxy-"));
  const pairs = new Set<Pair>();
  const server = createServer(accept);
  server.listen(join(folder, socketName));
  await once(server, "listening");
  const proxy = makeProxy();
  return proxy;

  function makeProxy(): Proxy {
    return {
      folder,
      databaseFolder,
      requests: "open",
      replies: "open",
      delayMs: 0,
      accepts: true,
      cut: (late = false) => {
        for (const pair of pairs) end(pair, late);
      },
      cutListeners: () => {
        for (const pair of pairs) if (pair.listens) end(pair, false);
      },
      release: () => {
        for (const { node, database, held } of pairs) {
          for (const bytes of held.requests.splice(0)) database.write(bytes);
          for (const bytes of held.replies.splice(0)) node.write(bytes);
        }
      },
      [Symbol.asyncDispose]: async () => {
        for (const pair of pairs) end(pair, false);
        server.close();
        await rm(folder, { recursive: true, force: true });
      },
    };
  }

  function accept(node: Socket): void {
    if (!proxy.accepts) {
      node.destroy();
      return;
    }
    const database = createConnection(join(proxy.databaseFolder, socketName));
    const pair: Pair = { node, database, listens: false, held: { requests: [], replies: [] } };
    pairs.add(pair);
    node.on("data", (bytes) => {
      if (bytes.includes("listen prokura_head")) pair.listens = true;
      pass(proxy, bytes, proxy.requests, pair.held.requests, database);
    });
    database.on("data", (bytes) => pass(proxy, bytes, proxy.replies, pair.held.replies, node));
    for (const socket of [node, database]) {
      // The end follows.
      socket.on("error", () => {});
      socket.on("close", () => end(pair, false));
    }
  }

  function end(pair: Pair, late: boolean): void {
    if (!pairs.delete(pair)) return;
    pair.node.destroy();
    if (late) deliverLate(pair);
    else pair.database.destroy();
  }
}

function pass({ delayMs }: Proxy, bytes: Buffer, way: Way, held: Buffer[], to: Socket): void {
  // What comes later never overtakes what is held.
  if (way === "hold" || held.length > 0) held.push(bytes);
  else if (delayMs === 0) to.write(bytes);
  else setTimeout(() => to.write(bytes), delayMs);
}

/** By then the node has other connections: PostgreSQL carries out what nobody waits for. */
function deliverLate({ database, held }: Pair): void {
  setTimeout(() => {
    for (const bytes of held.requests) database.write(bytes);
    setTimeout(() => database.destroy(), 200);
  }, 500);
}
