import assert from "node:assert/strict";
import { after, before, suite, test } from "node:test";
import type { Caller } from "../../src/core/caller.ts";
import { parseTupleText } from "../../src/core/tuple.ts";
import type { GrantedPermission } from "../../src/service/api-keys.ts";
import {
  callOf,
  grant,
  mailWorld,
  object,
  options,
  prepareWorld,
  requestContext,
  touch,
  verdict,
} from "../support/service-node.ts";
import { parseSubjectText } from "../../src/core/subject.ts";
import { startGuarded, type GuardedServer } from "./callers.ts";

const alice = { type: "user", id: "alice" };
const aliceCaller = "jwt:https://login.example.com|alice";

suite("Offboard", () => {
  let server: GuardedServer;
  before(async () => {
    server = await startGuarded({});
    await prepareWorld(server.node, mailWorld);
  });
  after(() => server[Symbol.asyncDispose]());

  test("leaves nothing of a user, and all of the others", async () => {
    const { node } = server;
    const delegableTo = [parseSubjectText("agent:helper", "delegable_to")];
    const [parentId = ""] = await grant(node, { delegableTo });
    await grant(node, { parentId, delegate: object("agent:helper") });
    const [bobs] = await grant(node, { principal: object("user:bob") });
    await touch(node, ["folder:more#owner@user:alice", "folder:more#owner@user:bob"]);
    await system(
      `tenant:default#checker@caller:${aliceCaller}`,
      `team:ops#member@caller:${aliceCaller}`,
      "team:ops#member@caller:key:kother",
    );
    const made = await node.services.keys.create(
      { ...requestContext(), caller: { id: aliceCaller, proof: { kind: "loopback" } } },
      { name: "hers", permissions: ["checker"] },
      options,
    );
    const bobsKey = await keyOf(["checker"]);
    using admin = server.client(await keyOf(["admin"], "system"));
    const answer = await admin.delegation.offboard({
      principal: alice,
      callerIds: [aliceCaller],
      options: { reason: "left" },
    });
    assert.equal(answer.revokedCount, 2n);
    assert.equal(answer.withdrawnCount, 2n);
    assert.deepEqual(answer.revokedKeyIds, [made.key.id]);
    assert.equal(answer.result?.enforced, true);
    const hers = { subjectType: "user", subjectId: "alice" };
    const left = await admin.tuple.readTuples({ filter: hers });
    assert.deepEqual(left.tuples, []);
    assert.equal(answer.deletedCount, 3n);
    const { delegations } = await admin.delegation.listDelegations({});
    assert.deepEqual(
      delegations.map(({ id }) => id),
      [bobs],
    );
    assert.equal(await verdict(node, callOf("tool:send", "mailbox:alice")), "suspended");
    using key = server.client(made.secret);
    await assert.rejects(key.tuple.readTuples({}), { code: "unauthenticated" });
    using other = server.client(bobsKey);
    await assert.rejects(other.tuple.readTuples({}), { code: "caller_not_permitted" });
    const team = { objectType: "team" };
    const members = await admin.tuple.readTuples({ tenant: "system", filter: team });
    assert.equal(members.tuples.length, 1);
  });

  test("revokes the keys that were made with her keys, in every tenant", async () => {
    const { node } = server;
    const hers = {
      id: "jwt:https://login.example.com|admin",
      proof: { kind: "loopback" as const },
    };
    await node.services.tenants.create(requestContext("elsewhere"), options);
    const make = (tenant: string, caller: Caller) =>
      node.services.keys.create(
        { ...requestContext(tenant), caller },
        { name: "made", permissions: ["admin"] },
        options,
      );
    const holder = (id: string): Caller => ({ id: `key:${id}`, proof: { kind: "loopback" } });
    const first = await make("system", hers);
    const second = await make("elsewhere", holder(first.key.id));
    const third = await make("default", holder(second.key.id));
    // What a key made lives on when the key is gone.
    await node.services.keys.revoke(requestContext("elsewhere"), second.key.id, options);
    const another = await make("default", { id: "key:kanother", proof: { kind: "loopback" } });
    using admin = server.client(await keyOf(["admin"], "system"));
    const request = { principal: object("user:admin"), callerIds: [hers.id] };
    const answer = await admin.delegation.offboard(request);
    const made = [first, second, third].map(({ key }) => key.id);
    assert.deepEqual(answer.revokedKeyIds.toSorted(), made.toSorted());
    using dead = server.client(third.secret);
    await assert.rejects(dead.tuple.readTuples({}), { code: "unauthenticated" });
    using alive = server.client(another.secret);
    await alive.tuple.readTuples({});
  });

  test("takes an agent's delegations from it, in pieces where there are many tuples", async () => {
    const { node } = server;
    const tuples = Array.from(
      { length: 1_500 },
      (_, index) => `mcp_server:s${index}#eligible@agent:x`,
    );
    await touch(node, tuples.slice(0, 1_000));
    await touch(node, tuples.slice(1_000));
    await grant(node, { principal: object("user:carol"), delegate: object("agent:x") });
    using operator = server.client(await keyOf(["operator", "writer"]));
    const answer = await operator.delegation.offboard({ principal: { type: "agent", id: "x" } });
    assert.equal(answer.revokedCount, 1n);
    assert.equal(answer.deletedCount, 1_500n);
    const again = await operator.delegation.offboard({ principal: { type: "agent", id: "x" } });
    assert.equal(again.revokedCount + again.deletedCount, 0n);
  });

  test("asks for all that it does", async () => {
    const refused = { code: "caller_not_permitted" };
    for (const permissions of [["operator"], ["writer"], ["delegator", "auditor"]] as const) {
      using client = server.client(await keyOf(permissions));
      await assert.rejects(client.delegation.offboard({ principal: alice }), refused);
    }
    using admin = server.client(await keyOf(["admin"]));
    const asked = { principal: alice, callerIds: [aliceCaller] };
    await assert.rejects(admin.delegation.offboard(asked), refused);
  });

  test("refuses more callers than it takes, and a key that it does not need", async () => {
    using admin = server.client(await keyOf(["admin"], "system"));
    const callerIds = Array.from({ length: 21 }, () => "key:k");
    await assert.rejects(admin.delegation.offboard({ principal: alice, callerIds }), {
      code: "limit_exceeded",
    });
    const keyed = { principal: alice, options: { idempotencyKey: "k" } };
    await assert.rejects(admin.delegation.offboard(keyed), { code: "malformed" });
  });

  async function keyOf(
    permissions: readonly GrantedPermission[],
    tenant = "default",
  ): Promise<string> {
    const request = { name: "a test's", permissions };
    return (await server.node.services.keys.create(requestContext(tenant), request, options))
      .secret;
  }

  async function system(...tuples: readonly string[]): Promise<void> {
    const steps = tuples.map((text) => ({
      kind: "touch" as const,
      tuple: parseTupleText(text, "tuple"),
    }));
    const request = { steps, preconditions: [] };
    await server.node.services.tuples.write(requestContext("system"), request, options);
  }
});
