import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { parseIssuers } from "../../src/identity/parse-issuers.ts";

const good = `
callers:
  - issuer: https://login.example.com
    audience: prokura
    jwks_file: keys.json
principals:
  - issuer: https://login.example.com
    audience: [tools, other-tools]
    jwks_url: https://login.example.com/keys
    algorithms: [ES256]
    tolerance_seconds: 0
    actor_type: bot
    consent:
      clients: [consent-screen]
      authenticated_within_seconds: 300
`;

suite("parseIssuers", () => {
  test("reads issuers of callers and of principals apart, with what stands where nothing is said", () => {
    const { callers, subjects } = parseIssuers(good, "/etc/prokura/issuers.yaml");
    assert.deepEqual(callers, [
      {
        issuer: "https://login.example.com",
        audiences: ["prokura"],
        keys: { kind: "file", path: "/etc/prokura/keys.json" },
        algorithms: ["RS256", "ES256", "EdDSA"],
        toleranceMs: 30_000,
      },
    ]);
    assert.equal(subjects[0]?.principalType, "user");
    assert.equal(subjects[0].actorType, "bot");
    assert.equal(subjects[0].toleranceMs, 0);
    assert.deepEqual(subjects[0].consent, {
      clients: ["consent-screen"],
      acr: [],
      authenticatedWithinMs: 300_000,
    });
  });

  test("an empty mapping believes nobody", () => {
    assert.deepEqual(parseIssuers("{}", "issuers.yaml"), { callers: [], subjects: [] });
  });

  test("reads where names are in a token, and what stands before them", () => {
    const places =
      "    principal_claim: [https://example.com/claims, id]\n    principal_prefix: 'corp|'\n" +
      "    actor_prefix: spiffe://example.com/\n    client_claim: appid\n";
    const text = good.replace("    actor_type: bot\n", `    actor_type: bot\n${places}`);
    const { subjects } = parseIssuers(text, "issuers.yaml");
    assert.deepEqual(subjects[0]?.principalClaim, {
      path: ["https://example.com/claims", "id"],
      prefix: "corp|",
    });
    assert.deepEqual(subjects[0].actorClaim, { path: ["sub"], prefix: "spiffe://example.com/" });
    assert.deepEqual(subjects[0].clientClaim, { path: ["appid"], prefix: "" });
  });

  const wrong: Readonly<Record<string, readonly [from: string, to: string, message: RegExp]>> = {
    "an algorithm whose key every verifier has": ["[ES256]", "[HS256]", /algorithms must be of/],
    "no signature at all": ["[ES256]", "[none]", /algorithms must be of/],
    "a claim of no name": [
      "actor_type: bot",
      "actor_type: bot\n    actor_claim: []",
      /actor_claim must name a claim/,
    ],
    "a claim too deep": [
      "actor_type: bot",
      "actor_type: bot\n    client_claim: [a, b, c, d, e, f, g, h, i]",
      /at most 8 deep/,
    ],
    "no algorithm": ["[ES256]", "[]", /at least one algorithm/],
    "no audience": ["audience: prokura", "audience: []", /audience must be set/],
    "keys over the open network": [
      "https://login.example.com/keys",
      "http://x.test/k",
      /https URL/,
    ],
    "keys in two places": [
      "jwks_file: keys.json",
      "jwks_file: k\n    jwks_url: https://x/y",
      /one of/,
    ],
    "keys in no place": ["    jwks_file: keys.json\n", "", /one of/],
    "a misspelt entry": ["tolerance_seconds", "tolerence_seconds", /tolerence_seconds is unknown/],
    "a tolerance of an hour": ["tolerance_seconds: 0", "tolerance_seconds: 3600", /from 0 to 300/],
    "consent for no client": ["clients: [consent-screen]", "clients: []", /consent screens/],
    "an issuer whose name could be cut in two": [
      "//login.example.com\n    audience: p",
      "//a|b\n    audience: p",
      /must not have/,
    ],
    "an actor type that is no name": [
      "actor_type: bot",
      "actor_type: a b",
      /actor_type must match/,
    ],
    "no list": ["callers:\n  - issuer", "callers:\n    issuer", /callers|YAML/],
  };
  for (const [what, [from, to, message]] of Object.entries(wrong)) {
    test(`refuses ${what}`, () => {
      assert.ok(good.includes(from));
      assert.throws(() => parseIssuers(good.replace(from, to), "issuers.yaml"), {
        code: "malformed",
        message,
      });
    });
  }

  test("refuses an issuer that is named twice: which of the two counts?", () => {
    const entry = "  - { issuer: a, audience: b, jwks_file: c }\n";
    assert.throws(() => parseIssuers(`callers:\n${entry}${entry}`, "issuers.yaml"), {
      code: "malformed",
      message: /each issuer once/,
    });
  });
});
