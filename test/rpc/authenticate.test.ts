import assert from "node:assert/strict";
import { after, before, suite, test } from "node:test";
import { ApiError } from "../../src/client/api-error.ts";
import type { Client } from "../../src/client/client.ts";
import { parseTupleText } from "../../src/core/tuple.ts";
import type { GrantedPermission } from "../../src/service/api-keys.ts";
import { issuerName, startIssuer, type TestIssuer } from "../identity/issuing.ts";
import {
  grant,
  mailWorld,
  options,
  pair,
  prepareWorld,
  requestContext,
  touch,
} from "../support/service-node.ts";
import { startGuarded, type GuardedServer } from "./callers.ts";

const call = {
  principal: { type: "user", id: "alice" },
  actors: [{ type: "agent", id: "bot" }],
  tool: { type: "tool", id: "send" },
  accesses: [{ resource: { type: "mailbox", id: "alice" } }],
};
const readCall = {
  ...call,
  tool: { type: "tool", id: "read" },
  accesses: [{ resource: { type: "file", id: "plan" } }],
};

suite("a server that asks who calls", () => {
  let issuer: TestIssuer;
  let server: GuardedServer;
  before(async () => {
    issuer = await startIssuer();
    const keys = { kind: "file" as const, path: issuer.keyFile };
    const audiences = ["prokura"];
    server = await startGuarded({
      issuers: [{ issuer: issuerName, audiences, keys, algorithms: ["RS256"], toleranceMs: 5_000 }],
    });
    await prepareWorld(server.node, mailWorld);
    await grant(server.node, {});
  });
  after(() => server[Symbol.asyncDispose]());

  test("refuses whoever shows nothing, on every transport", async () => {
    assert.equal(
      await codeOf(server, (client) => client.authorization.check(call)),
      "unauthenticated",
    );
    assert.equal(await httpStatus({}), 401);
    assert.equal(await httpStatus({ authorization: "Basic YTpi" }), 401);
  });

  test("refuses a stream of whoever shows nothing", async () => {
    using client = server.client();
    const answers = client.authorization.streamCheck([{ tag: 1n, items: [call] }]);
    await assert.rejects(Array.fromAsync(answers), { code: "unauthenticated" });
  });

  test("lets a key do what it was made for, and nothing else", async () => {
    const key = await makeKey(["checker"]);
    const token = key.secret;
    assert.equal(await codeOf(server, (client) => client.authorization.check(call), token), "ok");
    const write = (client: Client) => client.tuple.writeTuples({ operations: [] });
    const asked: Readonly<Record<string, (client: Client) => Promise<unknown>>> = {
      write,
      read: (client) => client.tuple.readTuples({}),
      revoke: (client) => client.delegation.revoke({ selector: { principal: call.principal } }),
      suspend: (client) => client.delegation.suspend({ target: call.principal }),
      model: (client) => client.model.activateModel({ modelId: "m" }),
      keys: (client) => client.admin.createApiKey({ permissions: ["admin"] }),
      tenants: (client) => client.admin.listTenants({}),
      nodes: (client) => client.admin.listNodes({}),
    };
    for (const [what, ask] of Object.entries(asked)) {
      const code = await codeOf(server, ask, token);
      assert.equal(code, what === "write" ? "malformed" : "caller_not_permitted", what);
    }
  });

  test("answers over HTTP too", async () => {
    const { secret } = await makeKey(["checker"]);
    assert.equal(await httpStatus({ authorization: `Bearer ${secret}` }), 200);
    assert.equal(await httpStatus({ authorization: `bearer ${secret}x` }), 401);
  });

  test("a key that is revoked is worth nothing from then on, on open streams too", async () => {
    const { keyId, secret } = await makeKey(["checker"]);
    using client = server.client(secret);
    const questions = pipe<{ tag: bigint; items: (typeof call)[] }>();
    const answers = client.authorization.streamCheck(questions.values)[Symbol.asyncIterator]();
    questions.put({ tag: 1n, items: [call] });
    assert.equal((await answers.next()).value?.error, undefined);
    await server.node.services.keys.revoke(requestContext(), keyId, options);
    await assert.rejects(client.authorization.check(call), { code: "unauthenticated" });
    questions.put({ tag: 2n, items: [call] });
    const late = (await answers.next()).value;
    assert.equal(late?.error?.code, "unauthenticated");
    questions.end();
  });

  test("a watch ends with what it may", async () => {
    const { keyId, secret } = await makeKey(["operator"]);
    using client = server.client(secret);
    const events = client.tuple.watch({})[Symbol.asyncIterator]();
    assert.equal((await events.next()).done, false);
    await server.node.services.keys.revoke(requestContext(), keyId, options);
    await touch(server.node, ["folder:other#owner@user:alice"]);
    await assert.rejects(events.next(), { code: "unauthenticated" });
  });

  test("a permission that is taken back is gone when the write returns", async () => {
    const { keyId, secret } = await makeKey(["checker"]);
    using client = server.client(secret);
    await client.authorization.check(call);
    await system("delete", `tenant:default#checker@caller:key:${keyId}`);
    await assert.rejects(client.authorization.check(call), { code: "caller_not_permitted" });
    await system("touch", `tenant:default#checker@caller:key:${keyId}`);
    await client.authorization.check(call);
  });

  test("another node that holds the permission in memory forgets it too", async () => {
    const { keyId, secret } = await makeKey(["checker"]);
    const { connectionString } = server.node.database;
    await using other = await startGuarded({ database: connectionString });
    using client = other.client(secret);
    await client.authorization.check(call);
    await server.node.services.keys.revoke(requestContext(), keyId, options);
    await assert.rejects(client.authorization.check(call), { code: "unauthenticated" });
  });

  test("a key that was never made, or is another's with a changed secret, is nobody's", async () => {
    const { secret } = await makeKey(["checker"]);
    const changed = `${secret.slice(0, -1)}${secret.endsWith("A") ? "B" : "A"}`;
    const invented = `prokura_k${"0".repeat(25)}_${"A".repeat(43)}`;
    for (const token of [changed, invented, "prokura_", "prokura_x_y"]) {
      const code = await codeOf(server, (client) => client.authorization.check(call), token);
      assert.equal(code, "unauthenticated", token);
    }
  });

  test("a key ends at its time", async () => {
    const lifetimeMs = 1;
    const { secret } = await makeKey(["checker"], lifetimeMs);
    assert.equal(
      await codeOf(server, (client) => client.authorization.check(call), secret),
      "unauthenticated",
    );
  });

  test("a key is good in its own tenant only", async () => {
    using admin = server.client((await makeKey(["admin"], undefined, "system")).secret);
    await admin.admin.createTenant({ tenant: "acme" });
    const { secret } = await makeKey(["admin"], undefined, "acme");
    using client = server.client(secret);
    assert.equal((await client.admin.listApiKeys({ tenant: "acme" })).keys.length, 1);
    await assert.rejects(client.admin.listApiKeys({}), { code: "caller_not_permitted" });
    await assert.rejects(client.admin.listApiKeys({ tenant: "system" }), {
      code: "caller_not_permitted",
    });
    await assert.rejects(client.tuple.readTuples({ tenant: "system" }), {
      code: "caller_not_permitted",
    });
  });

  test("the system tenant is written by its administrators, its model by nobody", async () => {
    const { secret } = await makeKey(["admin"], undefined, "system");
    using client = server.client(secret);
    assert.ok((await client.tuple.readTuples({ tenant: "system" })).tuples.length > 0);
    const text = "model\n  schema 1.1\ntype user\n";
    const source = { case: "text", value: text } as const;
    await assert.rejects(client.model.writeModel({ tenant: "system", source }), {
      code: "caller_not_permitted",
    });
  });

  test("a checker of one server asks about its tools alone", async () => {
    const { keyId, secret } = await makeKey([]);
    using client = server.client(secret);
    await assert.rejects(client.authorization.check(call), { code: "caller_not_permitted" });
    await system("touch", `tool:default/send#checker@caller:key:${keyId}`);
    await client.authorization.check(call);
    await assert.rejects(client.authorization.check(readCall), { code: "caller_not_permitted" });
    await system("touch", `mcp_server:default/mail#checker@caller:key:${keyId}`);
    await client.authorization.check(readCall);
    await touch(server.node, ["tool:else#requires@permission:mailbox/sender"]);
    const other = { ...call, tool: { type: "tool", id: "else" } };
    const refused = { code: "caller_not_permitted" };
    await assert.rejects(client.authorization.check(other), refused);
    await client.authorization.batchCheck({ items: [call, readCall] });
    await assert.rejects(client.authorization.batchCheck({ items: [call, other] }), refused);
    const messages = [{ items: [call] }, { items: [call, other] }];
    const answers = await Array.fromAsync(client.authorization.streamCheck(messages));
    const codes = answers.map(({ error }) => error?.code ?? "ok");
    assert.deepEqual(codes.toSorted(), ["caller_not_permitted", "ok"]);
    const owner = { object: { type: "mailbox", id: "alice" }, relation: "owner" };
    await assert.rejects(client.authorization.expand(owner), refused);
    await assert.rejects(client.authorization.listTools(call), refused);
    await grant(server.node, { pairs: [pair(["tool:send", "tool:else"], ["mailbox:alice"])] });
    await system("touch", `tenant:default#tool_lister@caller:key:${keyId}`);
    const listed = await client.authorization.listTools(call);
    assert.deepEqual(
      listed.tools.map(({ id }) => id),
      ["send"],
    );
    for await (const _ of client.authorization.watchTools(call)) break;
    await assert.rejects(client.authorization.expand(owner), refused);
  });

  test("a token names its caller, who is granted what it may do by a tuple", async () => {
    const token = await issuer.token("prokura", { sub: "gateway-7" });
    using client = server.client(token);
    await assert.rejects(client.authorization.check(call), { code: "caller_not_permitted" });
    await system("touch", `tenant:default#checker@caller:jwt:${issuerName}|gateway-7`);
    await client.authorization.check(call);
    assert.equal(server.node.decisions.at(-1)?.context.caller.id, `jwt:${issuerName}|gateway-7`);
  });

  test("a token for somebody else, or that expired, is refused", async () => {
    const past = Math.floor(Date.now() / 1_000) - 60;
    for (const token of [
      await issuer.token("another-service", { sub: "gateway-7" }),
      await issuer.token("prokura", { sub: "gateway-7", exp: past }),
      "no.token.this",
    ]) {
      const code = await codeOf(server, (client) => client.authorization.check(call), token);
      assert.equal(code, "unauthenticated");
    }
  });

  async function makeKey(
    permissions: readonly GrantedPermission[],
    lifetimeMs?: number,
    tenant = "default",
  ): Promise<{ readonly keyId: string; readonly secret: string }> {
    const request = { name: "a test's", permissions };
    const { key, secret } = await server.node.services.keys.create(
      requestContext(tenant),
      lifetimeMs === undefined ? request : { ...request, lifetimeMs },
      options,
    );
    return { keyId: key.id, secret };
  }

  async function system(kind: "touch" | "delete", tuple: string): Promise<void> {
    const steps = [{ kind, tuple: parseTupleText(tuple, "tuple") }];
    const request = { steps, preconditions: [] };
    await server.node.services.tuples.write(requestContext("system"), request, options);
  }

  async function httpStatus(headers: Readonly<Record<string, string>>): Promise<number> {
    const url = `http://127.0.0.1:${server.httpPort}/prokura.v1.AuthorizationService/Check`;
    const response = await fetch(url, {
      method: "POST",
      headers: { "content-type": "application/json", ...headers },
      body: JSON.stringify(call),
    });
    await response.arrayBuffer();
    return response.status;
  }
});

async function codeOf(
  server: GuardedServer,
  ask: (client: Client) => Promise<unknown>,
  token?: string,
): Promise<string> {
  using client = server.client(token);
  try {
    await ask(client);
    return "ok";
  } catch (error) {
    assert(error instanceof ApiError);
    return error.code;
  }
}

/** Values that are put in at one end and come out at the other. */
function pipe<Value>(): {
  readonly values: AsyncIterable<Value>;
  put(value: Value): void;
  end(): void;
} {
  const { readable, writable } = new TransformStream<Value, Value>();
  const writer = writable.getWriter();
  return {
    values: readable,
    put: (value) => void writer.write(value).catch(() => undefined),
    end: () => void writer.close().catch(() => undefined),
  };
}
