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

  test("a batch is let in whole or not at all, whatever stands first in it", async () => {
    const validUntilMs = Date.now() + 600_000;
    const callerOf = (id: string): RequestContext =>
      contextOf({ id, proof: { kind: "token", issuer: "", validUntilMs } });
    const everywhere = "jwt:https://login.example.com|everywhere";
    const oneTool = "jwt:https://login.example.com|one";
    await grantTo(everywhere);
    await grantTo(oneTool, "tool:default%2Fsend");
    const send = callOf("tool:send", "mailbox:alice");
    const read = callOf("tool:read", "file:plan");
    const fact = parseTupleText("file:new#parent@folder:home", "tuple");
    const knowing = { ...callOf("tool:read", "file:new"), contextualTuples: [fact] };
    const { authorizer } = node.services;
    const refused = { code: "caller_not_permitted" };
    for (let time = 0; time < 2; time += 1) {
      await authorizer.checkBatch(callerOf(everywhere), [send, read], check);
      await authorizer.checkBatch(callerOf(oneTool), [send, send], check);
      for (const batch of [
        [send, read],
        [read, send],
      ]) {
        await assert.rejects(
          async () => authorizer.checkBatch(callerOf(oneTool), batch, check),
          refused,
        );
      }
      for (const batch of [
        [send, knowing],
        [knowing, send],
        [send, read, knowing],
      ]) {
        await assert.rejects(
          async () => authorizer.checkBatch(callerOf(everywhere), batch, check),
          refused,
        );
      }
    }
  });

  async function grantTo(callerId: string, scope = "tenant:default"): Promise<void> {
    const tuple = parseTupleText(`${scope}#checker@caller:${callerId}`, "tuple");
    const request = { steps: [{ kind: "touch" as const, tuple }], preconditions: [] };
    await node.services.tuples.write(requestContext("system"), request, options);
  }
});

function contextOf(caller: Caller): RequestContext {
  return { ...requestContext(), caller };
}
