import assert from "node:assert/strict";
import { after, before, suite, test } from "node:test";
import type { Caller } from "../../src/core/caller.ts";
import { parseTupleText } from "../../src/core/tuple.ts";
import type { RequestContext } from "../../src/service/request.ts";
import { ensureSystemModel } from "../../src/service/system-model.ts";
import {
  callOf,
  grant,
  mailWorld,
  options,
  prepareWorld,
  requestContext,
  startNode,
  type ServiceNode,
} from "../support/service-node.ts";

const check = { consistency: { kind: "default" }, explain: false } as const;

suite("createPermits", () => {
  let node: ServiceNode;
  before(async () => {
    node = await startNode();
    await ensureSystemModel(node.storage, node.services.models);
    await prepareWorld(node, mailWorld);
    await grant(node, {});
  });
  after(async () => node[Symbol.asyncDispose]());

  test("makes no promise where what it needs is in memory", async () => {
    const { key } = await node.services.keys.create(
      requestContext(),
      { name: "", permissions: ["checker"] },
      options,
    );
    const caller: Caller = { id: `key:${key.id}`, proof: { kind: "key", keyId: key.id } };
    const call = callOf("tool:send", "mailbox:alice");
    await node.services.authorizer.check(contextOf(caller), call, check);
    const answer = node.services.authorizer.check(contextOf(caller), call, check);
    assert.ok(!(answer instanceof Promise));
    assert.equal(answer.verdict.kind, "allowed");
  });

  test("a granted token is worth nothing once its time is over", async () => {
    const id = "jwt:https://login.example.com|late";
    await grantTo(id);
    const context = (validUntilMs: number) =>
      contextOf({ id, proof: { kind: "token", issuer: "", validUntilMs } });
    const call = callOf("tool:send", "mailbox:alice");
    await node.services.authorizer.check(context(Date.now() + 60_000), call, check);
    await assert.rejects(
      async () => node.services.authorizer.check(context(Date.now() - 1), call, check),
      { code: "unauthenticated" },
    );
  });

  test("a key that has a permission but no holder any more is ended", async () => {
    await grantTo("key:kgone");
    const caller: Caller = { id: "key:kgone", proof: { kind: "key", keyId: "kgone" } };
    const call = callOf("tool:send", "mailbox:alice");
    await assert.rejects(
      async () => node.services.authorizer.check(contextOf(caller), call, check),
      { code: "unauthenticated" },
    );
  });

  async function grantTo(callerId: string): Promise<void> {
    const tuple = parseTupleText(`tenant:default#checker@caller:${callerId}`, "tuple");
    const request = { steps: [{ kind: "touch" as const, tuple }], preconditions: [] };
    await node.services.tuples.write(requestContext("system"), request, options);
  }
});

function contextOf(caller: Caller): RequestContext {
  return { ...requestContext(), caller };
}
