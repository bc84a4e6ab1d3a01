import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, suite, test } from "node:test";
import { fileURLToPath } from "node:url";
import { parseName } from "../../src/core/object.ts";
import { parseTupleText } from "../../src/core/tuple.ts";
import { openTls, type TlsSource } from "../../src/rpc/tls.ts";
import { issuerName, startIssuer, type TestIssuer } from "../identity/issuing.ts";
import { startGuarded, type GuardedServer } from "../rpc/callers.ts";
import {
  grant,
  mailWorld,
  options,
  prepareWorld,
  requestContext,
} from "../support/service-node.ts";
import { run } from "./memory-terminal.ts";

const folder = fileURLToPath(new URL("../rpc/certificates/", import.meta.url));
const gatewayId = "spiffe://example.org/ns/prod/gateway";

suite("the credentials of a command", () => {
  let tls: TlsSource;
  let issuer: TestIssuer;
  let server: GuardedServer;
  before(async () => {
    const file = (name: string) => join(folder, name);
    const files = { certificate: file("server.pem"), key: file("server.key") };
    tls = await openTls({ ...files, clientAuthority: file("authority.pem") }, () => undefined);
    issuer = await startIssuer();
    server = await startGuarded({
      tls,
      subjects: [
        {
          issuer: issuerName,
          audiences: ["tools"],
          keys: { kind: "file", path: issuer.keyFile },
          algorithms: ["RS256"],
          toleranceMs: 5_000,
          principalType: parseName("user", "type"),
          actorType: parseName("agent", "type"),
          consent: { clients: ["consent-screen"], acr: [] },
        },
      ],
    });
    await prepareWorld(server.node, mailWorld);
    await grant(server.node, {});
    const tuple = parseTupleText(`tenant:default#delegator@caller:${gatewayId}`, "tuple");
    const request = { steps: [{ kind: "touch" as const, tuple }], preconditions: [] };
    await server.node.services.tuples.write(requestContext("system"), request, options);
  });
  after(async () => {
    await server[Symbol.asyncDispose]();
    tls[Symbol.dispose]();
  });

  test("a client certificate and a principal's token show all that a delegator needs", async () => {
    const proofToken = await issuer.token("tools", { azp: "consent-screen" });
    const list = ["delegations", "list", ...connection(), "--json"];
    const listed = await run([...list, "--proof-token", proofToken], {});
    assert.equal(listed.exitCode, 0, listed.errors);
    assert.equal(JSON.parse(listed.output).delegations.length, 1);
    const revoke = ["revoke", ...connection(), "--actor", "agent:bot", "--dry-run"];
    const revoked = await run(revoke, { environment: { PROKURA_PROOF_TOKEN: proofToken } });
    assert.equal(revoked.exitCode, 0, revoked.errors);
    assert.match(revoked.output, /would revoke 1 delegation/);
    const without = await run(revoke, {});
    assert.equal(without.exitCode, 2);
    assert.match(without.errors, /a token of the principal must be shown/);
  });

  const wrong: Readonly<Record<string, readonly [args: readonly string[], message: RegExp]>> = {
    "a certificate without its key": [
      ["--tls-ca", "system", "--client-cert", "x"],
      /must be given together/,
    ],
    "a certificate without TLS": [["--client-cert", "x", "--client-key", "y"], /needs --tls-ca/],
    "a key that is not there": [
      ["--tls-ca", "system", "--client-cert", join(folder, "gateway.pem"), "--client-key", "none"],
      /--client-key: `none` cannot be read/,
    ],
    "a token of two words, which is not said again": [
      ["--proof-token", "two secrets"],
      /--proof-token must be one word of printable characters \(malformed\)/,
    ],
  };
  for (const [what, [args, message]] of Object.entries(wrong)) {
    test(`refuses ${what}`, async () => {
      const ran = await run(["delegations", "list", ...args], {});
      assert.notEqual(ran.exitCode, 0);
      assert.match(ran.errors, message);
      assert.ok(!ran.errors.includes("secrets"));
    });
  }

  function connection(): readonly string[] {
    const file = (name: string) => join(folder, name);
    const flags = {
      address: server.grpcAddress,
      "tls-ca": file("authority.pem"),
      "client-cert": file("gateway.pem"),
      "client-key": file("gateway.key"),
    };
    return Object.entries(flags).flatMap(([name, value]) => [`--${name}`, value]);
  }
});
