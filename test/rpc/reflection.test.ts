import assert from "node:assert/strict";
import { once } from "node:events";
import { suite, test } from "node:test";
import { loadSync } from "@grpc/proto-loader";
import { protoPath } from "grpc-health-check";
import { allowed } from "./decisions.ts";
import { PlainClient } from "./plain-grpc.ts";
import { reflect } from "./reflected.ts";
import { refusingUseCases } from "./refusing-use-cases.ts";
import { serve } from "./serving.ts";

const ours = ["Admin", "Audit", "Authorization", "Delegation", "Model", "Tuple"].map(
  (name) => `prokura.v1.${name}Service`,
);

suite("server reflection", () => {
  test("lists every service, health among them", async () => {
    await using server = await serve({});
    const { services } = await reflect(server.grpcAddress);
    assert.deepEqual(services.toSorted(), ["grpc.health.v1.Health", ...ours]);
  });

  test("a client that knows no file calls a method", async () => {
    const { authorizer } = refusingUseCases({});
    await using server = await serve({ authorizer: { ...authorizer, check: () => allowed } });
    const { definition } = await reflect(server.grpcAddress);
    const name = "prokura.v1.AuthorizationService";
    using client = new PlainClient(definition, name, server.grpcAddress);
    const answer = await client.unary("Check", {
      principal: { type: "user", id: "alice" },
      actors: [{ type: "agent", id: "mailbot" }],
      tool: { type: "tool", id: "gmail/send" },
    });
    assert.equal(answer["verdict"], "VERDICT_ALLOWED");
  });

  test("every method that is described has a handler", async () => {
    await using server = await serve({});
    const { definition } = await reflect(server.grpcAddress);
    for (const name of ours) {
      const service = definition[name];
      assert(service !== undefined);
      using client = new PlainClient(definition, name, server.grpcAddress);
      for (const [method, facts] of Object.entries(service)) {
        if (typeof facts !== "object" || facts === null || !("requestStream" in facts)) continue;
        if (facts.requestStream === true || Reflect.get(facts, "responseStream") === true) continue;
        // What is answered with the code of ours reached a handler of ours.
        await assert.rejects(
          client.unary(method, {}),
          (error: { metadata: { get(key: string): unknown[] } }) => {
            assert.equal(error.metadata.get("prokura-code").length, 1, `${name}/${method}`);
            return true;
          },
        );
      }
    }
  });
});

suite("grpc.health.v1", () => {
  test("follows readiness, for the whole server and for each service", async () => {
    await using server = await serve({});
    const health = loadSync(protoPath, { enums: String });
    using client = new PlainClient(health, "grpc.health.v1.Health", server.grpcAddress);
    assert.deepEqual(await client.unary("Check", {}), { status: "NOT_SERVING" });
    const watch = client.serverStream("Watch", { service: ours[0] });
    const statuses: unknown[] = [];
    watch.on("data", ({ status }) => statuses.push(status));
    watch.on("error", () => {});
    await once(watch, "data");
    server.setServing(true);
    server.rpc.refreshHealth();
    await once(watch, "data");
    assert.deepEqual(statuses, ["NOT_SERVING", "SERVING"]);
    assert.deepEqual(await client.unary("Check", {}), { status: "SERVING" });
    watch.cancel();
  });
});
