import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import { suite, test } from "node:test";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { OAuthProtectedResourceMetadataSchema } from "@modelcontextprotocol/sdk/shared/auth.js";
import {
  CallToolResultSchema,
  ListRootsRequestSchema,
  McpError,
} from "@modelcontextprotocol/sdk/types.js";
import { startEchoServer, type EchoServer } from "./support/echo-server.ts";
import { createFileWorld, fileServerConfig } from "./support/file-world.ts";
import { allowed, denied, openGateway, type TestGateway } from "./support/open-gateway.ts";

const identity = { principal: "user:alice", actors: ["agent:scout"] };

suite("a gateway on Streamable HTTP, before a server on Streamable HTTP", () => {
  test("relays calls, progress and lists that are allowed", async () => {
    await using scene = await openScene({ identity });
    const client = await scene.connect();
    const progress: number[] = [];
    const result = await client.callTool(
      { name: "echo", arguments: { text: "hello" } },
      CallToolResultSchema,
      { onprogress: ({ progress: done }) => progress.push(done) },
    );
    assert.deepEqual(result.content, [{ type: "text", text: "hello" }]);
    assert.deepEqual(progress, [1]);
    const { tools } = await client.listTools();
    assert.deepEqual(
      tools.map(({ name }) => name),
      ["echo"],
    );
  });

  test("answers a denial with 200 and calls nothing", async () => {
    await using scene = await openScene({ identity });
    const client = await scene.connect();
    scene.gateway.rule = () => denied;
    await assert.rejects(
      client.callTool({ name: "echo", arguments: { text: "hello" } }),
      (error) => error instanceof McpError && error.code === -32_003,
    );
    assert.deepEqual(scene.echo.calls, []);
  });

  test("judges the very next call by the new answer", async () => {
    await using scene = await openScene({ identity });
    const client = await scene.connect();
    const call = { name: "echo", arguments: { text: "hello" } };
    await client.callTool(call);
    scene.gateway.rule = () => denied;
    await assert.rejects(client.callTool(call), McpError);
    assert.equal(scene.echo.calls.length, 1);
  });

  test("keeps two agents apart and asks for each with the same ids in flight", async () => {
    await using scene = await openScene({ identity });
    const clients = await Promise.all([scene.connect(), scene.connect()]);
    const texts = ["one", "two"];
    const results = await Promise.all(
      clients.map((client, index) =>
        client.callTool({ name: "echo", arguments: { text: texts[index] } }),
      ),
    );
    assert.deepEqual(
      results.map(({ content }) => content),
      texts.map((text) => [{ type: "text", text }]),
    );
  });

  test("does not forward a call that was cancelled while it was decided", async () => {
    await using scene = await openScene({ identity });
    const client = await scene.connect();
    const asked = Promise.withResolvers<void>();
    const decision = Promise.withResolvers<void>();
    scene.gateway.rule = async () => {
      asked.resolve();
      await decision.promise;
      return allowed;
    };
    const abort = new AbortController();
    const call = client.callTool({ name: "echo", arguments: { text: "late" } }, undefined, {
      signal: abort.signal,
    });
    await asked.promise;
    abort.abort();
    await assert.rejects(call);
    // The notification of the cancellation has arrived when a later message is answered.
    await client.ping();
    decision.resolve();
    await client.ping();
    assert.deepEqual(scene.echo.calls, []);
  });

  test("passes requests of the server on only where it is told to", async () => {
    for (const passed of [true, false]) {
      const more = passed ? { server_requests: ["roots/list"] } : {};
      await using scene = await openScene({ identity, ...more });
      const client = await scene.connect({ roots: {} });
      client.setRequestHandler(ListRootsRequestSchema, () => ({ roots: [{ uri: "file:///r" }] }));
      await client.callTool({ name: "ask_roots", arguments: {} });
      const answer = await scene.echo.roots[0];
      assert.equal(answer instanceof Error, !passed, String(answer));
    }
  });

  test("makes the MCP session a session of the graph", async () => {
    await using scene = await openScene({ identity, session: { from: "mcp" } });
    const client = await scene.connect();
    await client.callTool({ name: "echo", arguments: { text: "hello" } });
    const transport = client.transport;
    assert.deepEqual(scene.gateway.asked[0]?.identity.session, {
      type: "session",
      id: transport?.sessionId,
    });
  });

  test("answers with an error when the service throws, and calls nothing", async () => {
    await using scene = await openScene({ identity });
    const client = await scene.connect();
    scene.gateway.rule = () => {
      throw new TypeError("a bug");
    };
    await assert.rejects(
      client.callTool({ name: "echo", arguments: { text: "hello" } }),
      (error) => error instanceof McpError && error.code === -32_053,
    );
    assert.deepEqual(scene.echo.calls, []);
  });

  test("answers 502 when the server behind is not there", async () => {
    await using gateway = await openGateway({ identity, upstream: { command: "/no/such/server" } });
    const response = await post(gateway, initialize);
    assert.equal(response.status, 502);
  });
});

suite("a gateway on Streamable HTTP, before the real file server", () => {
  test("closes the server when the agent ends its session", async () => {
    await using files = await createFileWorld();
    await using gateway = await openGateway({
      ...fileServerConfig(files.root),
      listen: { port: 0 },
    });
    const client = await connect(gateway);
    const path = `${files.root}/shared/plan.txt`;
    const result = await client.callTool({ name: "read_text_file", arguments: { path } });
    assert.deepEqual(result.content, [{ type: "text", text: "the plan" }]);
    const { transport } = client;
    assert.ok(transport instanceof StreamableHTTPClientTransport);
    const headers = { "mcp-session-id": transport.sessionId ?? "" };
    await transport.terminateSession();
    assert.equal((await post(gateway, ping, headers)).status, 404);
    await client.close();
  });
});

suite("the HTTP side of a gateway", () => {
  const refused: Readonly<
    Record<string, readonly [status: number, body: string, headers?: object]>
  > = {
    "an origin that is not allowed": [403, "{}", { origin: "https://evil.example" }],
    "text that is not JSON": [400, "{"],
    "text that is not UTF-8": [400, "\u00ff"],
    "a batch": [400, `[${JSON.stringify({ jsonrpc: "2.0", id: 1, method: "ping" })}]`],
    "a name that stands twice": [
      400,
      '{"jsonrpc":"2.0","id":1,"method":"ping","method":"tools/call"}',
    ],
    "an id that is null": [400, '{"jsonrpc":"2.0","id":null,"method":"ping"}'],
    "an id that is a list": [400, '{"jsonrpc":"2.0","id":[1],"method":"ping"}'],
    "an id that is a fraction": [400, '{"jsonrpc":"2.0","id":1.5,"method":"ping"}'],
    "a member that JSON-RPC does not have": [
      400,
      '{"jsonrpc":"2.0","id":1,"method":"ping","extra":1}',
    ],
    "another version": [400, '{"jsonrpc":"1.0","id":1,"method":"ping"}'],
    "deep nesting": [400, `{"a":${"[".repeat(10_000)}${"]".repeat(10_000)}}`],
    "a call without a session": [400, '{"jsonrpc":"2.0","id":1,"method":"tools/list"}'],
    "a session that is not there": [
      404,
      '{"jsonrpc":"2.0","id":1,"method":"ping"}',
      { "mcp-session-id": "x" },
    ],
    "a body over the limit": [413, " ".repeat(5_000_000)],
  };
  for (const [what, [status, body, headers]] of Object.entries(refused)) {
    test(`answers ${what} with ${status}`, async () => {
      await using scene = await openScene({ identity });
      const bytes = Buffer.from(body, "latin1");
      const response = await post(scene.gateway, bytes, { ...headers });
      assert.equal(response.status, status);
      assert.equal(scene.gateway.asked.length, 0);
    });
  }

  test("refuses a host that is not its own, as a rebound name would send it", async () => {
    await using scene = await openScene({ identity });
    const { request } = await import("node:http");
    const sent = request(scene.gateway.url, { method: "POST", headers: { host: "evil.example" } });
    sent.end("{}");
    const [response] = await once(sent, "response");
    assert.equal(response.statusCode, 403);
    response.resume();
  });

  test("refuses other paths and methods", async () => {
    await using scene = await openScene({ identity });
    assert.equal((await fetch(new URL("/other", scene.gateway.url))).status, 404);
    assert.equal((await fetch(scene.gateway.url, { method: "PUT" })).status, 405);
  });

  test("bounds the sessions", async () => {
    await using scene = await openScene({ identity, limits: { sessions: 1 } });
    await scene.connect();
    assert.equal((await post(scene.gateway, initialize)).status, 503);
  });

  test("tells an agent without a token by whom to be authorized", async () => {
    await using issuer = await startIssuer();
    const resource = "https://tools.example/mcp";
    const metadata = "https://tools.example/.well-known/oauth-protected-resource/mcp";
    await using scene = await openScene({
      token: {
        issuer: issuer.name,
        audience: "gateway",
        jwks_url: issuer.keysUrl,
        resource_url: resource,
      },
    });
    const refused = await post(scene.gateway, initialize);
    const challenge = refused.headers.get("www-authenticate");
    assert.equal(challenge, `Bearer resource_metadata="${metadata}"`);
    const told = await fetch(new URL(new URL(metadata).pathname, scene.gateway.url));
    const { resource: named, authorization_servers: servers } =
      OAuthProtectedResourceMetadataSchema.parse(await told.json());
    assert.deepEqual([named, servers], [resource, [issuer.name]]);
  });

  test("closes a session that is idle, at the server too", async () => {
    await using scene = await openScene({ identity, limits: { idle_s: 1 } });
    const opened = await post(scene.gateway, initialize);
    await opened.text();
    const session = { "mcp-session-id": opened.headers.get("mcp-session-id") ?? "" };
    await scene.echo.ended();
    assert.equal((await post(scene.gateway, ping, session)).status, 404);
  });

  test("asks for a token and binds the session to whom it names", async () => {
    await using issuer = await startIssuer();
    await using scene = await openScene({
      token: { issuer: issuer.name, audience: "gateway", jwks_url: issuer.keysUrl },
    });
    const none = await post(scene.gateway, initialize);
    assert.equal(none.status, 401);
    assert.equal(none.headers.get("www-authenticate"), "Bearer");
    const wrong = await post(scene.gateway, initialize, { authorization: "Bearer x.y.z" });
    assert.equal(wrong.status, 401);
    assert.match(wrong.headers.get("www-authenticate") ?? "", /^Bearer error="invalid_token"/);
    const alice = { authorization: `Bearer ${await issuer.sign("alice", "scout")}` };
    const opened = await post(scene.gateway, initialize, alice);
    assert.equal(opened.status, 200);
    const session = { "mcp-session-id": opened.headers.get("mcp-session-id") ?? "" };
    const bob = { authorization: `Bearer ${await issuer.sign("bob", "scout")}` };
    const otherActor = { authorization: `Bearer ${await issuer.sign("alice", "spy")}` };
    assert.equal((await post(scene.gateway, ping, { ...session, ...bob })).status, 404);
    assert.equal((await post(scene.gateway, ping, { ...session, ...otherActor })).status, 404);
    assert.equal((await post(scene.gateway, ping, session)).status, 401);
    const call = {
      ...ping,
      method: "tools/call",
      params: { name: "echo", arguments: { text: "x" } },
    };
    const called = await post(scene.gateway, call, { ...session, ...alice });
    assert.equal(called.status, 200);
    await called.text();
    assert.deepEqual(scene.gateway.asked[0]?.identity.principal, { type: "user", id: "alice" });
  });
});

interface Scene extends AsyncDisposable {
  readonly gateway: TestGateway;
  readonly echo: EchoServer;
  connect(capabilities?: object): Promise<Client>;
}

async function openScene(config: object): Promise<Scene> {
  const echo = await startEchoServer();
  const gateway = await openGateway({ upstream: { url: echo.url }, ...config });
  const clients: Client[] = [];
  return {
    gateway,
    echo,
    async connect(capabilities = {}) {
      const client = await connect(gateway, capabilities);
      clients.push(client);
      return client;
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(clients.map((client) => client.close()));
      await gateway[Symbol.asyncDispose]();
      await echo[Symbol.asyncDispose]();
    },
  };
}

async function connect(gateway: TestGateway, capabilities: object = {}): Promise<Client> {
  const client = new Client({ name: "agent", version: "1" }, { capabilities });
  await client.connect(new StreamableHTTPClientTransport(gateway.url));
  return client;
}

const initialize = {
  jsonrpc: "2.0",
  id: 1,
  method: "initialize",
  params: {
    protocolVersion: "2025-06-18",
    capabilities: {},
    clientInfo: { name: "agent", version: "1" },
  },
};
const ping = { jsonrpc: "2.0", id: 2, method: "ping" };

async function post(
  gateway: TestGateway,
  body: object | Buffer,
  headers: Readonly<Record<string, string>> = {},
): Promise<Response> {
  return await fetch(gateway.url, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      accept: "application/json, text/event-stream",
      ...headers,
    },
    body: Buffer.isBuffer(body) ? new Uint8Array(body) : JSON.stringify(body),
  });
}

interface Issuer extends AsyncDisposable {
  readonly name: string;
  readonly keysUrl: string;
  sign(principal: string, actor: string): Promise<string>;
}

async function startIssuer(): Promise<Issuer> {
  const { exportJWK, generateKeyPair, SignJWT } = await import("jose");
  const { privateKey, publicKey } = await generateKeyPair("ES256");
  const keys = { keys: [{ ...(await exportJWK(publicKey)), kid: "k" }] };
  const server = createServer((_, response) => {
    response.setHeader("Content-Type", "application/json").end(JSON.stringify(keys));
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  assert.ok(typeof address === "object" && address !== null);
  const name = "https://issuer.example";
  return {
    name,
    keysUrl: `http://127.0.0.1:${address.port}/`,
    sign: async (principal, actor) =>
      await new SignJWT({ sub: principal, azp: actor })
        .setProtectedHeader({ alg: "ES256", kid: "k" })
        .setIssuer(name)
        .setAudience("gateway")
        .setExpirationTime("5m")
        .sign(privateKey),
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
    },
  };
}
