import assert from "node:assert/strict";
import { after, before, suite, test } from "node:test";
import {
  grant,
  mailWorld,
  options,
  prepareWorld,
  requestContext,
} from "../support/service-node.ts";
import { startGuarded, type GuardedServer } from "./callers.ts";

suite("a caller that may break the glass", () => {
  let server: GuardedServer;
  before(async () => {
    server = await startGuarded({});
    await prepareWorld(server.node, mailWorld);
    await grant(server.node, {});
  });
  after(() => server[Symbol.asyncDispose]());

  test("does what nobody permits it, and every kind of use is heard and written down", async () => {
    const { keyId, secret } = await keyOf("break_glass");
    using client = server.client(secret);
    const before = await revisionOf("default");
    await client.delegation.suspend({ target: { type: "agent", id: "bot" } });
    await client.tuple.readTuples({});
    await client.tuple.readTuples({});
    assert.deepEqual(
      server.node.broken.map(({ caller, permission, tenant }) => [caller.id, permission, tenant]),
      [
        [`key:${keyId}`, "operator", "default"],
        [`key:${keyId}`, "reader", "default"],
      ],
    );
    const { changes = [] } = await server.node.storage.tuples.readChanges("default", before);
    assert.deepEqual(
      changes.map(({ operation, callerId, reason }) => [operation, callerId, reason]),
      [
        ["break_glass", `key:${keyId}`, "acts as operator"],
        ["suspend", `key:${keyId}`, ""],
        ["break_glass", `key:${keyId}`, "acts as reader"],
      ],
    );
  });

  test("does so in its own tenant only", async () => {
    using client = server.client((await keyOf("break_glass")).secret);
    const heard = server.node.broken.length;
    const refused = { code: "caller_not_permitted" };
    await assert.rejects(client.tuple.readTuples({ tenant: "system" }), refused);
    await assert.rejects(client.admin.createTenant({ tenant: "acme" }), refused);
    assert.equal(server.node.broken.length, heard);
  });

  test("an administrator breaks nothing", async () => {
    const heard = server.node.broken.length;
    using client = server.client((await keyOf("admin")).secret);
    await client.tuple.readTuples({});
    assert.equal(server.node.broken.length, heard);
  });

  test("is refused where its use cannot be written down", async () => {
    using client = server.client((await keyOf("break_glass", "system")).secret);
    await assert.rejects(client.tuple.readTuples({ tenant: "none" }), { code: "tenant_not_found" });
  });

  async function keyOf(
    permission: "admin" | "break_glass",
    tenant = "default",
  ): Promise<{ readonly keyId: string; readonly secret: string }> {
    const request = { name: "a test's", permissions: [permission] };
    const context = requestContext(tenant);
    const { key, secret } = await server.node.services.keys.create(context, request, options);
    return { keyId: key.id, secret };
  }

  async function revisionOf(tenant: string) {
    return (await server.node.storage.tenants.head(tenant)).revision;
  }
});
