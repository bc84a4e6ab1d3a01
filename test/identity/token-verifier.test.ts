import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { rm } from "node:fs/promises";
import { createServer } from "node:http";
import { suite, test } from "node:test";
import { DomainError } from "../../src/core/error.ts";
import type { Issuer, KeyPlace } from "../../src/identity/issuer.ts";
import { createTokenVerifier } from "../../src/identity/token-verifier.ts";
import { issuerName, startIssuer, type TestIssuer } from "./issuing.ts";

const seconds = (): number => Math.floor(Date.now() / 1_000);

suite("createTokenVerifier", () => {
  test("tells whose a good token is, and until when it is good", async () => {
    const issuer = await startIssuer();
    const exp = seconds() + 60;
    const verified = await verifierOf(issuer)(await issuer.token("prokura", { exp }));
    assert.equal(verified.subject, "alice");
    assert.equal(verified.validUntilMs, exp * 1_000 + 5_000);
  });

  test("answers at once what it verified a moment ago", async () => {
    const issuer = await startIssuer();
    const verify = verifierOf(issuer);
    const token = await issuer.token("prokura");
    const first = await verify(token);
    assert.equal(verify(token), first);
  });

  test("refuses a token that it verified before once its time is over", async () => {
    const issuer = await startIssuer();
    let nowMs = Date.now();
    const verify = createTokenVerifier(
      [issuerOf({ kind: "file", path: issuer.keyFile })],
      () => nowMs,
    );
    const token = await issuer.token("prokura", { exp: seconds() + 60 });
    await verify(token);
    nowMs += 66_000;
    assert.throws(() => verify(token), { code: "unauthenticated" });
  });

  const refused: Readonly<Record<string, object>> = {
    "another audience": { aud: "somebody-else" },
    "another issuer": { iss: "https://evil.example.com" },
    "an expiry over the tolerance ago": { exp: seconds() - 60 },
    "no expiry": { exp: undefined },
    "a start in the future": { nbf: seconds() + 60 },
    "no subject": { sub: undefined },
    "an empty subject": { sub: "" },
  };
  for (const [what, claims] of Object.entries(refused)) {
    test(`refuses a token with ${what}`, async () => {
      const issuer = await startIssuer();
      await refuses(issuer, await issuer.token("prokura", claims));
    });
  }

  test("refuses a token that nobody signed", async () => {
    const issuer = await startIssuer();
    const [, claims] = (await issuer.token("prokura")).split(".");
    await refuses(issuer, `${encode({ alg: "none" })}.${claims}.`);
  });

  test("refuses a token that is signed with the public key as if it were a secret", async () => {
    const issuer = await startIssuer();
    const [, claims] = (await issuer.token("prokura")).split(".");
    const signed = `${encode({ alg: "HS256", kid: "k0" })}.${claims}`;
    const secret = issuer.publicKey().export({ type: "spki", format: "pem" });
    await refuses(
      issuer,
      `${signed}.${createHmac("sha256", secret).update(signed).digest("base64url")}`,
    );
  });

  test("refuses a token whose claims were changed", async () => {
    const issuer = await startIssuer();
    const [header, , signature] = (await issuer.token("prokura")).split(".");
    const [, claims] = (await issuer.token("prokura", { sub: "mallory" })).split(".");
    await refuses(issuer, `${header}.${claims}.${signature}`);
  });

  test("refuses another issuer's signature under a key id of its own", async () => {
    const issuer = await startIssuer();
    const other = await startIssuer();
    await refuses(issuer, await other.token("prokura"));
    await refuses(issuer, await other.token("prokura", {}, "unknown"));
  });

  for (const text of ["", "a.b", "a.b.c", "x".repeat(20_000)]) {
    test(`refuses \`${text.slice(0, 9)}\`, which is no token`, async () => {
      await refuses(await startIssuer(), text);
    });
  }

  test("takes the new key of a file that was written anew", async () => {
    const issuer = await startIssuer();
    const verify = verifierOf(issuer);
    await verify(await issuer.token("prokura"));
    await issuer.rotate();
    assert.equal((await verify(await issuer.token("prokura"))).subject, "alice");
  });

  test("says that it cannot know where the keys cannot be had", async () => {
    const issuer = await startIssuer();
    const verify = verifierOf(issuer);
    await rm(issuer.keyFile);
    assert.equal(await codeOf(verify, await issuer.token("prokura")), "not_serving");
    const away: KeyPlace = { kind: "url", url: new URL("http://127.0.0.1:1/keys") };
    const remote = createTokenVerifier([issuerOf(away)], Date.now);
    assert.equal(await codeOf(remote, await issuer.token("prokura")), "not_serving");
  });

  test("fetches keys once for many tokens, and not for each key id that it does not know", async () => {
    const issuer = await startIssuer();
    let fetched = 0;
    const server = createServer((_request, response) => {
      fetched += 1;
      void issuer.keySet().then((keys) => response.end(keys));
    });
    await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
    const address = server.address();
    assert(typeof address === "object" && address !== null);
    const url = new URL(`http://127.0.0.1:${address.port}/keys`);
    const verify = createTokenVerifier([issuerOf({ kind: "url", url })], Date.now);
    try {
      await verify(await issuer.token("prokura"));
      await verify(await issuer.token("prokura", { jti: "2" }));
      assert.equal(fetched, 1);
      // Within the pause it is not fetched again: a caller cannot make us ask without end.
      assert.equal(
        await codeOf(verify, await issuer.token("prokura", {}, "no")),
        "unauthenticated",
      );
      assert.equal(fetched, 1);
    } finally {
      server.close();
    }
  });
});

function issuerOf(keys: KeyPlace): Issuer {
  const algorithms = ["RS256"] as const;
  return { issuer: issuerName, audiences: ["prokura"], keys, algorithms, toleranceMs: 5_000 };
}

function verifierOf(issuer: TestIssuer): ReturnType<typeof createTokenVerifier<Issuer>> {
  return createTokenVerifier([issuerOf({ kind: "file", path: issuer.keyFile })], Date.now);
}

async function refuses(issuer: TestIssuer, token: string): Promise<void> {
  assert.equal(await codeOf(verifierOf(issuer), token), "unauthenticated");
}

async function codeOf(verify: ReturnType<typeof verifierOf>, token: string): Promise<string> {
  try {
    await verify(token);
    return "verified";
  } catch (error) {
    assert(error instanceof DomainError);
    return error.code;
  }
}

function encode(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}
