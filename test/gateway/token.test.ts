import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, suite, test } from "node:test";
import { exportJWK, generateKeyPair, SignJWT, UnsecuredJWT, type CryptoKey } from "jose";
import { parseName } from "../../src/core/object.ts";
import type { SessionConfig } from "../../src/gateway/gateway-config.ts";
import type { SubjectIssuer } from "../../src/identity/issuer.ts";
import { createTokenReader, TokenError, type Authenticated } from "../../src/gateway/token.ts";

const issuer = "https://issuer.example";
const audience = "https://gateway.example/mcp";
const folder = await mkdtemp(join(tmpdir(), "prokura-keys-"));
after(() => rm(folder, { recursive: true, force: true }));
const good = await generateKeyPair("ES256", { extractable: true });
const other = await generateKeyPair("ES256", { extractable: true });
const rsa = await generateKeyPair("RS512", { extractable: true });
const keySet = {
  keys: [
    { ...(await exportJWK(good.publicKey)), kid: "good" },
    { ...(await exportJWK(rsa.publicKey)), kid: "rsa" },
  ],
};
const keysFile = join(folder, "keys.json");
await writeFile(keysFile, JSON.stringify(keySet));

suite("createTokenReader", () => {
  test("reads the principal and the client that acts", async () => {
    const token = await sign({ client_id: "mailbot" });
    const { identity, untilMs } = await verify(token);
    assert.deepEqual(identity, {
      principal: { type: "user", id: "alice" },
      actors: [{ type: "agent", id: "mailbot" }],
      token,
    });
    assert.ok(untilMs > Date.now());
    const byParty = await verify(await sign({ azp: "mailbot" }));
    assert.equal(byParty.identity.actors[0]?.id, "mailbot");
  });

  test("reads the chain of act from the first delegate to who acts now", async () => {
    const act = { sub: "third", act: { sub: "second", act: { sub: "first" } } };
    const { identity } = await verify(await sign({ act, client_id: "ignored" }));
    assert.deepEqual(
      identity.actors.map(({ id }) => id),
      ["first", "second", "third"],
    );
  });

  test("takes the session from a claim, and demands it", async () => {
    const session = { kind: "claim", claim: "sid", type: "session" } as const;
    const { identity } = await verify(await sign({ azp: "a", sid: "s1" }), {}, session);
    assert.deepEqual(identity.session, { type: "session", id: "s1" });
    await assert.rejects(verify(await sign({ azp: "a" }), {}, session), TokenError);
  });

  const refused: Readonly<Record<string, () => Promise<string>>> = {
    "another issuer": () => sign({ azp: "a", iss: "https://evil.example" }),
    "another audience": () => sign({ azp: "a", aud: "https://other.example" }),
    "an expired token": () => sign({ azp: "a", exp: now() - 60 }),
    "a token that is not valid yet": () => sign({ azp: "a", nbf: now() + 600 }),
    "a token without an expiry": () => sign({ azp: "a", exp: undefined }),
    "another key under a known id": () => sign({ azp: "a" }, other.privateKey),
    "an unknown key": () => sign({ azp: "a" }, other.privateKey, { kid: "unknown" }),
    "an algorithm that is not allowed": () =>
      sign({ azp: "a" }, rsa.privateKey, { alg: "RS512", kid: "rsa" }),
    "no signature": async () =>
      new UnsecuredJWT({ sub: "alice", azp: "a" })
        .setIssuer(issuer)
        .setAudience(audience)
        .setExpirationTime("1h")
        .encode(),
    "a token that names no actor": () => sign({}),
    "a token that names no principal": () => sign({ azp: "a", sub: undefined }),
    "a principal that is everybody": () => sign({ azp: "a", sub: "*" }),
    "a broken act": () => sign({ act: { sub: "a", act: "b" } }),
    "an act without an end": () => sign({ act: nested(9) }),
    "what is no token": async () => "rubbish",
  };
  for (const [what, token] of Object.entries(refused)) {
    test(`refuses ${what}`, async () => {
      await assert.rejects(verify(await token()), TokenError);
    });
  }

  test("fetches keys by URL, and does not blame the token when they cannot be had", async () => {
    const server = createServer((_, response) => {
      response.setHeader("Content-Type", "application/json").end(JSON.stringify(keySet));
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
    const address = server.address();
    assert.ok(typeof address === "object" && address !== null);
    const keys = { kind: "url", url: new URL(`http://127.0.0.1:${address.port}/`) } as const;
    const token = await sign({ azp: "a" });
    assert.equal((await verify(token, { keys })).identity.principal.id, "alice");
    server.close();
    server.closeAllConnections();
    await assert.rejects(verify(token, { keys }), { code: "not_serving" });
  });
});

async function verify(
  token: string,
  config: Partial<SubjectIssuer> = {},
  session: SessionConfig = { kind: "none" },
): Promise<Authenticated> {
  const from: SubjectIssuer = {
    issuer,
    audiences: [audience],
    keys: { kind: "file", path: keysFile },
    algorithms: ["ES256"],
    toleranceMs: 5_000,
    principalType: parseName("user", "type"),
    actorType: parseName("agent", "type"),
    ...config,
  };
  const verifier = createTokenReader({ from, resource: undefined }, session);
  return await verifier(token);
}

async function sign(
  claims: Record<string, unknown>,
  key: CryptoKey = good.privateKey,
  header: { alg?: string; kid?: string } = {},
): Promise<string> {
  const all = { sub: "alice", iss: issuer, aud: audience, exp: now() + 600, ...claims };
  return await new SignJWT(all)
    .setProtectedHeader({ alg: "ES256", kid: "good", ...header })
    .sign(key);
}

function nested(depth: number): object {
  return depth === 0 ? { sub: "a" } : { sub: "a", act: nested(depth - 1) };
}

function now(): number {
  return Math.floor(Date.now() / 1_000);
}
