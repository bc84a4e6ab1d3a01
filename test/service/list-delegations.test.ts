import assert from "node:assert/strict";
import { after, before, suite, test } from "node:test";
import type { DelegationFilter } from "../../src/service/delegations.ts";
import {
  grant,
  mailWorld,
  object,
  pair,
  prepareWorld,
  remove,
  requestContext,
  startNode,
  type ServiceNode,
} from "../support/service-node.ts";

suite("a list of delegations by what they cover", () => {
  let node: ServiceNode;
  const covering: string[] = [];
  before(async () => {
    node = await startNode();
    await prepareWorld(node, mailWorld);
    for (let at = 0; at < 7; at += 1) {
      const delegate = object(`agent:a${at}`);
      const tool = at % 2 === 0 ? "mcp_server:mail" : "tool:send";
      const [id = ""] = await grant(node, { delegate, pairs: [pair([tool], ["mailbox:alice"])] });
      covering.push(id);
      await grant(node, { delegate, pairs: [pair(["tool:read"], ["file:plan"])] });
    }
    covering.sort();
  });
  after(() => node[Symbol.asyncDispose]());

  async function listed(filter: Partial<DelegationFilter>): Promise<readonly string[]> {
    const ids: string[] = [];
    let pageToken = "";
    do {
      const page = await node.services.delegations.list(
        requestContext(),
        { labels: {}, includeExpired: false, ...filter },
        { pageSize: 2, pageToken },
        { kind: "default" },
      );
      ids.push(...page.items.map(({ id }) => id));
      pageToken = page.nextPageToken ?? "";
    } while (pageToken !== "");
    return ids;
  }

  test("is whole, in the order of ids, over any pages", async () => {
    assert.deepEqual(await listed({ tool: object("tool:send") }), covering);
    const both = { tool: object("tool:send"), resource: object("mailbox:alice") };
    assert.deepEqual(await listed(both), covering);
    assert.deepEqual(await listed({ ...both, resource: object("file:plan") }), []);
    assert.equal((await listed({ tool: object("tool:read") })).length, 11);
  });

  test("keeps to what else is asked", async () => {
    const delegate = object("agent:a3");
    assert.equal((await listed({ tool: object("tool:send"), delegate })).length, 1);
    const principal = object("user:alice");
    assert.deepEqual(await listed({ tool: object("tool:send"), principal }), covering);
    const nobody = { tool: object("tool:send"), principal: object("user:bob") };
    assert.deepEqual(await listed(nobody), []);
    await remove(node, [`delegation:${covering[0]}#resource@mailbox:alice`]);
    const resource = object("mailbox:alice");
    assert.deepEqual(await listed({ resource }), covering.slice(1));
  });
});
