import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { ConfigError } from "../../src/gateway/config-section.ts";
import { parseGatewayConfig } from "../../src/gateway/parse-gateway-config.ts";

const least = "server: fs\nupstream: { command: x }\n";
const identity = "identity: { principal: user:alice, actors: [agent:a] }\n";
const token = "token: { issuer: i, audience: a, jwks_url: 'https://i/keys' }\n";

suite("parseGatewayConfig", () => {
  test("fills in what is left out", () => {
    const config = parseGatewayConfig(least + identity);
    assert.deepEqual(config.listen, { kind: "stdio" });
    assert.equal(config.service.address, "127.0.0.1:7450");
    assert.equal(config.files.resolveLinks, false);
    assert.equal(config.serverRequests.size, 0);
  });

  test("decodes ids of objects", () => {
    const config = parseGatewayConfig(
      `${least}identity: { principal: "user:a%20b@x", actors: ["agent:a:b"] }`,
    );
    assert.deepEqual(config.identity, {
      kind: "fixed",
      identity: {
        principal: { type: "user", id: "a b@x" },
        actors: [{ type: "agent", id: "a:b" }],
      },
    });
  });

  test("reads the token's issuer as the service does", () => {
    const text = `${least}listen: {}\n${token.replace(" }", ", principal_claim: [ext, id], principal_prefix: 'u|' }")}`;
    const { identity } = parseGatewayConfig(`${text}service: { forward_token: true }`);
    assert.ok(identity.kind === "token");
    assert.deepEqual(identity.token.from.principalClaim, { path: ["ext", "id"], prefix: "u|" });
    assert.equal(parseGatewayConfig(`${least}listen: {}\n${token}`).service.forwardToken, false);
  });

  const wrong: Readonly<Record<string, readonly [path: string, text: string]>> = {
    "an unknown entry": ["sever", `${least + identity}sever: x`],
    "an unknown entry further down": [
      "tools.t.accesses[0].pth",
      `${least + identity}tools: { t: { accesses: [{ pth: $.x, type: t }] } }`,
    ],
    "a path that is none": [
      "tools.t.accesses[0].path",
      `${least + identity}tools: { t: { accesses: [{ path: $..x, type: t }] } }`,
    ],
    "a type that is no name": [
      "tools.t.accesses[0].type",
      `${least + identity}tools: { t: { accesses: [{ path: $.x, type: "a b" }] } }`,
    ],
    "an id without a place for the value": [
      "tools.t.accesses[0].id",
      `${least + identity}tools: { t: { accesses: [{ path: $.x, type: t, id: all }] } }`,
    ],
    "a missing server": ["server", `upstream: { command: x }\n${identity}`],
    "a server with a slash": ["server", `server: a/b\nupstream: { command: x }\n${identity}`],
    "two upstreams": [
      "upstream",
      `server: s\nupstream: { command: x, url: 'http://u' }\n${identity}`,
    ],
    "nobody to act": ["identity", least],
    "an identity beside a token": ["identity", `${least + identity + token}listen: {}`],
    "an actor that is no object": [
      "identity.actors[1]",
      `${least}identity: { principal: user:u, actors: [agent:a, b] }`,
    ],
    "a token to send where there is none": [
      "service.forward_token",
      `${least + identity}service: { forward_token: true }`,
    ],
    "a rule for consent at a gateway": [
      "token.consent",
      `${least}listen: {}\n${token.replace(" }", ", consent: { clients: [x] } }")}`,
    ],
    "a token on stdio": ["token", least + token],
    "a fixed identity for everybody": [
      "listen.host",
      `${least + identity}listen: { host: 0.0.0.0 }`,
    ],
    "no signature": [
      "token.algorithms",
      `${least}listen: {}\ntoken: { issuer: i, audience: a, jwks_url: 'https://i', algorithms: [none] }`,
    ],
    "a shared secret": [
      "token.algorithms",
      `${least}listen: {}\ntoken: { issuer: i, audience: a, jwks_url: 'https://i', algorithms: [HS256] }`,
    ],
    "keys over plain http": [
      "token.jwks_url",
      `${least}listen: {}\ntoken: { issuer: i, audience: a, jwks_url: 'http://i/keys' }`,
    ],
    "a session id that stdio does not have": [
      "session.from",
      `${least + identity}session: { from: mcp }`,
    ],
    "a request that is not one of the server's": [
      "server_requests[1]",
      `${least + identity}server_requests: [roots/list, tools/call]`,
    ],
    "a limit out of range": ["limits.in_flight", `${least + identity}limits: { in_flight: 0 }`],
    "a name that stands twice": ["the configuration", `${least + identity}server: again`],
  };
  for (const [what, [path, text]] of Object.entries(wrong)) {
    test(`refuses ${what} and names the entry`, () => {
      assert.throws(
        () => parseGatewayConfig(text),
        (error) => {
          assert.ok(error instanceof ConfigError, String(error));
          assert.equal(error.path, path);
          return true;
        },
      );
    });
  }
});
