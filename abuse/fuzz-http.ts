import { Agent, request, type IncomingMessage } from "node:http";
import { toBinary, toJsonString } from "@bufbuild/protobuf";
import { randomMessage } from "./grammar.ts";
import { methods } from "./methods.ts";
import { damaged, randomJson } from "./mutate.ts";
import { sendGarbage } from "./fuzz-grpc.ts";
import type { Random } from "./random.ts";
import type { Tally } from "./tally.ts";

const inFlight = 16;
const patienceMs = 20_000;

/** Sends Connect calls, in JSON and in protobuf, to the HTTP port. */
export async function fuzzHttp(
  url: string,
  random: Random,
  tally: Tally,
  isEnough: () => boolean,
): Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: inFlight });
  const worker = async (): Promise<void> => {
    while (!isEnough()) {
      if (random.chance(0.01)) await sendGarbage(new URL(url).host, random, tally);
      else await sendCall(url, agent, random, tally);
    }
  };
  await Promise.all(Array.from({ length: inFlight }, worker));
  agent.destroy();
}

async function sendCall(url: string, agent: Agent, random: Random, tally: Tally): Promise<void> {
  const method = methods.pick(random);
  const path = `/${method.parent.typeName}/${method.name}`;
  const { type, body } = bodyOf(random, method);
  tally.inputs += 1;
  const { promise, resolve } = Promise.withResolvers<void>();
  const sent = request(`${url}${path}`, {
    method: random.chance(0.01) ? random.pick(["PUT", "GET", "PATCH"]) : "POST",
    agent,
    headers: {
      "content-type": type,
      ...(random.chance(0.02) ? { "connect-timeout-ms": random.pick(["0", "x", "1"]) } : {}),
      ...(random.chance(0.02) ? { "content-encoding": random.pick(["gzip", "br"]) } : {}),
    },
  });
  const patience = setTimeout(() => {
    if (method.methodKind === "unary") tally.isWrong(`${path} over HTTP: no answer`);
    sent.destroy();
  }, patienceMs);
  sent.on("response", (response) => {
    void textOf(response).then((text) => {
      tally.answered(`http ${response.statusCode}`);
      // Said by Connect's own router, of a body that ends before its compression does.
      const isExplained = text.includes('"decompression failed"');
      if (text.includes('"internal"') && !isExplained) {
        tally.isWrong(`${path} with ${body.toString("latin1").slice(0, 400)}: ${text}`);
      }
    });
  });
  sent.on("error", () => {});
  sent.on("close", () => {
    clearTimeout(patience);
    resolve();
  });
  sent.end(body);
  await promise;
}

function bodyOf(
  random: Random,
  { input, methodKind }: ReturnType<typeof methods.pick>,
): { readonly type: string; readonly body: Buffer } {
  const prefix = methodKind === "unary" ? "application/" : "application/connect+";
  const message = randomMessage(random, input);
  if (random.chance(0.4)) {
    const good = Buffer.from(toBinary(input, message));
    const body = random.chance(0.4) ? good : damaged(random, good, random.bytes(8));
    return { type: `${prefix}proto`, body };
  }
  const good = jsonOf(input, message) ?? randomJson(random);
  const text = random.chance(0.3) ? randomJson(random) : good;
  const bytes = Buffer.from(text);
  const body = random.chance(0.5) ? bytes : damaged(random, bytes, Buffer.from(good));
  return { type: `${prefix}json`, body };
}

/** `undefined` for what protobuf can say and JSON cannot. */
function jsonOf(...[input, message]: Parameters<typeof toJsonString>): string | undefined {
  try {
    return toJsonString(input, message);
  } catch {
    return undefined;
  }
}

async function textOf(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  response.on("data", (chunk: Buffer) => {
    if (chunks.length < 16) chunks.push(chunk);
  });
  await new Promise((resolve) => response.once("close", resolve));
  return Buffer.concat(chunks).toString("utf8");
}
