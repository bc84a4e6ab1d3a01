import { connect, constants, type ClientHttp2Session, type IncomingHttpHeaders } from "node:http2";
import { connect as connectSocket } from "node:net";
import { toBinary, type DescMethod } from "@bufbuild/protobuf";
import { AuthorizationService } from "../src/gen/prokura/v1/authorization_pb.ts";
import { randomMessage } from "./grammar.ts";
import { methods } from "./methods.ts";
import { damaged } from "./mutate.ts";
import type { Random } from "./random.ts";
import type { Tally } from "./tally.ts";

const inFlight = 64;
/** After so many the connection is a new one: the old may be closed by what it was sent. */
const perSession = 2_000;
const patienceMs = 20_000;
const streamed = 60;

/** Sends calls to the gRPC port until there are enough or it is told to stop. */
export async function fuzzGrpc(
  address: string,
  random: Random,
  tally: Tally,
  isEnough: () => boolean,
): Promise<void> {
  while (!isEnough()) {
    const session = connect(`http://${address}`);
    session.on("error", () => {});
    let sent = 0;
    const worker = async (): Promise<void> => {
      while (!isEnough() && sent < perSession && !session.closed && !session.destroyed) {
        sent += 1;
        if (random.chance(0.01)) await sendGarbage(address, random, tally);
        else await sendCall(session, random, tally);
      }
    };
    await Promise.all(Array.from({ length: inFlight }, worker));
    session.destroy();
  }
}

async function sendCall(session: ClientHttp2Session, random: Random, tally: Tally): Promise<void> {
  const method = methods.pick(random);
  const { input } = method;
  // A check stream takes many messages: each that can be decoded is answered.
  const isMany = method === AuthorizationService.method.streamCheck;
  const payloads = Array.from({ length: isMany ? 1 + random.below(streamed) : 1 }, () => {
    const good = Buffer.from(toBinary(input, randomMessage(random, input)));
    const other = Buffer.from(toBinary(input, randomMessage(random, input)));
    return random.chance(isMany ? 0.95 : 0.4) ? good : damaged(random, good, other);
  });
  const framed = Buffer.concat(payloads.map((payload) => frame(random, payload)));
  tally.inputs += payloads.length;
  const stream = session.request(headersOf(random, method));
  const { promise, resolve } = Promise.withResolvers<void>();
  let status: string | undefined;
  const read = (headers: IncomingHttpHeaders): void => {
    const code = headers["grpc-status"];
    if (code !== undefined) status = String(code);
    else if (headers[":status"] !== undefined && Number(headers[":status"]) !== 200) {
      status = `http ${Number(headers[":status"])}`;
    }
    if (headers["prokura-code"] === "internal") {
      tally.isWrong(`${method.name} with ${framed.toString("hex").slice(0, 400)}: a bug`);
    }
  };
  const patience = setTimeout(() => {
    if (method.methodKind === "unary") tally.isWrong(`${method.name}: no answer`);
    stream.close(constants.NGHTTP2_CANCEL);
  }, patienceMs);
  stream.on("response", read);
  stream.on("trailers", read);
  stream.on("data", (chunk: Buffer) => {
    if (isMany && chunk.includes("internal error")) tally.isWrong(`StreamCheck: a bug`);
    // Another stream that answers need not go on.
    if (method.methodKind !== "unary" && !isMany) stream.close(constants.NGHTTP2_CANCEL);
  });
  stream.on("error", () => {});
  stream.on("close", () => {
    clearTimeout(patience);
    if (status === undefined) tally.unanswered += 1;
    else tally.answered(status);
    resolve();
  });
  stream.end(framed);
  await promise;
}

function headersOf(random: Random, method: DescMethod): Record<string, string> {
  const headers: Record<string, string> = {
    ":method": "POST",
    ":path": `/${method.parent.typeName}/${method.name}`,
    "content-type": "application/grpc",
    te: "trailers",
  };
  if (random.chance(0.03))
    headers["grpc-timeout"] = random.pick(["1n", "0S", "99999999H", "x", ""]);
  if (random.chance(0.02)) headers["grpc-encoding"] = random.pick(["gzip", "deflate", "br", "x"]);
  if (random.chance(0.02))
    headers[":path"] = random.pick(["/", "/a/b", "/grpc.health.v1.Health/Check"]);
  if (random.chance(0.01))
    headers["content-type"] = random.pick(["text/plain", "application/grpc+json"]);
  if (random.chance(0.02)) {
    headers["authorization"] = random.pick([
      "Bearer",
      "Bearer x.y.z",
      "prokura_k_",
      "Bearer prokura_kx_y",
    ]);
  }
  return headers;
}

/** A message in its frame of five bytes, now and then in a wrong one. */
function frame(random: Random, payload: Buffer): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(payload.length, 1);
  if (random.chance(0.02)) head[0] = random.pick([1, 2, 255]);
  if (random.chance(0.02))
    head.writeUInt32BE(random.pick([0, 1, 2 ** 32 - 1, payload.length + 1]), 1);
  return random.chance(0.01)
    ? Buffer.concat([head, payload, head, payload])
    : Buffer.concat([head, payload]);
}

const preface = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");

/** What is not even HTTP/2, or only its beginning. The server may answer as it likes, and must go on. */
export async function sendGarbage(address: string, random: Random, tally: Tally): Promise<void> {
  const [host = "", port = ""] = address.split(":");
  tally.inputs += 1;
  const settings = Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]);
  const frameHead = Buffer.concat([Buffer.from([0, 0, random.below(64)]), random.bytes(6)]);
  const bytes = random.pick([
    random.bytes(random.below(500)),
    Buffer.concat([preface, random.bytes(random.below(500))]),
    Buffer.concat([preface, settings, frameHead, random.bytes(64)]),
    Buffer.from(`GET /${random.bytes(20).toString("hex")} HTTP/1.1\r\n\r\n`),
  ]);
  const socket = connectSocket(Number(port), host);
  const { promise, resolve } = Promise.withResolvers<void>();
  socket.on("error", () => {});
  socket.on("close", () => resolve());
  socket.on("data", () => {});
  socket.end(bytes);
  const patience = setTimeout(() => socket.destroy(), 500);
  await promise;
  clearTimeout(patience);
  tally.answered("garbage");
}
