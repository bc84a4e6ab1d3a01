import assert from "node:assert/strict";
import { after, before, suite, test } from "node:test";
import type { Client } from "../../src/client/client.ts";
import { Verdict, type CheckResult } from "../../src/gen/prokura/v1/authorization_pb.ts";
import { RevokeOutcome } from "../../src/gen/prokura/v1/delegation_pb.ts";
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
  let bobsId: string;
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
    [bobsId = ""] = await grant(server.node, { principal: object("user:bob") });
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

  test("sees what its token's principal gave, and of others' what is not there", async () => {
    const proofToken = await fresh({ ...consent, auth_time: 1_000_000 });
    const { delegations } = await client.delegation.listDelegations({ proofToken });
    assert.ok(delegations.some(({ id }) => id === parentId));
    assert.ok(delegations.every(({ principal }) => principal?.id === "alice"));
    const bobs = { principal: user("bob"), proofToken };
    await assert.rejects(client.delegation.listDelegations(bobs), { code: "caller_not_permitted" });
    const read = (delegationId: string) =>
      client.delegation.getDelegation({ delegationId, proofToken });
    assert.equal((await read(parentId)).delegation?.id, parentId);
    const refused = await errorOf(() => read(bobsId));
    assert.equal(refused.replace(bobsId, "dnone"), await errorOf(() => read("dnone")));
    assert.match(refused, /there is no delegation/);
  });

  test("sees for an agent what it was given and what it passed on", async () => {
    const { delegations: made } = await narrow(await fresh({ act: { sub: "bot" } }));
    const madeId = made[0]?.id ?? "";
    const proofToken = await fresh({ act: { sub: "helper" } });
    const given = await client.delegation.listDelegations({ proofToken });
    assert.ok(given.delegations.some(({ id }) => id === madeId));
    assert.ok(given.delegations.every(({ delegate: to }) => to?.id === "helper"));
    const parents = { delegate: agent("bot"), proofToken };
    assert.deepEqual((await client.delegation.listDelegations(parents)).delegations, []);
    const bots = await fresh({ act: { sub: "bot" } });
    const passedOn = { parentId, proofToken: bots };
    const listed = (await client.delegation.listDelegations(passedOn)).delegations;
    assert.ok(listed.some(({ id }) => id === madeId));
  });

  test("takes back for an agent what it passed on, and nothing else", async () => {
    const { delegations: made } = await narrow(await fresh({ act: { sub: "bot" } }));
    const madeId = made[0]?.id ?? "";
    const bots = await fresh({ act: { sub: "bot" } });
    const revoke = (delegationId: string, proofToken: string) =>
      client.delegation.revoke({ selector: { delegationId }, proofToken });
    const given = await revoke(parentId, bots);
    assert.equal(given.outcome, RevokeOutcome.NOTHING_MATCHED);
    const helpers = await revoke(madeId, await fresh({ act: { sub: "helper" } }));
    assert.equal(helpers.outcome, RevokeOutcome.NOTHING_MATCHED);
    const own = await revoke(madeId, bots);
    assert.deepEqual(
      own.revoked.map(({ delegation }) => delegation?.id),
      [madeId],
    );
    assert.deepEqual(
      own.remaining.filter(({ delegation }) => delegation?.delegator?.id !== "bot"),
      [],
    );
  });

  test("an agent cannot widen what it was given", async () => {
    const proofToken = await fresh({ act: { sub: "bot" } });
    const wider = [{ tools: [plain("tool", "read")], resources: [plain("mailbox", "alice")] }];
    const wide = { parentId, delegate: agent("helper"), pairs: wider, proofToken };
    await assert.rejects(client.delegation.delegate(wide), { code: "attenuation_violated" });
    const again = { delegationId: parentId, proofToken };
    await assert.rejects(client.delegation.renewDelegation(again), {
      code: "caller_not_permitted",
    });
  });

  test("an idempotency key answers only whom it answered before", async () => {
    const options = { idempotencyKey: "once" };
    const ask = (proofToken: string) =>
      client.delegation.delegate({
        parentId,
        delegate: agent("helper"),
        pairs,
        proofToken,
        options,
      });
    const token = await fresh({ act: { sub: "bot" } });
    const [first] = (await ask(token)).delegations;
    const [second] = (await ask(token)).delegations;
    assert.equal(second?.id, first?.id);
    await assert.rejects(ask(await fresh({ act: { sub: "mallory" } })), {
      code: "idempotency_mismatch",
    });
  });

  test("an operator cannot say that a consent was verified, but can have it verified", async () => {
    using operator = server.client(await keyOf(["operator"]));
    const request = { principal: user("alice"), delegate: agent("bot"), pairs };
    await assert.rejects(
      operator.delegation.delegate({ ...request, consent: { claims: { verified: true } } }),
      { code: "malformed" },
    );
    const told = await operator.delegation.delegate({
      ...request,
      consent: { claims: { form: "on paper" } },
    });
    assert.deepEqual(told.delegations[0]?.consent?.claims, { form: "on paper" });
    const shown = await operator.delegation.delegate({
      ...request,
      proofToken: await fresh({ ...consent, jti: "t9" }),
    });
    assert.equal(shown.delegations[0]?.consent?.claims?.["verified"], true);
    assert.equal(shown.delegations[0].consent.tokenId, "t9");
    for (const claims of [{ ...consent, sub: "bob" }, { act: { sub: "bot" } }]) {
      const proofToken = await fresh(claims);
      await assert.rejects(operator.delegation.delegate({ ...request, proofToken }), {
        code: "caller_not_permitted",
      });
    }
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
