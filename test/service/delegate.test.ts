import assert from "node:assert/strict";
import { after, before, suite, test } from "node:test";
import { DomainError, type ErrorCode } from "../../src/core/error.ts";
import { parseSubjectText } from "../../src/core/subject.ts";
import { parseTupleText } from "../../src/core/tuple.ts";
import {
  callOf,
  delegateRequest,
  grant,
  mailWorld,
  object,
  options,
  pair,
  prepareWorld,
  requestContext,
  startNode,
  touch,
  verdict,
  type ServiceNode,
} from "../support/service-node.ts";

const failsWith =
  (code: ErrorCode, message: RegExp = /./) =>
  (error: unknown): boolean =>
    error instanceof DomainError && error.code === code && message.test(error.message);

suite("delegate", () => {
  let node: ServiceNode;
  before(async () => {
    node = await startNode();
    await prepareWorld(node, mailWorld);
  });
  after(async () => node[Symbol.asyncDispose]());

  test("a consent lets the agent call, and nothing else does", async () => {
    const call = callOf("tool:send", "mailbox:alice", { by: "agent:first" });
    assert.equal(await verdict(node, call), "no_delegation");
    await grant(node, { delegate: object("agent:first") });
    assert.equal(await verdict(node, call), "allowed");
    const other = callOf("tool:read", "file:plan", { by: "agent:first" });
    assert.equal(await verdict(node, other), "tool_not_covered");
  });

  test("a delegation on a folder covers what is in it", async () => {
    const delegate = object("agent:reader");
    await grant(node, { delegate, pairs: [pair(["tool:read"], ["folder:home"])] });
    const call = callOf("tool:read", "file:plan", { by: "agent:reader" });
    assert.equal(await verdict(node, call), "allowed");
  });

  test("pairs become one delegation each, in one revision, and do not add up", async () => {
    const delegate = object("agent:pairs");
    const { delegations, result } = await node.services.delegations.delegate(
      requestContext(),
      delegateRequest({
        delegate,
        pairs: [pair(["tool:send"], ["mailbox:alice"]), pair(["tool:read"], ["file:other"])],
      }),
      options,
    );
    assert.equal(delegations.length, 2);
    assert.equal(new Set(delegations.map(({ id }) => id)).size, 2);
    assert.ok(result.enforced);
    const split = callOf("tool:read", "file:plan", { by: "agent:pairs" });
    assert.equal(await verdict(node, split), "resource_not_covered");
  });

  test("what was agreed is kept beside it", async () => {
    const consent = { issuer: "https://id.example", subject: "alice", tokenId: "t1", claims: {} };
    const [id = ""] = await grant(node, {
      delegate: object("agent:kept"),
      purpose: "answer the mail",
      labels: { ticket: "4711" },
      consent,
    });
    const { delegation } = await node.services.delegations.get(requestContext(), id, {
      kind: "default",
    });
    assert.equal(delegation.state, "live");
    assert.equal(delegation.record?.purpose, "answer the mail");
    assert.deepEqual(delegation.record?.consent, consent);
    assert.deepEqual(delegation.record?.labels, { ticket: "4711" });
    assert.equal(delegation.record?.createdBy, "anonymous");
  });

  test("without an expiry it ends after the default lifetime", async () => {
    const [id = ""] = await grant(node, { delegate: object("agent:default") });
    const { delegation } = await node.services.delegations.get(requestContext(), id, {
      kind: "default",
    });
    const lifetimeMs = (delegation.expiresAtMs ?? 0) - (delegation.record?.createdAtMs ?? 0);
    assert.equal(lifetimeMs, 3_600_000);
  });

  test("for ever is possible only in so many words", async () => {
    const delegate = object("agent:ever");
    const [id = ""] = await grant(node, { delegate, lifetime: { kind: "forever" } });
    const { delegation } = await node.services.delegations.get(requestContext(), id, {
      kind: "default",
    });
    assert.equal(delegation.expiresAtMs, undefined);
    const tooLong = { kind: "for" as const, durationMs: 31 * 24 * 3_600_000 };
    await assert.rejects(grant(node, { delegate, lifetime: tooLong }), failsWith("limit_exceeded"));
    const past = { kind: "until" as const, expiresAtMs: 1 };
    await assert.rejects(grant(node, { delegate, lifetime: past }), failsWith("malformed"));
  });

  test("the pair of a principal and a delegate has a limit", async () => {
    const delegate = object("agent:many");
    const pairs = Array.from({ length: 20 }, () => pair(["tool:send"], ["mailbox:alice"]));
    await grant(node, { delegate, pairs });
    await assert.rejects(grant(node, { delegate }), failsWith("limit_exceeded", /at most 20/));
  });

  test("the limit of a pair holds however many ask at once, on whatever nodes", async () => {
    await using other = await startNode(node.database.connectionString);
    const delegate = object("agent:raced");
    const pairs = Array.from({ length: 17 }, () => pair(["tool:send"], ["mailbox:alice"]));
    await grant(node, { delegate, pairs });
    const nodes = [node, other, node, other, node, other];
    const asked = await Promise.allSettled(nodes.map((each) => grant(each, { delegate })));
    const refused = asked.filter((each) => each.status === "rejected");
    assert.equal(asked.length - refused.length, 3);
    for (const { reason } of refused) {
      const isRefusal = failsWith("limit_exceeded")(reason) || failsWith("write_conflict")(reason);
      assert(isRefusal, String(reason));
    }
    await assert.rejects(grant(node, { delegate }), failsWith("limit_exceeded", /has 20/));
  });

  test("a model without delegations is said", async () => {
    await node.services.tenants.create(requestContext("plain"), options);
    const text = "model\n  schema 1.1\ntype user\n";
    const sources = [{ name: "model.fga", text }];
    const context = requestContext("plain");
    await node.services.models.write(context, { sources, activate: true }, options);
    await assert.rejects(
      node.services.delegations.delegate(context, delegateRequest({}), options),
      failsWith("no_delegations"),
    );
  });

  test("a type that the model does not take is refused, and nothing is written", async () => {
    const delegate = object("agent:refused");
    await assert.rejects(
      grant(node, { delegate, pairs: [pair(["tool:send"], ["user:bob"])] }),
      failsWith("tuple_refused"),
    );
    const call = callOf("tool:send", "mailbox:alice", { by: "agent:refused" });
    assert.equal(await verdict(node, call), "no_delegation");
  });

  test("a retry with the same key is answered alike and grants nothing more", async () => {
    const keyed = { ...options, idempotencyKey: "k1" };
    const request = delegateRequest({ delegate: object("agent:again") });
    const { delegations } = node.services;
    const first = await delegations.delegate(requestContext(), request, keyed);
    const second = await delegations.delegate(requestContext(), request, keyed);
    assert.deepEqual(
      second.delegations.map(({ id }) => id),
      first.delegations.map(({ id }) => id),
    );
    assert.ok(second.result.revision > first.result.revision);
    const other = delegateRequest({ delegate: object("agent:other") });
    await assert.rejects(
      delegations.delegate(requestContext(), other, keyed),
      failsWith("idempotency_mismatch"),
    );
  });
});

suite("attenuation", () => {
  let node: ServiceNode;
  let parentId: string;
  before(async () => {
    node = await startNode();
    await prepareWorld(node, mailWorld);
    const [id = ""] = await grant(node, {
      delegate: object("agent:lead"),
      pairs: [pair(["tool:read"], ["folder:home"])],
      delegableTo: [parseSubjectText("agent:sub", "subject")],
      lifetime: { kind: "for", durationMs: 600_000 },
    });
    parentId = id;
  });
  after(async () => node[Symbol.asyncDispose]());

  const narrower = (changes: Parameters<typeof delegateRequest>[0] = {}) => ({
    delegate: object("agent:sub"),
    parentId,
    pairs: [pair(["tool:read"], ["file:plan"])],
    ...changes,
  });

  test("a sub-agent may do less, in the name of the same principal", async () => {
    await grant(node, narrower());
    const call = callOf("tool:read", "file:plan", { by: "agent:lead agent:sub" });
    assert.equal(await verdict(node, call), "allowed");
    const alone = callOf("tool:read", "file:plan", { by: "agent:sub" });
    assert.equal(await verdict(node, alone), "chain_broken");
  });

  for (const [what, changes] of [
    ["a tool that the parent has not", { pairs: [pair(["tool:send"], ["file:plan"])] }],
    ["a resource outside of the parent's", { pairs: [pair(["tool:read"], ["file:other"])] }],
    ["every tool", { pairs: [pair(["tool:*"], ["file:plan"])] }],
    ["a delegate that the parent does not name", { delegate: object("agent:stranger") }],
    ["an end after the parent's", { lifetime: { kind: "for", durationMs: 900_000 } }],
    ["no end at all", { lifetime: { kind: "forever" } }],
    ["another principal", { principal: object("user:bob") }],
  ] as const) {
    test(`${what} is refused`, async () => {
      await assert.rejects(grant(node, narrower(changes)), failsWith("attenuation_violated"));
    });
  }

  test("below a parent that is expired nothing is renewed", async () => {
    const [rootId = ""] = await grant(node, {
      delegate: object("agent:late-lead"),
      delegableTo: [parseSubjectText("agent:*", "subject")],
    });
    const [id = ""] = await grant(node, {
      delegate: object("agent:late-sub"),
      parentId: rootId,
    });
    await expire(node, rootId, "agent:late-lead");
    const { delegations } = node.services;
    const request = { delegationId: id, lifetime: { kind: "default" as const } };
    await assert.rejects(
      delegations.renew(requestContext(), request, options),
      failsWith("attenuation_violated", /ended at/),
    );
  });

  test("a delegation that is its own ancestor is not renewed", async () => {
    await touch(node, [
      ...["one", "two"].flatMap((id) => [
        `delegation:${id}#principal@user:alice`,
        `delegation:${id}#delegator@agent:round`,
        `delegation:${id}#delegate@agent:round`,
      ]),
      "delegation:one#parent@delegation:two",
      "delegation:two#parent@delegation:one",
    ]);
    const request = { delegationId: "one", lifetime: { kind: "default" as const } };
    await assert.rejects(
      node.services.delegations.renew(requestContext(), request, options),
      failsWith("limit_exceeded", /at most 8 links/),
    );
  });

  test("a default lifetime is cut to the parent's end", async () => {
    const [id = ""] = await grant(node, narrower());
    const read = async (one: string) =>
      (await node.services.delegations.get(requestContext(), one, { kind: "default" })).delegation;
    assert.equal((await read(id)).expiresAtMs, (await read(parentId)).expiresAtMs);
  });

  test("an unknown parent is not found", async () => {
    await assert.rejects(
      grant(node, narrower({ parentId: "d404" })),
      failsWith("delegation_not_found"),
    );
  });

  test("a chain has at most eight links", async () => {
    let last: string | undefined;
    for (let link = 1; link <= 8; link += 1) {
      const [id = ""] = await grant(node, {
        delegate: object(`agent:l${link}`),
        ...(last === undefined ? {} : { parentId: last }),
        delegableTo: [parseSubjectText("agent:*", "subject")],
      });
      last = id;
    }
    await assert.rejects(
      grant(node, {
        delegate: object("agent:l9"),
        ...(last === undefined ? {} : { parentId: last }),
      }),
      failsWith("limit_exceeded", /8 links/),
    );
    const chain = Array.from({ length: 8 }, (_, index) => `agent:l${index + 1}`).join(" ");
    assert.equal(
      await verdict(node, callOf("tool:send", "mailbox:alice", { by: chain })),
      "allowed",
    );
  });
});

/** Ends a delegation of alice's as if its time had passed. */
async function expire(node: ServiceNode, id: string, delegate: string): Promise<void> {
  const steps = [
    `delegation:${id}#principal@user:alice`,
    `delegation:${id}#delegator@user:alice`,
    `delegation:${id}#delegate@${delegate}`,
  ].map((text) => ({
    kind: "touch" as const,
    tuple: { ...parseTupleText(text, "tuple"), expiresAtMs: 1_000 },
  }));
  await node.services.tuples.write(requestContext(), { steps, preconditions: [] }, options);
}
