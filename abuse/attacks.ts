import { connect, type ClientHttp2Session, type ClientHttp2Stream } from "node:http2";
import { connect as connectSocket, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { create, toBinary } from "@bufbuild/protobuf";
import { StreamCheckRequestSchema } from "../src/gen/prokura/v1/authorization_pb.ts";
import type { Victim } from "./server.ts";
import type { Tally } from "./tally.ts";
import { fuzzedTenant, knownItems, knownTenant } from "./world.ts";

/** What an attack may take of the server's memory, in MiB, for each thing that it holds open. */
interface Bound {
  readonly count: number;
  readonly kibEach: number;
}

/** Every way of holding the server up that is not simply asking too much. Each lasts about `holdMs`. */
export async function attack(
  victim: Victim,
  tally: Tally,
  options: { readonly idle: number; readonly holdMs: number; readonly say: (line: string) => void },
): Promise<void> {
  const { idle, holdMs, say } = options;
  const attacks: readonly (readonly [name: string, bound: Bound, run: () => Promise<Held>])[] = [
    ["idle connections", { count: idle, kibEach: 96 }, () => idleConnections(victim, idle)],
    ["dribbled headers", { count: 200, kibEach: 512 }, () => dribbledHeaders(victim, 200)],
    ["calls without a message", { count: 500, kibEach: 256 }, () => halfCalls(victim, 500)],
    ["streams without a message", { count: 500, kibEach: 256 }, () => halfStreams(victim, 500)],
    ["answers that nobody reads", { count: 8, kibEach: 16_384 }, () => unreadAnswers(victim, 8)],
    ["frames that say four gigabytes", { count: 100, kibEach: 512 }, () => hugeFrames(victim, 100)],
    ["headers without end", { count: 50, kibEach: 1_024 }, () => headerBombs(victim, 50)],
    ["models that explode", { count: 4, kibEach: 32_768 }, () => explodingModels(victim, tally)],
  ];
  for (const [name, { count, kibEach }, run] of attacks) {
    const beforeMiB = await victim.memoryMiB();
    const held = await run();
    const endMs = performance.now() + holdMs;
    do {
      if (!(await victim.askKnown(tally, false))) tally.isWrong(`${name}: known questions failed`);
      await sleep(50);
    } while (performance.now() < endMs);
    const afterMiB = await victim.memoryMiB();
    held.release();
    tally.inputs += held.opened;
    const grownMiB = afterMiB - beforeMiB;
    const boundMiB = 64 + (count * kibEach) / 1024;
    if (grownMiB > boundMiB) {
      tally.isWrong(`${name}: ${grownMiB.toFixed(0)} MiB held, at most ${boundMiB.toFixed(0)}`);
    }
    say(`${name}: ${held.opened} of ${count}, ${grownMiB.toFixed(0)} MiB more`);
  }
}

interface Held {
  readonly opened: number;
  release(): void;
}

async function idleConnections(victim: Victim, count: number): Promise<Held> {
  const sockets: Socket[] = [];
  const { httpUrl, grpcAddress } = victim.process;
  for (let made = 0; made < count; made += 100) {
    const some = Array.from({ length: Math.min(100, count - made) }, (_, index) =>
      openSocket(index % 2 === 0 ? grpcAddress : new URL(httpUrl).host),
    );
    sockets.push(...(await Promise.all(some)).filter((socket) => socket !== undefined));
  }
  // Half of them say that they speak HTTP/2, and nothing more.
  for (const [index, socket] of sockets.entries()) if (index % 4 === 0) socket.write(hello);
  return heldSockets(sockets);
}

const hello = Buffer.concat([
  Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
  Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]),
]);

async function dribbledHeaders(victim: Victim, count: number): Promise<Held> {
  const { host } = new URL(victim.process.httpUrl);
  const opened = await Promise.all(Array.from({ length: count }, () => openSocket(host)));
  const sockets = opened.filter((socket) => socket !== undefined);
  for (const socket of sockets)
    socket.write("POST /prokura.v1.AuthorizationService/Check HTTP/1.1\r\n");
  const dribble = setInterval(() => {
    for (const socket of sockets) if (socket.writable) socket.write("a: b\r\n");
  }, 100);
  const held = heldSockets(sockets);
  return {
    opened: held.opened,
    release: () => {
      clearInterval(dribble);
      held.release();
    },
  };
}

async function halfCalls(victim: Victim, count: number): Promise<Held> {
  const session = openSession(victim);
  for (let made = 0; made < count; made += 1) openCall(session, "Check").write(Buffer.alloc(3));
  return heldSessions([session], count);
}

async function halfStreams(victim: Victim, count: number): Promise<Held> {
  const session = openSession(victim);
  for (let made = 0; made < count; made += 1) openCall(session, "StreamCheck");
  return heldSessions([session], count);
}

/** Asks on streams as fast as it may, and never reads. */
async function unreadAnswers(victim: Victim, count: number): Promise<Held> {
  const items = knownItems(100);
  const request = create(StreamCheckRequestSchema, { tenant: knownTenant, items });
  const framed = frame(Buffer.from(toBinary(StreamCheckRequestSchema, request)));
  const sessions = Array.from({ length: count }, () => {
    const session = openSession(victim);
    const stream = openCall(session, "StreamCheck");
    stream.pause();
    let written = 0;
    // As far as flow control lets it, and then some: what waits here is the attacker's own memory.
    while (written < 200) {
      stream.write(framed);
      written += 1;
    }
    return session;
  });
  return heldSessions(sessions, count);
}

async function hugeFrames(victim: Victim, count: number): Promise<Held> {
  const session = openSession(victim);
  const head = Buffer.from([0, 255, 255, 255, 255]);
  for (let made = 0; made < count; made += 1) {
    const stream = openCall(session, "Check");
    stream.write(head);
    stream.write(Buffer.alloc(4_096));
  }
  return heldSessions([session], count);
}

async function headerBombs(victim: Victim, count: number): Promise<Held> {
  const { host } = new URL(victim.process.httpUrl);
  const sessions = Array.from({ length: count }, () => {
    const session = openSession(victim);
    const many = Object.fromEntries(
      Array.from({ length: 500 }, (_, index) => [`x-${index}`, "y".repeat(100)]),
    );
    openCall(session, "Check", many);
    return session;
  });
  const opened = await Promise.all(Array.from({ length: count }, () => openSocket(host)));
  for (const socket of opened) {
    socket?.write(`GET /healthz HTTP/1.1\r\nx: ${"y".repeat(1_000_000)}\r\n`);
  }
  const held = heldSessions(sessions, count);
  return {
    opened: count,
    release: () => {
      held.release();
      for (const socket of opened) socket?.destroy();
    },
  };
}

/** Small texts that would take long to read, or to evaluate. Each must be refused. */
async function explodingModels(victim: Victim, tally: Tally): Promise<Held> {
  const head = "model\n  schema 1.1\ntype user\ntype a\n  relations\n";
  const nested = (depth: number) => `${"(".repeat(depth)}[user]${" or [user])".repeat(depth)}`;
  const all = "xs.all(x, xs.all(y, xs.all(z, xs.all(w, x == w))))";
  const texts: Readonly<Record<string, string>> = {
    "nested too deep": `${head}    define r: ${nested(2_000)}\n`,
    "too long": `${head}${"#".repeat(300_000)}\n`,
    "comprehensions in one another": `${head}    define r: [user with c]\ncondition c(xs: list<string>) {\n  ${all}\n}\n`,
    "an expression too deep": `${head}    define r: [user with c]\ncondition c(x: int) {\n  ${"(".repeat(5_000)}x${")".repeat(5_000)} == 1\n}\n`,
  };
  for (const [what, text] of Object.entries(texts)) {
    try {
      const source = { case: "text" as const, value: text };
      await victim.client.model.writeModel({ tenant: fuzzedTenant, source, keepInactive: true });
      tally.isWrong(`a model ${what} was taken`);
    } catch (error) {
      const code = error instanceof Error && "code" in error ? String(error.code) : "none";
      if (!["model_rejected", "limit_exceeded", "malformed"].includes(code)) {
        tally.isWrong(`a model ${what}: ${String(error)}`);
      }
    }
  }
  return { opened: Object.keys(texts).length, release: () => undefined };
}

function openSession(victim: Victim): ClientHttp2Session {
  const session = connect(`http://${victim.process.grpcAddress}`, {
    maxSendHeaderBlockLength: 1e6,
  });
  session.on("error", () => {});
  return session;
}

function openCall(
  session: ClientHttp2Session,
  method: string,
  more: Readonly<Record<string, string>> = {},
): ClientHttp2Stream {
  const stream = session.request({
    ":method": "POST",
    ":path": `/prokura.v1.AuthorizationService/${method}`,
    "content-type": "application/grpc",
    te: "trailers",
    ...more,
  });
  stream.on("error", () => {});
  return stream;
}

function frame(payload: Buffer): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(payload.length, 1);
  return Buffer.concat([head, payload]);
}

/** `undefined` where it is refused. */
async function openSocket(address: string): Promise<Socket | undefined> {
  const [host = "", port = ""] = address.split(":");
  const socket = connectSocket(Number(port), host);
  socket.on("error", () => {});
  return await new Promise((resolve) => {
    socket.once("connect", () => resolve(socket));
    socket.once("error", () => resolve(undefined));
  });
}

function heldSockets(sockets: readonly Socket[]): Held {
  return {
    opened: sockets.length,
    release: () => {
      for (const socket of sockets) socket.destroy();
    },
  };
}

function heldSessions(sessions: readonly ClientHttp2Session[], opened: number): Held {
  return {
    opened,
    release: () => {
      for (const session of sessions) session.destroy();
    },
  };
}
