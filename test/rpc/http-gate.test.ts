import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { suite, test } from "node:test";
import { gzipSync } from "node:zlib";
import { DomainError } from "../../src/core/error.ts";
import { allowed } from "./decisions.ts";
import { refusingUseCases } from "./refusing-use-cases.ts";
import { serve, type TestServer } from "./serving.ts";

const service = "/prokura.v1.AuthorizationService";
const good = { authorization: "Bearer good" };
const check = JSON.stringify({
  principal: { type: "user", id: "alice" },
  actors: [{ type: "agent", id: "mailbot" }],
  tool: { type: "tool", id: "gmail/send" },
});

/** Bodies that do not come, of which the router of Connect would read all it gets. */
const bodies: readonly (readonly [what: string, method: string, type: string, more: string])[] = [
  ["a compressed body", "Check", "application/json", "content-encoding: gzip\r\n"],
  ["a body of gRPC-Web", "Check", "application/grpc-web+proto", ""],
  ["a stream of Connect", "WatchTools", "application/connect+json", ""],
];

suite("whoever shows no credential that is good, over HTTP", () => {
  for (const [what, method, type, more] of bodies) {
    test(`takes no place with ${what} that does not come`, async () => {
      await using server = await guarded();
      const slow = await Promise.all(
        Array.from({ length: 4 }, () =>
          begin(server, `POST ${service}/${method} HTTP/1.1\r\ncontent-type: ${type}\r\n${more}`),
        ),
      );
      for (const socket of slow) assert.match(await answerOf(socket), /unauthenticated|status: 16/);
      assert.equal((await ask(server, good)).status, 200);
      for (const socket of slow) socket.destroy();
    });
  }

  test("a compressed body of a caller that is known is answered", async () => {
    await using server = await guarded();
    assert.equal((await ask(server, { ...good, "content-encoding": "gzip" })).status, 200);
    const refused = await ask(server, {
      authorization: "Bearer bad",
      "content-encoding": "gzip",
    });
    assert.equal(refused.status, 401);
    assert.equal(refused.headers.get("prokura-code"), "unauthenticated");
  });
});

async function guarded(): Promise<TestServer> {
  const { authorizer } = refusingUseCases({});
  const verifyCredential = (credential: string) => {
    if (credential !== "good") throw new DomainError("unauthenticated", "nobody");
    return { id: "key:k", proof: { kind: "key" as const, keyId: "k" } };
  };
  const useCases = { authorizer: { ...authorizer, check: () => allowed }, verifyCredential };
  return await serve(useCases, { inFlightMax: 2, inFlightPerConnectionMax: 2 });
}

async function ask(
  server: TestServer,
  headers: Readonly<Record<string, string>>,
): Promise<Response> {
  const body = "content-encoding" in headers ? gzipSync(check) : check;
  return await fetch(`${server.httpUrl}${service}/Check`, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body,
  });
}

/** A request whose body is announced, and not sent. */
async function begin(server: TestServer, head: string): Promise<Socket> {
  const socket = connect(server.rpc.httpPort, "127.0.0.1");
  await once(socket, "connect");
  const shown = "authorization: Bearer bad\r\ncontent-length: 100000\r\n";
  socket.write(`${head}host: x\r\n${shown}\r\nx`);
  return socket;
}

async function answerOf(socket: Socket): Promise<string> {
  let text = "";
  socket.on("error", () => {}); // The server may cut it.
  const { promise, resolve } = Promise.withResolvers<string>();
  socket.on("data", (bytes) => {
    text += String(bytes);
    if (/unauthenticated|status: 16/.test(text)) resolve(text);
  });
  socket.on("close", () => resolve(text));
  return await promise;
}
