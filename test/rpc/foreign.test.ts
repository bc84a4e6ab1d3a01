import assert from "node:assert/strict";
import { once } from "node:events";
import { suite, test } from "node:test";
import { loadSync } from "@grpc/proto-loader";
import { protoPath } from "grpc-health-check";
import { changed, endHeaders, endStream, headers, type } from "./h2/calling.ts";
import { frame, FrameClient } from "./h2/frame-client.ts";
import { PlainClient } from "./plain-grpc.ts";
import { serve } from "./serving.ts";

const health = loadSync(protoPath, { enums: String });

suite("health and reflection", () => {
  for (const grpcServer of ["own", "http2"] as const) {
    test(`a watch of health ends when the server stops, which waits for it no longer, on ${grpcServer}`, async () => {
      const server = await serve({}, {}, grpcServer);
      using client = new PlainClient(health, "grpc.health.v1.Health", server.grpcAddress);
      const watch = client.serverStream("Watch", { service: "" });
      const failed = once(watch, "error");
      await once(watch, "data");
      // Far longer than the test may take.
      await server.rpc.close(600_000);
      const [error] = await failed;
      assert.equal(error.code, 14);
    });
  }

  for (const grpcServer of ["own", "http2", "grpc-js"] as const) {
    test(`health is what it is when it is asked for, and watches are told of changes only, on ${grpcServer}`, async () => {
      await using server = await serve({}, {}, grpcServer);
      using client = new PlainClient(health, "grpc.health.v1.Health", server.grpcAddress);
      const watch = client.serverStream("Watch", { service: "" });
      watch.on("error", () => {});
      const statuses: unknown[] = [];
      watch.on("data", ({ status }) => statuses.push(status));
      await once(watch, "data");
      server.setServing(true);
      assert.deepEqual(await client.unary("Check", {}), { status: "SERVING" });
      assert.equal((await fetch(`${server.httpUrl}/readyz`)).status, 200);
      for (let count = 0; count < 5; count += 1) server.rpc.refreshHealth();
      server.setServing(false);
      const told = once(watch, "data");
      server.rpc.refreshHealth();
      assert.equal((await fetch(`${server.httpUrl}/readyz`)).status, 503);
      await told;
      while (statuses.length < 3) await once(watch, "data");
      assert.deepEqual(statuses, ["NOT_SERVING", "SERVING", "NOT_SERVING"]);
      watch.cancel();
    });
  }

  test("a call without its message is told so, and is no bug", async () => {
    await using server = await serve({});
    using client = await FrameClient.open(server.rpc.grpcPort);
    const fields = changed(":path", "/grpc.health.v1.Health/Check");
    client.send(headers(1, fields), frame(type.data, endStream, 1, Buffer.from([0, 0, 0, 0, 1])));
    client.send(headers(3, fields, endHeaders | endStream));
    for (const id of [1, 3]) {
      const end = await client.until((one) => one.type === type.headers && one.streamId === id);
      assert.match(end?.payload.toString("latin1") ?? "", /grpc-status.{1,2}12/s);
    }
    assert.deepEqual(server.logged, []);
  });

  test("a call whose message does not come is ended", async (context) => {
    context.mock.timers.enable({ apis: ["setInterval"] });
    await using server = await serve({});
    using client = await FrameClient.open(server.rpc.grpcPort);
    client.send(headers(1, changed(":path", "/grpc.health.v1.Health/Check")));
    client.send(headers(3, changed(":path", "/grpc.health.v1.Health/Watch")));
    client.send(frame(type.ping, 0, 0, Buffer.alloc(8)));
    await client.until((one) => one.type === type.ping);
    context.mock.timers.tick(20_000);
    // The connection's own watch looks as often: it was greeted, and is asked.
    context.mock.timers.tick(20_000);
    for (const id of [1, 3]) {
      const end = await client.until((one) => one.type === type.headers && one.streamId === id);
      assert.match(end?.payload.toString("latin1") ?? "", /grpc-status.{1,2}4/s);
    }
  });
});
