import assert from "node:assert/strict";
import { after, before, suite, test } from "node:test";
import type { ToolQuery } from "../../src/service/authorizer.ts";
import type { RequestContext } from "../../src/service/request.ts";
import {
  grant,
  mailWorld,
  object,
  pair,
  prepareWorld,
  requestContext,
  startNode,
  touch,
  type ServiceNode,
} from "../support/service-node.ts";

suite("list tools", () => {
  let node: ServiceNode;
  before(async () => {
    node = await startNode();
    await prepareWorld(node, [...mailWorld, "tool:unregistered#eligible@agent:*"]);
  });
  after(async () => node[Symbol.asyncDispose]());

  const queryOf = (actor: string): ToolQuery => ({
    principal: object("user:alice"),
    actors: [object(actor)],
    partialChain: false,
    context: {},
    consistency: { kind: "default" },
  });

  async function listed(actor: string, pageSize = 0): Promise<readonly string[]> {
    const ids: string[] = [];
    let pageToken = "";
    do {
      const query = { ...queryOf(actor), page: { pageSize, pageToken } };
      const page = await node.services.tools.listTools(requestContext(), query);
      ids.push(...page.items.map(({ id }) => id));
      pageToken = page.nextPageToken ?? "";
    } while (pageToken !== "");
    return ids;
  }

  test("shows what some delegation lets through", async () => {
    assert.deepEqual(await listed("agent:some"), []);
    await grant(node, { delegate: object("agent:some"), pairs: [pair(["tool:read"], ["file:*"])] });
    assert.deepEqual(await listed("agent:some"), ["read"]);
  });

  test("a delegation of every tool shows all that are registered, also in pages", async () => {
    const pairs = [pair(["tool:*"], ["file:*"])];
    await grant(node, { delegate: object("agent:every"), pairs });
    assert.deepEqual(await listed("agent:every"), ["read", "send"]);
    assert.deepEqual(await listed("agent:every", 1), ["read", "send"]);
  });

  test("a watcher hears that the set may have changed, and not of other things", async () => {
    const controller = new AbortController();
    const context: RequestContext = { ...requestContext(), signal: controller.signal };
    const watched = node.services.tools
      .watchTools(context, queryOf("agent:watched"))
      [Symbol.asyncIterator]();
    const first = await watched.next();
    assert.ok(first.done !== true);
    const second = watched.next();
    await touch(node, ["folder:elsewhere#owner@user:bob"]);
    const delegate = object("agent:watched");
    await grant(node, { delegate, pairs: [pair(["tool:read"], ["file:*"])] });
    const told = await second;
    assert.ok(told.done !== true && told.value.token !== first.value.token);
    assert.deepEqual(await listed("agent:watched"), ["read"]);
    controller.abort();
    await watched.return?.();
  });
});
