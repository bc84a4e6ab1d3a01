import assert from "node:assert/strict";
import { once } from "node:events";
import { request } from "node:http";
import { request as requestSecurely } from "node:https";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { suite, test } from "node:test";
import { fileURLToPath } from "node:url";
import { pino } from "pino";
import { preface } from "../../src/rpc/h2/frames.ts";
import {
  startServer,
  type GrpcServer,
  type RpcServer,
  type UseCases,
} from "../../src/rpc/server.ts";
import { openTls, type TlsSource } from "../../src/rpc/tls.ts";
import { allowed } from "./decisions.ts";
import { frame } from "./h2/frame-client.ts";
import { refusingUseCases } from "./refusing-use-cases.ts";
import { limits } from "./serving.ts";

const folder = fileURLToPath(new URL("certificates/", import.meta.url));
/** Far longer than a test may take. */
const graceMs = 600_000;

suite("a server that stops", () => {
  for (const grpcServer of ["own", "http2"] as const) {
    test(`waits for no client that has not come to terms about TLS, on ${grpcServer}`, async () => {
      using tls = await openCertificate();
      const rpc = await serving(grpcServer, tls);
      const [first, second] = await Promise.all([open(rpc.grpcPort), open(rpc.httpPort)]);
      // The beginning of a greeting.
      for (const socket of [first, second]) socket.write(Buffer.from([0x16, 3, 1, 2, 0, 1]));
      const closed = Promise.all([first, second].map(ended));
      await rpc.close(graceMs);
      await closed;
    });
  }

  for (const isSecure of [true, false]) {
    test(`answers what was asked before, over ${isSecure ? "HTTPS" : "HTTP"}`, async () => {
      const asked = Promise.withResolvers<void>();
      const held = Promise.withResolvers<typeof allowed>();
      const { authorizer } = refusingUseCases({});
      const check: typeof authorizer.check = () => {
        asked.resolve();
        return held.promise;
      };
      using tls = isSecure ? await openCertificate() : undefined;
      const rpc = await serving("own", tls, { authorizer: { ...authorizer, check } });
      const sent = (isSecure ? requestSecurely : request)({
        port: rpc.httpPort,
        host: "127.0.0.1",
        method: "POST",
        path: "/prokura.v1.AuthorizationService/Check",
        headers: { "content-type": "application/json", "content-length": body.length },
        rejectUnauthorized: false,
      });
      sent.end(body);
      await asked.promise;
      const closing = rpc.close(graceMs);
      held.resolve(allowed);
      const [response] = await once(sent, "response");
      response.resume();
      assert.equal(response.statusCode, 200);
      await closing;
    });
  }

  test("waits for no client that was told so and does not hang up", async () => {
    const rpc = await serving("own");
    const socket = await open(rpc.grpcPort, true);
    const greeted = once(socket, "data");
    socket.write(Buffer.concat([preface, frame(4, 0, 0)]));
    await greeted;
    await rpc.close(graceMs);
    socket.destroy();
  });

  test("waits for no connection on which nothing was asked", async () => {
    const rpc = await serving("own");
    const sockets = await Promise.all([open(rpc.grpcPort), open(rpc.httpPort)]);
    await rpc.close(graceMs);
    for (const socket of sockets) socket.destroy();
  });
});

const body = JSON.stringify({
  principal: { type: "user", id: "alice" },
  actors: [{ type: "agent", id: "mailbot" }],
  tool: { type: "tool", id: "gmail/send" },
});

async function openCertificate(): Promise<TlsSource> {
  const [certificate, key] = ["server.pem", "server.key"].map((name) => join(folder, name));
  return await openTls({ certificate: certificate ?? "", key: key ?? "" }, () => {});
}

async function serving(
  grpcServer: GrpcServer,
  tls?: TlsSource,
  useCases: Partial<UseCases> = {},
): Promise<RpcServer> {
  const listen = { host: "127.0.0.1", port: 0, proof: "loopback" } as const;
  return await startServer(
    refusingUseCases(useCases),
    { grpc: listen, http: listen, limits, grpcServer, ...(tls === undefined ? {} : { tls }) },
    {
      log: pino({ level: "silent" }),
      observer: { of: () => ({ started: () => {}, ended: () => {} }) },
      pages: { metrics: async () => ({ contentType: "", text: "" }), serves: () => true },
    },
  );
}

/** It may be reset before. */
async function ended(socket: Socket): Promise<void> {
  await new Promise<void>((resolve) => socket.once("close", () => resolve()));
}

/** `allowHalfOpen`: it does not hang up because the other end has. */
async function open(port: number, allowHalfOpen = false): Promise<Socket> {
  const socket = connect({ port, host: "127.0.0.1", allowHalfOpen });
  socket.on("error", () => {});
  socket.resume();
  await once(socket, "connect");
  return socket;
}
