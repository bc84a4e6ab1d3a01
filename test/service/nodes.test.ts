import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { createTestDatabase } from "../support/database.ts";
import {
  callOf,
  grant,
  mailWorld,
  object,
  options,
  prepareWorld,
  requestContext,
  startNode,
  verdict,
} from "../support/service-node.ts";

suite("two nodes on one database", () => {
  test("a revocation on one is over on the other when it returns", async () => {
    const { connectionString } = await createTestDatabase();
    await using first = await startNode(connectionString);
    await using second = await startNode(connectionString);
    await prepareWorld(first, mailWorld);
    const call = callOf("tool:send", "mailbox:alice");
    for (let round = 0; round < 20; round += 1) {
      await grant(round % 2 === 0 ? first : second, {});
      assert.equal(await verdict(first, call), "allowed");
      assert.equal(await verdict(second, call), "allowed");
      const from = round % 3 === 0 ? second : first;
      const { result } = await from.services.delegations.revoke(
        requestContext(),
        { selector: { principal: object("user:alice") }, dryRun: false },
        options,
      );
      assert.equal(await verdict(first, call), "no_delegation");
      assert.equal(await verdict(second, call), "no_delegation");
      assert.equal(result?.nodesAcknowledged, 2);
    }
  });

  test("both are listed, with what they acknowledged", async () => {
    const { connectionString } = await createTestDatabase();
    await using first = await startNode(connectionString);
    await using second = await startNode(connectionString);
    await prepareWorld(first, mailWorld);
    await verdict(second, callOf("tool:send", "mailbox:alice"));
    const { nodes } = await first.services.tenants.nodes(requestContext());
    assert.equal(nodes.length, 2);
    assert.equal(nodes.filter(({ self }) => self).length, 1);
    assert.ok(nodes.every(({ acknowledged, outdated }) => acknowledged !== undefined && !outdated));
  });

  test("checks that are answered from memory ask the database nothing", async () => {
    await using node = await startNode();
    await prepareWorld(node, mailWorld);
    await grant(node, {});
    const call = callOf("tool:send", "mailbox:alice");
    assert.equal(await verdict(node, call), "allowed");
    const { waited } = node.replica.counters;
    for (let count = 0; count < 1_000; count += 1) {
      const decision = node.services.authorizer.check(requestContext(), call, {
        consistency: { kind: "default" },
        explain: false,
      });
      assert.ok(!(decision instanceof Promise));
    }
    assert.equal(node.replica.counters.waited, waited);
    assert.equal(node.decisions.length, 1_001);
  });
});
