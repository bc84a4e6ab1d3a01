import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { formatObject, parseName } from "../../src/core/object.ts";
import type { SubjectIssuer } from "../../src/identity/issuer.ts";
import { subjectsOf } from "../../src/identity/token-subjects.ts";

const plainIssuer: SubjectIssuer = {
  issuer: "https://login.example.com",
  audiences: ["tools"],
  keys: { kind: "file", path: "keys.json" },
  algorithms: ["RS256"],
  toleranceMs: 0,
  principalType: parseName("user", "type"),
  actorType: parseName("agent", "type"),
};

suite("subjectsOf", () => {
  test("takes the subject, and the actors of act from the first to who acts now", () => {
    const act = { sub: "c", act: { sub: "b", act: { sub: "a" } } };
    assert.deepEqual(read({ act, azp: "d" }), ["user:alice", "agent:a", "agent:b", "agent:c"]);
  });

  test("takes the client where nobody acts", () => {
    assert.deepEqual(read({ client_id: "bot" }), ["user:alice", "agent:bot"]);
    assert.deepEqual(read({}), ["user:alice"]);
  });

  const mapped: Partial<SubjectIssuer> = {
    principalClaim: { path: ["https://example.com/claims", "employee"], prefix: "corp|" },
    actorClaim: { path: ["ext", "agent"], prefix: "" },
    clientClaim: { path: ["appid"], prefix: "app-" },
  };
  const employee = (id: unknown) => ({ "https://example.com/claims": { employee: id } });

  test("takes nested claims without what stands before the names", () => {
    assert.deepEqual(read({ ...employee("corp|a.lice"), appid: "app-bot", azp: "x" }, mapped), [
      "user:a.lice",
      "agent:bot",
    ]);
    const act = { sub: "no", ext: { agent: "b" }, act: { ext: { agent: "a" } } };
    assert.deepEqual(read({ ...employee("corp|x"), act }, mapped), [
      "user:x",
      "agent:a",
      "agent:b",
    ]);
  });

  test("no claim named for clients is no client, whatever azp says", () => {
    assert.deepEqual(read({ ...employee("corp|x"), azp: "bot" }, mapped), ["user:x"]);
  });

  const refused: Readonly<Record<string, object>> = {
    "a claim that is not there": {},
    "a way through a text": { "https://example.com/claims": "employee" },
    "a claim that is inherited": {
      "https://example.com/claims": Object.create(employee("corp|x")),
    },
    "a value without what must stand before it": employee("alice"),
    "a value that is nothing but that": employee("corp|"),
    everybody: employee("corp|*"),
    "a number": employee(7),
    "an actor without the claim": { ...employee("corp|x"), act: { sub: "bot" } },
    "a client without what must stand before it": { ...employee("corp|x"), appid: "bot" },
  };
  for (const [what, claims] of Object.entries(refused)) {
    test(`refuses ${what}`, () => {
      assert.throws(() => read(claims, mapped), { code: "unauthenticated" });
    });
  }
});

/** The principal, then the actors. */
function read(claims: object, changes: Partial<SubjectIssuer> = {}): readonly string[] {
  const { principal, actors } = subjectsOf({
    from: { ...plainIssuer, ...changes },
    subject: "alice",
    validUntilMs: 0,
    claims: { iss: plainIssuer.issuer, sub: "alice", ...claims },
  });
  return [principal, ...actors].map(formatObject);
}
