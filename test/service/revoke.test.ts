import assert from "node:assert/strict";
import { afterEach, beforeEach, suite, test } from "node:test";
import { DomainError, type ErrorCode } from "../../src/core/error.ts";
import { parseName } from "../../src/core/object.ts";
import { parseSubjectText } from "../../src/core/subject.ts";
import { parseTupleText } from "../../src/core/tuple.ts";
import type { Selector } from "../../src/service/delegations.ts";
import { createWriter } from "../../src/store/writer.ts";
import {
  callOf,
  grant,
  mailWorld,
  object,
  options,
  pair,
  prepareWorld,
  remove,
  requestContext,
  startNode,
  verdict,
  type ServiceNode,
} from "../support/service-node.ts";

const failsWith =
  (code: ErrorCode) =>
  (error: unknown): boolean =>
    error instanceof DomainError && error.code === code;

const send = callOf("tool:send", "mailbox:alice");
const read = callOf("tool:read", "file:plan");

suite("revoke", () => {
  let node: ServiceNode;
  beforeEach(async () => {
    node = await startNode();
    await prepareWorld(node, mailWorld);
  });
  afterEach(async () => node[Symbol.asyncDispose]());

  const revoke = (selector: Selector, dryRun = false, key?: string) =>
    node.services.delegations.revoke(
      requestContext(),
      { selector, dryRun },
      key === undefined ? options : { ...options, idempotencyKey: key },
    );

  test("the very next call is denied", async () => {
    const [delegationId = ""] = await grant(node, {});
    assert.equal(await verdict(node, send), "allowed");
    const { outcome, delegations, result } = await revoke({ delegationId });
    assert.equal(await verdict(node, send), "no_delegation");
    assert.equal(outcome, "revoked");
    assert.deepEqual(
      delegations.map(({ delegation, because }) => [delegation.id, because]),
      [[delegationId, "selected"]],
    );
    assert.equal(result?.enforced, true);
  });

  test("what another node has committed, and this one has not heard of, is found", async () => {
    // A node that is not told of its own writes learns of them as it learns of another's.
    const deaf = createWriter(node.database);
    for (let time = 0; time < 10; time += 1) {
      const id = `d${time}`;
      const tuples = [
        ...["principal", "delegator"].map((name) => `delegation:${id}#${name}@user:alice`),
        `delegation:${id}#delegate@agent:mailbot`,
      ];
      const written = await deaf.write({
        tenant: requestContext().tenant,
        caller: requestContext().caller,
        operation: "write_tuples",
        reason: "",
        steps: tuples.map((text) => ({ kind: "create", tuple: parseTupleText(text, "tuple") })),
        preconditions: [],
        records: [],
        urgent: false,
      });
      assert.equal(written.kind, "committed");
      const { delegations } = await revoke({ principal: object("user:alice") });
      assert.deepEqual(
        delegations.map(({ delegation }) => delegation.id),
        [id],
      );
    }
  });

  test("a parent takes its whole subtree along, and says so", async () => {
    const anyone = [parseSubjectText("agent:*", "subject")];
    const [parentId = ""] = await grant(node, { delegableTo: anyone });
    const [childId = ""] = await grant(node, {
      delegate: object("agent:sub"),
      parentId,
      delegableTo: anyone,
    });
    const [leafId = ""] = await grant(node, { delegate: object("agent:leaf"), parentId: childId });
    const chain = callOf("tool:send", "mailbox:alice", { by: "agent:bot agent:sub agent:leaf" });
    assert.equal(await verdict(node, chain), "allowed");
    const { delegations } = await revoke({ delegationId: parentId });
    assert.equal(await verdict(node, chain), "no_delegation");
    assert.deepEqual(
      delegations.map(({ delegation, because }) => `${delegation.id} ${because}`).toSorted(),
      [`${parentId} selected`, `${childId} descendant`, `${leafId} descendant`].toSorted(),
    );
  });

  test("a dry run tells the same and changes nothing", async () => {
    const [delegationId = ""] = await grant(node, {});
    const { outcome, delegations, result } = await revoke({ delegationId }, true);
    assert.equal(outcome, "dry_run");
    assert.equal(delegations.length, 1);
    assert.equal(result, undefined);
    assert.equal(await verdict(node, send), "allowed");
  });

  test("by coverage: a wildcard, and a folder that the resource is within, are covered", async () => {
    const [byFolder = ""] = await grant(node, { pairs: [pair(["tool:read"], ["folder:home"])] });
    const [byServer = ""] = await grant(node, { pairs: [pair(["mcp_server:mail"], ["file:*"])] });
    const [other = ""] = await grant(node, { pairs: [pair(["tool:read"], ["file:other"])] });
    const { delegations } = await revoke({
      principal: object("user:alice"),
      tool: object("tool:read"),
      resource: object("file:plan"),
    });
    assert.deepEqual(
      delegations.map(({ delegation }) => delegation.id).toSorted(),
      [byFolder, byServer].toSorted(),
    );
    assert.equal(await verdict(node, read), "resource_not_covered");
    const left = await node.services.delegations.get(requestContext(), other, { kind: "default" });
    assert.equal(left.delegation.state, "live");
  });

  test("what is lost beyond the selector is said", async () => {
    await grant(node, {
      pairs: [pair(["tool:read", "tool:send"], ["file:plan", "mailbox:alice"])],
    });
    const { delegations } = await revoke({ tool: object("tool:send") });
    const [revoked] = delegations;
    assert.deepEqual(
      revoked?.lostTools.map(({ subject }) => subject),
      [parseSubjectText("tool:read", "subject")],
    );
    assert.deepEqual(revoked?.lostResources, []);
  });

  test("what still allows is said", async () => {
    const [first = ""] = await grant(node, {});
    const [second = ""] = await grant(node, { pairs: [pair(["tool:*"], ["mailbox:alice"])] });
    const { remaining } = await revoke({ delegationId: first });
    assert.deepEqual(
      remaining.map(({ delegation }) => delegation.id),
      [second],
    );
    assert.equal(await verdict(node, send), "allowed");
    const all = await revoke({ principal: object("user:alice"), actor: object("agent:bot") });
    assert.deepEqual(all.remaining, []);
  });

  test("nothing to revoke is an answer", async () => {
    const { outcome, delegations, result } = await revoke({ delegationId: "d404" });
    assert.equal(outcome, "nothing_matched");
    assert.deepEqual(delegations, []);
    assert.equal(result?.enforced, true);
  });

  test("a selector that selects everything by accident is refused", async () => {
    await assert.rejects(revoke({}), failsWith("malformed"));
  });

  test("an id that was revoked is never used again", async () => {
    const [delegationId = ""] = await grant(node, {});
    await revoke({ delegationId });
    await assert.rejects(
      node.services.tuples.write(
        requestContext(),
        {
          steps: [
            {
              kind: "create",
              tuple: {
                object: object(`delegation:${delegationId}`),
                relation: parseName("principal", "relation"),
                subject: parseSubjectText("user:alice", "subject"),
              },
            },
          ],
          preconditions: [],
        },
        options,
      ),
      failsWith("tuple_refused"),
    );
    const lifetime = { kind: "default" as const };
    await assert.rejects(
      node.services.delegations.renew(requestContext(), { delegationId, lifetime }, options),
      failsWith("delegation_not_found"),
    );
  });

  test("a retry with the same key tells what the first call told", async () => {
    const [delegationId = ""] = await grant(node, {});
    const first = await revoke({ delegationId }, false, "key");
    const again = await revoke({ delegationId }, false, "key");
    assert.deepEqual(again.delegations, first.delegations);
    assert.equal(again.outcome, "revoked");
    assert.ok((again.result?.revision ?? 0) > (first.result?.revision ?? 0));
  });

  test("a principal who loses a permission takes it from her agents", async () => {
    await grant(node, {});
    assert.equal(await verdict(node, send), "allowed");
    await remove(node, ["mailbox:alice#owner@user:alice"]);
    assert.equal(await verdict(node, send), "principal_lacks_permission");
  });

  for (const how of ["by key", "by filter"] as const) {
    test(`a link that loses its parent ${how} is over, and never becomes a root`, async () => {
      const principal = object("agent:self");
      const [parentId = ""] = await grant(node, {
        principal,
        delegate: object("agent:self"),
        delegableTo: [parseSubjectText("agent:*", "subject")],
      });
      const [childId = ""] = await grant(node, {
        principal,
        delegate: object("agent:next"),
        parentId,
      });
      const parent = `delegation:${childId}#parent@delegation:${parentId}`;
      if (how === "by key") {
        await remove(node, [parent]);
      } else {
        const filter = {
          objectType: parseName("delegation", "type"),
          relation: parseName("parent", "relation"),
        };
        const request = { filter, limit: 0, dryRun: false };
        await node.services.tuples.delete(requestContext(), request, options);
      }
      const { items } = await node.services.tuples.read(
        requestContext(),
        { objectType: parseName("delegation", "type"), objectId: childId },
        { pageSize: 0, pageToken: "" },
        { kind: "default" },
      );
      const relations = items.map(({ relation }) => relation as string);
      for (const gone of ["principal", "delegator", "delegate", "parent"]) {
        assert.ok(!relations.includes(gone), gone);
      }
    });
  }

  test("more tuples than one revision takes are ended first and then cleared away", async () => {
    const resources = Array.from({ length: 450 }, (_, index) => `file:${index}`);
    const pairs = Array.from({ length: 10 }, () => pair(["tool:read"], resources));
    const ids = await grant(node, { pairs: pairs.slice(0, 5) });
    const more = await grant(node, { pairs: pairs.slice(5) });
    const { delegations } = await revoke({ principal: object("user:alice") });
    assert.equal(delegations.length, ids.length + more.length);
    const left = await node.services.delegations.list(
      requestContext(),
      { labels: {}, includeExpired: true },
      { pageSize: 10, pageToken: "" },
      { kind: "default" },
    );
    assert.deepEqual(left.items, []);
  });
});

suite("suspend and resume", () => {
  let node: ServiceNode;
  beforeEach(async () => {
    node = await startNode();
    await prepareWorld(node, mailWorld);
    await grant(node, {});
  });
  afterEach(async () => node[Symbol.asyncDispose]());

  for (const target of [
    "user:alice",
    "agent:bot",
    "tool:send",
    "mcp_server:mail",
    "mailbox:alice",
  ]) {
    test(`${target}: no call goes through until it is resumed`, async () => {
      const { delegations } = node.services;
      await delegations.suspend(requestContext(), object(target), options);
      assert.equal(await verdict(node, send), "suspended");
      await delegations.resume(requestContext(), { target: object(target) }, options);
      assert.equal(await verdict(node, send), "allowed");
    });
  }

  test("lifting one suspension lifts no other", async () => {
    const { delegations } = node.services;
    const target = object("agent:bot");
    const first = await delegations.suspend(requestContext(), target, options);
    const second = await delegations.suspend(requestContext(), target, options);
    const { suspensionId } = first;
    const lifted = await delegations.resume(requestContext(), { target, suspensionId }, options);
    assert.deepEqual(lifted.liftedIds, [first.suspensionId]);
    assert.deepEqual(lifted.remainingIds, [second.suspensionId]);
    assert.equal(await verdict(node, send), "suspended");
    await assert.rejects(
      delegations.resume(requestContext(), { target, suspensionId }, options),
      failsWith("precondition_failed"),
    );
  });

  test("a type that knows no suspension is refused", async () => {
    await assert.rejects(
      node.services.delegations.suspend(requestContext(), object("permission:none"), options),
      failsWith("unknown_relation"),
    );
  });
});

suite("renew", () => {
  test("gives all three tuples one new end, and never one beyond the parent's", async () => {
    await using node = await startNode();
    await prepareWorld(node, mailWorld);
    const [parentId = ""] = await grant(node, {
      delegableTo: [parseSubjectText("agent:sub", "subject")],
      lifetime: { kind: "for", durationMs: 60_000 },
    });
    const [delegationId = ""] = await grant(node, { delegate: object("agent:sub"), parentId });
    const renew = (id: string, durationMs: number) =>
      node.services.delegations.renew(
        requestContext(),
        { delegationId: id, lifetime: { kind: "for", durationMs } },
        options,
      );
    await assert.rejects(renew(delegationId, 120_000), failsWith("attenuation_violated"));
    const { delegation } = await renew(parentId, 300_000);
    assert.ok((delegation.expiresAtMs ?? 0) > Date.now() + 200_000);
    await renew(delegationId, 120_000);
    const chain = callOf("tool:send", "mailbox:alice", { by: "agent:bot agent:sub" });
    assert.equal(await verdict(node, chain), "allowed");
  });
});

suite("a large revocation", () => {
  test("ends thousands of delegations, tells a thousand and counts all", async () => {
    await using node = await startNode();
    await prepareWorld(node, mailWorld);
    const ids: string[] = [];
    for (let agent = 0; agent < 75; agent += 1) {
      const pairs = Array.from({ length: 20 }, () => pair(["tool:send"], ["mailbox:alice"]));
      ids.push(...(await grant(node, { delegate: object(`agent:n${agent}`), pairs })));
    }
    const revoked = await node.services.delegations.revoke(
      requestContext(),
      { selector: { tool: object("tool:send") }, dryRun: false },
      options,
    );
    assert.equal(ids.length, 1_500);
    assert.equal(revoked.total, 1_500);
    assert.equal(revoked.delegations.length, 1_000);
    const call = callOf("tool:send", "mailbox:alice", { by: "agent:n74" });
    assert.equal(await verdict(node, call), "no_delegation");
  });
});
