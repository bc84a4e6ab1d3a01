import assert from "node:assert/strict";
import { after, before, suite, test } from "node:test";
import { parseName } from "../../src/core/object.ts";
import type { Authorization, Identity } from "../../src/gateway/authorization.ts";
import { createServiceAuthorization } from "../../src/gateway/service-authorization.ts";
import { issuerName, startIssuer, type TestIssuer } from "../identity/issuing.ts";
import { startGuarded, type GuardedServer } from "../rpc/callers.ts";
import {
  grant,
  mailWorld,
  options,
  prepareWorld,
  requestContext,
} from "../support/service-node.ts";

const call = {
  tool: { type: "tool", id: "send" },
  accesses: [{ resource: { type: "mailbox", id: "alice" } }],
  context: {},
  containment: [],
};
/** Names that nothing was delegated to: what is allowed is allowed by the token. */
const nobody: Identity = {
  principal: { type: "user", id: "nobody" },
  actors: [{ type: "agent", id: "nobody" }],
};

suite("a gateway that sends its agents' tokens", () => {
  let issuer: TestIssuer;
  let server: GuardedServer;
  let close: () => void;
  let forwarding: Authorization;
  let naming: Authorization;
  before(async () => {
    issuer = await startIssuer();
    server = await startGuarded({
      subjects: [
        {
          issuer: issuerName,
          audiences: ["tools"],
          keys: { kind: "file", path: issuer.keyFile },
          algorithms: ["RS256"],
          toleranceMs: 5_000,
          principalType: parseName("user", "type"),
          actorType: parseName("agent", "type"),
        },
      ],
    });
    await prepareWorld(server.node, mailWorld);
    await grant(server.node, {});
    const request = { name: "gateway", permissions: ["checker"] as const };
    const { secret } = await server.node.services.keys.create(requestContext(), request, options);
    const client = server.client(secret);
    close = () => client.close();
    const config = {
      address: server.grpcAddress,
      tenant: "",
      deadlineMs: 10_000,
      partialChain: false,
    };
    forwarding = createServiceAuthorization(client, { ...config, forwardToken: true });
    naming = createServiceAuthorization(client, { ...config, forwardToken: false });
  });
  after(async () => {
    close();
    await server[Symbol.asyncDispose]();
  });

  const { signal } = new AbortController();

  test("is answered for whoever the token names", async () => {
    const identity = { ...nobody, token: await issuer.token("tools", { act: { sub: "bot" } }) };
    assert.equal((await forwarding.check(identity, call, signal)).kind, "allowed");
    assert.deepEqual(await forwarding.listTools(identity, {}, signal), new Set(["send"]));
    for await (const { token } of forwarding.watchTools(identity, signal)) {
      assert.ok(token);
      break;
    }
    assert.equal((await naming.check(identity, call, signal)).kind, "denied");
  });

  test("is refused a token that the service does not believe", async () => {
    const token = await issuer.token("somewhere-else", { act: { sub: "bot" } });
    const refused = { code: "unauthenticated" };
    await assert.rejects(forwarding.check({ ...nobody, token }, call, signal), refused);
    await assert.rejects(forwarding.listTools({ ...nobody, token }, {}, signal), refused);
  });
});
