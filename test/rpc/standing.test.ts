import assert from "node:assert/strict";
import { after, before, suite, test } from "node:test";
import type { Client } from "../../src/client/client.ts";
import { Verdict, type CheckResult } from "../../src/gen/prokura/v1/authorization_pb.ts";
import type { GrantedPermission } from "../../src/service/api-keys.ts";
import { parseName } from "../../src/core/object.ts";
import { issuerName, startIssuer, type TestIssuer } from "../identity/issuing.ts";
import {
  grant,
  mailWorld,
  object,
  options,
  prepareWorld,
  requestContext,
} from "../support/service-node.ts";
import { parseSubjectText } from "../../src/core/subject.ts";
import { startGuarded, type GuardedServer } from "./callers.ts";

const user = (id: string) => ({ type: "user", id });
const agent = (id: string) => ({ type: "agent", id });
const plain = (type: string, id: string) => ({
  subject: { subject: { case: "object" as const, value: { type, id } } },
});
const pairs = [{ tools: [plain("tool", "send")], resources: [plain("mailbox", "alice")] }];
const consent = { azp: "consent-screen" };

suite("a delegator", () => {
  let issuer: TestIssuer;
  let server: GuardedServer;
  let client: Client;
  let parentId: string;
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
          consent: { clients: ["consent-screen"], acr: [], authenticatedWithinMs: 300_000 },
        },
      ],
    });
    await prepareWorld(server.node, mailWorld);
    const delegableTo = [parseSubjectText("agent:helper", "delegable_to")];
    const [id = ""] = await grant(server.node, { delegableTo });
    parentId = id;
    await grant(server.node, { principal: object("user:bob") });
    const { secret } = await server.node.services.keys.create(
      requestContext(),
      { name: "consent screen", permissions: ["delegator"] },
      options,
    );
    client = server.client(secret);
  });
  after(async () => {
    client.close();
    await server[Symbol.asyncDispose]();
  });

  const delegate = (proofToken: string, principal = "alice") =>
    client.delegation.delegate({
      principal: user(principal),
      delegate: agent("bot"),
      pairs,
      proofToken,
      consent: { issuer: "as it likes" },
    });

  test("delegates for whoever's fresh token it shows, and the proof is kept", async () => {
    const { delegations } = await delegate(await fresh({ ...consent, jti: "t1", acr: "mfa" }));
    const kept = delegations[0]?.consent;
    assert.equal(kept?.issuer, issuerName);
    assert.equal(kept.subject, "alice");
    assert.equal(kept.tokenId, "t1");
    assert.equal(kept.claims?.["acr"], "mfa");
  });

  test("delegates for nobody without a token", async () => {
    await assert.rejects(delegate(""), { code: "caller_not_permitted" });
  });

  test("delegates for nobody but the token's own principal", async () => {
    await assert.rejects(delegate(await fresh(consent), "bob"), { code: "caller_not_permitted" });
  });

  const unfit: Readonly<Record<string, object>> = {
    "that was given to an agent": { azp: "bot" },
    "that was given to nobody in particular": {},
    "in which an agent acts": { ...consent, act: { sub: "bot" } },
    "of somebody who was authenticated long ago": { ...consent, auth_time: 1_000_000 },
    "that does not say when": { ...consent, auth_time: undefined },
  };
  for (const [what, claims] of Object.entries(unfit)) {
    test(`takes no token as consent ${what}`, async () => {
      await assert.rejects(delegate(await fresh(claims)), { code: "caller_not_permitted" });
    });
  }

  test("is told where the token is not valid at all", async () => {
    const other = await issuer.token("another-service", consent);
    await assert.rejects(delegate(other), { code: "unauthenticated" });
  });

  const narrow = (proofToken: string, parent = parentId) =>
    client.delegation.delegate({ parentId: parent, delegate: agent("helper"), pairs, proofToken });

  test("passes on for the parent's delegate, whoever it acts for", async () => {
    const { delegations } = await narrow(await fresh({ act: { sub: "bot" } }));
    assert.equal(delegations[0]?.delegator?.id, "bot");
    await narrow(await issuer.token("tools", { sub: "bot", client_id: "bot" }));
  });

  test("cannot tell another agent's delegation from one that is not there", async () => {
    const token = await fresh({ act: { sub: "helper" } });
    const refused = await errorOf(() => narrow(token));
    const unknown = await errorOf(() => narrow(token, "dnone"));
    assert.equal(refused.replace(parentId, "dnone"), unknown);
    assert.match(refused, /there is no delegation/);
  });

  test("an actor of another issuer is not the one of that name here", async () => {
    const act = { sub: "bot", iss: "https://elsewhere.example.com" };
    await assert.rejects(narrow(await fresh({ act })), { code: "unauthenticated" });
  });

  test("renews only what its token's principal gave", async () => {
    const proofToken = await fresh(consent);
    const renewed = { delegationId: parentId, proofToken };
    await client.delegation.renewDelegation(renewed);
    const token = await fresh({ ...consent, sub: "bob" });
    await assert.rejects(
      client.delegation.renewDelegation({ delegationId: parentId, proofToken: token }),
      { code: "delegation_not_found" },
    );
  });

  test("revokes only what its token's principal gave, and sees of nothing else", async () => {
    const proofToken = await fresh(consent);
    const selector = { actor: agent("bot") };
    const { revoked } = await client.delegation.revoke({ selector, proofToken, dryRun: true });
    assert.ok(revoked.length > 0);
    assert.ok(revoked.every((one) => one.delegation?.principal?.id === "alice"));
    const others = { principal: user("bob") };
    await assert.rejects(client.delegation.revoke({ selector: others, proofToken }), {
      code: "caller_not_permitted",
    });
  });

  test("neither lists nor suspends nor writes tuples", async () => {
    const refused = { code: "caller_not_permitted" };
    await assert.rejects(client.delegation.listDelegations({}), refused);
    await assert.rejects(client.delegation.getDelegation({ delegationId: parentId }), refused);
    await assert.rejects(client.delegation.suspend({ target: user("bob") }), refused);
    await assert.rejects(client.tuple.readTuples({}), refused);
  });

  test("a check may be asked with the token that a gateway got in place of names", async () => {
    const { secret } = await server.node.services.keys.create(
      requestContext(),
      { name: "gateway", permissions: ["checker"] },
      options,
    );
    using gateway = server.client(secret);
    const call = {
      tool: { type: "tool", id: "send" },
      accesses: [{ resource: { type: "mailbox", id: "alice" } }],
    };
    const ask = async (token: Promise<string>) =>
      (await gateway.authorization.check({ ...call, bearerToken: await token })).verdict;
    assert.equal(await ask(fresh({ act: { sub: "bot" } })), Verdict.ALLOWED);
    assert.equal(await ask(fresh({ client_id: "bot" })), Verdict.ALLOWED);
    assert.equal(await ask(fresh({ act: { sub: "helper" } })), Verdict.DENIED);
    assert.equal(
      await ask(fresh({ act: { sub: "helper", act: { sub: "bot" } } })),
      Verdict.ALLOWED,
    );
    assert.equal(await ask(fresh({ act: { sub: "bot", act: { sub: "helper" } } })), Verdict.DENIED);
    assert.equal(await ask(fresh({ sub: "mallory", act: { sub: "bot" } })), Verdict.DENIED);
    const refused = { code: "unauthenticated" };
    await assert.rejects(ask(fresh({})), refused);
    await assert.rejects(ask(issuer.token("another-service", { client_id: "bot" })), refused);
    const both = {
      ...call,
      principal: user("bob"),
      bearerToken: await fresh({ client_id: "bot" }),
    };
    await assert.rejects(gateway.authorization.check(both), { code: "malformed" });
  });

  test("items of batches and streams may each bring a token, and fail alone", async () => {
    using gateway = server.client(await keyOf(["checker"]));
    const call = {
      tool: { type: "tool", id: "send" },
      accesses: [{ resource: { type: "mailbox", id: "alice" } }],
    };
    const items = [
      { ...call, bearerToken: await fresh({ act: { sub: "bot" } }) },
      { ...call, bearerToken: await issuer.token("another-service", { client_id: "bot" }) },
      { ...call, principal: user("alice"), actors: [agent("bot")] },
      { ...call, bearerToken: await fresh({ act: { sub: "mallory" } }) },
    ];
    const summary = (results: readonly CheckResult[]) =>
      results.map(({ result }) =>
        result.case === "decision" ? result.value.verdict : result.value?.code,
      );
    const expected = [Verdict.ALLOWED, "unauthenticated", Verdict.ALLOWED, Verdict.DENIED];
    const batch = await gateway.authorization.batchCheck({ items });
    assert.deepEqual(summary(batch.results), expected);
    const answers = gateway.authorization.streamCheck([{ tag: 1n, items }]);
    const [streamed] = await Array.fromAsync(answers);
    assert.deepEqual(summary(streamed?.results ?? []), expected);
  });

  test("what is kept of a token goes with the decision", async () => {
    using gateway = server.client(await keyOf(["checker"]));
    const bearerToken = await fresh({
      jti: "t7",
      cnf: { jkt: "thumb" },
      act: { sub: "bot" },
    });
    await gateway.authorization.batchCheck({
      items: [{ tool: { type: "tool", id: "send" }, bearerToken }],
    });
    assert.deepEqual(server.node.decisions.at(-1)?.call.shownToken, {
      issuer: issuerName,
      id: "t7",
      keyThumbprint: "thumb",
    });
  });

  test("tools are listed and watched for whoever a token names", async () => {
    using gateway = server.client(await keyOf(["checker"]));
    const bearerToken = await fresh({ act: { sub: "bot" } });
    const { tools } = await gateway.authorization.listTools({ bearerToken });
    assert.deepEqual(
      tools.map(({ id }) => id),
      ["send"],
    );
    const events = gateway.authorization.watchTools({ bearerToken })[Symbol.asyncIterator]();
    assert.equal((await events.next()).done, false);
    await events.return?.();
    const foreign = { bearerToken: await issuer.token("another-service", { client_id: "bot" }) };
    await assert.rejects(gateway.authorization.listTools(foreign), { code: "unauthenticated" });
    await assert.rejects(Array.fromAsync(gateway.authorization.watchTools(foreign)), {
      code: "unauthenticated",
    });
  });

  test("an operator needs no token", async () => {
    const { secret } = await server.node.services.keys.create(
      requestContext(),
      { name: "help desk", permissions: ["operator"] },
      options,
    );
    using operator = server.client(secret);
    await operator.delegation.revoke({ selector: { principal: user("bob") } });
  });

  async function keyOf(permissions: readonly GrantedPermission[]): Promise<string> {
    const request = { name: "a test's", permissions };
    return (await server.node.services.keys.create(requestContext(), request, options)).secret;
  }

  /** Alice's token for the tools, of just now. */
  async function fresh(claims: object): Promise<string> {
    return await issuer.token("tools", { auth_time: Math.floor(Date.now() / 1_000), ...claims });
  }
});

async function errorOf(ask: () => Promise<unknown>): Promise<string> {
  try {
    await ask();
    return "";
  } catch (error) {
    return error instanceof Error ? error.message : "";
  }
}
