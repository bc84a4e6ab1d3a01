import assert from "node:assert/strict";
import { suite, test } from "node:test";
import type { Transport } from "@modelcontextprotocol/sdk/shared/transport.js";
import {
  isJSONRPCErrorResponse,
  isJSONRPCRequest,
  type JSONRPCMessage,
} from "@modelcontextprotocol/sdk/types.js";
import { pino } from "pino";
import type { Authorization, Freshness } from "../../src/gateway/authorization.ts";
import { parseGatewayConfig } from "../../src/gateway/parse-gateway-config.ts";
import { Session } from "../../src/gateway/session.ts";
import { allowed } from "./support/open-gateway.ts";

suite("Session", () => {
  test("refuses a request with the id of one in flight, and takes the id again afterwards", async () => {
    const scene = await open();
    scene.agent.say(request(1, "ping"));
    await scene.server.heard(1);
    scene.agent.say(request(1, "ping"));
    const [refused] = await scene.agent.heard(1);
    assert.ok(refused !== undefined && isJSONRPCErrorResponse(refused));
    assert.match(refused.error.message, /in flight/);
    scene.server.say({ jsonrpc: "2.0", id: 1, result: {} });
    await scene.agent.heard(2);
    scene.agent.say(request(1, "ping"));
    await scene.server.heard(2);
  });

  test("tells a number and a text apart as ids", async () => {
    const scene = await open();
    scene.agent.say(request(1, "ping"));
    scene.agent.say(request("1", "ping"));
    assert.equal((await scene.server.heard(2)).length, 2);
  });

  test("bounds what is in flight", async () => {
    const scene = await open("limits: { in_flight: 2 }");
    for (const id of [1, 2, 3]) scene.agent.say(request(id, "ping"));
    const [refused] = await scene.agent.heard(1);
    assert.equal(refused !== undefined && "id" in refused && refused.id, 3);
  });

  test("opens once", async () => {
    const scene = await open();
    scene.agent.say(request(1, "initialize", { capabilities: {} }));
    scene.agent.say(request(2, "initialize", { capabilities: {} }));
    const [refused] = await scene.agent.heard(1);
    assert.equal(refused !== undefined && "id" in refused && refused.id, 2);
    assert.equal(scene.server.got.length, 1);
  });

  test("answers what is pending when the server goes, and closes", async () => {
    const scene = await open();
    scene.agent.say(request(1, "tools/call", { name: "t", arguments: {} }));
    await scene.server.heard(1);
    scene.server.transport.onclose?.();
    const [answer] = await scene.agent.heard(1);
    assert.ok(answer !== undefined && isJSONRPCErrorResponse(answer));
    assert.equal(answer.error.code, -32_053);
    await scene.agent.closed;
  });

  test("drops answers that nobody asked for, in both directions", async () => {
    const scene = await open();
    scene.server.say({ jsonrpc: "2.0", id: 9, result: { stolen: true } });
    scene.agent.say({ jsonrpc: "2.0", id: 9, result: { forged: true } });
    scene.agent.say(request(1, "ping"));
    await scene.server.heard(1);
    scene.server.say({ jsonrpc: "2.0", id: 1, result: {} });
    await scene.agent.heard(1);
    assert.equal(scene.agent.got.length, 1);
    assert.equal(scene.server.got.length, 1);
  });

  test("does not take an answer to a call that it has not let through yet", async () => {
    const decision = Promise.withResolvers<void>();
    const scene = await open("", () => decision.promise);
    scene.agent.say(request(1, "tools/call", { name: "t", arguments: {} }));
    scene.server.say({ jsonrpc: "2.0", id: 1, result: { early: true } });
    decision.resolve();
    await scene.server.heard(1);
    assert.equal(scene.agent.got.length, 0);
  });

  test("drops notifications that it does not know, in both directions", async () => {
    const scene = await open();
    scene.agent.say({ jsonrpc: "2.0", method: "notifications/custom" });
    scene.server.say({ jsonrpc: "2.0", method: "notifications/custom" });
    scene.agent.say({ jsonrpc: "2.0", method: "notifications/roots/list_changed" });
    scene.server.say({ jsonrpc: "2.0", method: "notifications/message", params: {} });
    await Promise.all([scene.agent.heard(1), scene.server.heard(1)]);
    assert.equal(scene.agent.got.length + scene.server.got.length, 2);
  });

  test("sends nothing unasked once the agent's token has ended", async () => {
    const scene = await open();
    const identity = { principal: { type: "user", id: "alice" }, actors: [] };
    scene.session.renew({ identity, untilMs: Date.now() - 1 });
    scene.server.say({ jsonrpc: "2.0", method: "notifications/message", params: {} });
    scene.agent.say(request(1, "ping"));
    await scene.server.heard(1);
    scene.server.say({ jsonrpc: "2.0", id: 1, result: {} });
    await scene.agent.heard(1);
    assert.equal(scene.agent.got.length, 1);
  });

  test("forwards nothing of a tool call but what it rebuilt, and its other parameters", async () => {
    const scene = await open();
    const params = { name: "t", arguments: { a: 1 }, _meta: { progressToken: 5 } };
    scene.agent.say(request(1, "tools/call", params));
    const [forwarded] = await scene.server.heard(1);
    assert.ok(forwarded !== undefined && isJSONRPCRequest(forwarded));
    assert.deepEqual(forwarded.params, params);
  });

  test("answers with an error where the list of tools is no list", async () => {
    const scene = await open();
    scene.agent.say(request(1, "tools/list"));
    await scene.server.heard(1);
    scene.server.say({ jsonrpc: "2.0", id: 1, result: { tools: "all" } });
    const [answer] = await scene.agent.heard(1);
    assert.ok(answer !== undefined && isJSONRPCErrorResponse(answer));
  });

  test("watches again after an interruption, and says that tools may have changed", async () => {
    const scene = await open();
    scene.agent.say({ jsonrpc: "2.0", method: "notifications/initialized" });
    scene.agent.say(request(1, "tools/list"));
    await scene.server.heard(2);
    scene.server.say({ jsonrpc: "2.0", id: 1, result: { tools: [] } });
    await scene.agent.heard(1);
    scene.watches.interrupt();
    const [, changed] = await scene.agent.heard(2);
    assert.equal(
      changed !== undefined && "method" in changed && changed.method,
      "notifications/tools/list_changed",
    );
    await scene.session.close();
  });
});

/** One end of a session, in the hands of the test. */
interface End {
  readonly transport: Transport;
  readonly got: JSONRPCMessage[];
  readonly closed: Promise<void>;
  say(message: JSONRPCMessage): void;
  heard(count: number): Promise<readonly JSONRPCMessage[]>;
}

interface Scene {
  readonly session: Session;
  readonly agent: End;
  readonly server: End;
  readonly watches: { interrupt(): void };
}

async function open(
  more = "",
  decided: () => Promise<void> = async () => undefined,
): Promise<Scene> {
  const agent = createEnd();
  const server = createEnd();
  const config = parseGatewayConfig(`
server: s
upstream: { command: x }
identity: { principal: user:u, actors: [agent:a] }
${more}
`);
  let interrupt = (): void => undefined;
  const authorization: Authorization = {
    async check() {
      await decided();
      return allowed;
    },
    listTools: async () => new Set(),
    async *watchTools(_, signal): AsyncGenerator<Freshness> {
      yield {};
      await new Promise<void>((resolve, reject) => {
        interrupt = () => reject(new Error("interrupted"));
        signal.addEventListener("abort", () => resolve(), { once: true });
      });
    },
  };
  const session = new Session({
    agent: agent.transport,
    upstream: server.transport,
    identity: { principal: { type: "user", id: "u" }, actors: [{ type: "agent", id: "a" }] },
    config,
    authorization,
    log: pino({ level: "silent" }),
  });
  await session.start();
  return { session, agent, server, watches: { interrupt: () => interrupt() } };
}

function createEnd(): End {
  const got: JSONRPCMessage[] = [];
  const closed = Promise.withResolvers<void>();
  const looks = new Set<() => void>();
  const transport: Transport = {
    start: async () => undefined,
    send: async (message) => {
      got.push(message);
      for (const look of looks) look();
    },
    close: async () => closed.resolve(),
  };
  return {
    transport,
    got,
    closed: closed.promise,
    say: (message) => transport.onmessage?.(message),
    heard: (count) =>
      new Promise((resolve) => {
        const look = (): void => {
          if (got.length >= count) resolve(got);
        };
        looks.add(look);
        look();
      }),
  };
}

function request(id: number | string, method: string, params?: object): JSONRPCMessage {
  return { jsonrpc: "2.0", id, method, ...(params === undefined ? {} : { params: { ...params } }) };
}
