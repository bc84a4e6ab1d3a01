import assert from "node:assert/strict";
import { after, before, suite, test } from "node:test";
import { textOf, type ReadRow } from "../../src/audit/log-row.ts";
import { parseName } from "../../src/core/object.ts";
import type { DecisionQuery } from "../../src/service/find-decisions.ts";
import { agedLogOf } from "../../src/service/database-log.ts";
import { LogSweeper } from "../../src/service/log-retention.ts";
import { ensureSystemModel } from "../../src/service/system-model.ts";
import { truncateHistory } from "../../src/store/retention.ts";
import { openTestLog } from "../support/decision-log.ts";
import {
  callOf,
  decide,
  grant,
  mailWorld,
  object,
  options,
  pair,
  prepareWorld,
  remove,
  requestContext,
  startNode,
  touch,
  type ServiceNode,
} from "../support/service-node.ts";

const all = { newestFirst: false };
const whole = { pageSize: 1_000, pageToken: "" };

suite("audit", () => {
  let node: ServiceNode;
  let delegationId: string;
  let allowedId: string;
  before(async () => {
    node = await startNode();
    await prepareWorld(node, mailWorld);
    [delegationId = ""] = await grant(node, { pairs: [pair(["tool:send"], ["mailbox:alice"])] });
    ({ id: allowedId } = await decide(node, callOf("tool:send", "mailbox:alice")));
    await decide(node, callOf("tool:read", "file:plan"));
    await decide(node, callOf("tool:send", "mailbox:alice", { by: "agent:other" }));
    await assert.rejects(
      decide(node, callOf("tool:send", "mailbox:alice", { principal: object("planet:mars") })),
    );
    await node.services.authorizer.checkBatch(
      requestContext(),
      [callOf("tool:send", "mailbox:alice", { context: { to: "bob" } })],
      { consistency: { kind: "default" }, explain: false },
    );
    await remove(node, ["mailbox:alice#owner@user:alice"]);
    await decide(node, callOf("tool:send", "mailbox:alice"));
    // In several segments, of two nodes.
    for (const [index, name] of ["one", "two", "one"].entries()) {
      const log = openTestLog(node.database, { node: name });
      for (const event of node.decisions.slice(index * 2, index * 2 + 2)) void log.record(event);
      await log[Symbol.asyncDispose]();
    }
  });
  after(() => node[Symbol.asyncDispose]());

  async function list(
    query: Partial<DecisionQuery>,
    pageSize = 1_000,
  ): Promise<readonly ReadRow[]> {
    const rows: ReadRow[] = [];
    let pageToken = "";
    do {
      const page = { pageSize, pageToken };
      const found = await node.services.audit.listDecisions(
        requestContext(),
        { ...all, ...query },
        page,
      );
      rows.push(...found.items);
      pageToken = found.nextPageToken ?? "";
    } while (pageToken !== "");
    return rows;
  }

  const verdicts = (rows: readonly ReadRow[]) => rows.map(({ members }) => members["verdict"]);

  test("has every decision, and every failure to reach one", async () => {
    assert.deepEqual(verdicts(await list({})), [
      "allowed",
      "denied",
      "denied",
      "error",
      "allowed",
      "denied",
    ]);
  });

  test("finds decisions by each of what they are about", async () => {
    const counts = await Promise.all(
      [
        { principal: object("user:alice") },
        { actor: object("agent:other") },
        { tool: object("tool:read") },
        { resource: object("mailbox:alice") },
        { delegationId },
        { callerId: "anonymous" },
        { outcome: "error" as const },
        { session: object("session:s") },
        { principal: object("user:alice"), actor: object("agent:bot"), tool: object("tool:send") },
        { sinceMs: Date.now() + 1_000 },
        { untilMs: 1_000 },
      ].map(async (query) => (await list(query)).length),
    );
    assert.deepEqual(counts, [5, 1, 1, 5, 3, 6, 1, 0, 3, 0, 0]);
  });

  test("gives the same whole in pages of any size, and backwards", async () => {
    const seqs = (rows: readonly ReadRow[]) =>
      rows.map(({ place }) => `${place.chain} ${place.seq}`);
    const forwards = seqs(await list({}));
    for (const size of [1, 2, 3, 5]) {
      assert.deepEqual(seqs(await list({}, size)), forwards, `pages of ${size}`);
      assert.deepEqual(seqs(await list({ newestFirst: true }, size)), forwards.toReversed());
    }
  });

  test("takes a page token with its own question only", async () => {
    const first = await node.services.audit.listDecisions(requestContext(), all, {
      pageSize: 1,
      pageToken: "",
    });
    const pageToken = first.nextPageToken ?? "";
    await assert.rejects(
      node.services.audit.listDecisions(
        requestContext(),
        { ...all, outcome: "denied" },
        { pageSize: 1, pageToken },
      ),
      { code: "malformed" },
    );
  });

  test("finds one decision by its id", async () => {
    const one = await node.services.audit.listDecisions(
      requestContext(),
      { decisionId: allowedId },
      whole,
    );
    assert.deepEqual(
      one.items.map(({ members }) => members["delegations"]),
      [[delegationId]],
    );
    const none = await node.services.audit.listDecisions(
      requestContext(),
      { decisionId: "no-1" },
      whole,
    );
    assert.deepEqual(none.items, []);
  });

  test("judges a decision again as it was, though the world is another now", async () => {
    const given = { context: {}, accessContexts: [] };
    const review = await node.services.audit.review(requestContext(), allowedId, given);
    assert.equal(review.verdict.kind, "allowed");
    assert.equal(review.same && review.sameContext, true);
    await assert.rejects(node.services.audit.review(requestContext(), "no-1", given), {
      code: "decision_not_found",
    });
  });

  test("says whether the context given is that of then", async () => {
    const [, withContext = ""] = (await list({ outcome: "allowed" })).map(({ members }) =>
      textOf(members, "decision"),
    );
    const review = (context: Record<string, string>) =>
      node.services.audit.review(requestContext(), withContext, { context, accessContexts: [] });
    assert.equal((await review({ to: "bob" })).sameContext, true);
    assert.equal((await review({ to: "eve" })).sameContext, false);
  });

  test("lists the tools that an agent could have called then", async () => {
    const { atMs } = (await list({ outcome: "allowed" }))[0] ?? { atMs: 0 };
    await touch(node, ["tool:send#suspended@suspension:s1"]);
    const tools = await node.services.audit.listPastTools(requestContext(), {
      principal: object("user:alice"),
      actors: [object("agent:bot")],
      partialChain: false,
      context: {},
      consistency: { kind: "at_exact_instant", instantMs: atMs },
      page: whole,
    });
    assert.deepEqual(tools.items, [object("tool:send")]);
  });

  test("lists changes by who, what and when", async () => {
    const changes = async (query: object) =>
      (await node.services.audit.listChanges(requestContext(), { ...all, ...query }, whole)).items;
    const operations = (await changes({})).map(({ part }) => part.facts.operation);
    assert.deepEqual(operations.slice(0, 3), ["write_model", "write_tuples", "delegate"]);
    const [delegated] = await changes({ operation: "delegate" });
    assert.equal(delegated?.part.facts.reason, options.reason);
    assert.ok(delegated?.created.some(({ relation }) => relation === parseName("delegate", "")));
    assert.equal((await changes({ object: object(`delegation:${delegationId}`) })).length, 1);
    assert.deepEqual(await changes({ callerId: "nobody" }), []);
    assert.deepEqual(
      (await changes({ newestFirst: true })).map(({ part }) => part.facts.revision),
      (await changes({})).map(({ part }) => part.facts.revision).toReversed(),
    );
  });

  test("is for auditors of the tenant only", async () => {
    await ensureSystemModel(node.storage, node.services.models);
    const stranger = {
      ...requestContext(),
      caller: { id: "key:k1", proof: { kind: "key" as const, keyId: "k1" } },
    };
    const { audit } = node.services;
    const refused = { code: "unauthenticated" };
    await assert.rejects(audit.listDecisions(stranger, all, whole), refused);
    await assert.rejects(audit.listChanges(stranger, all, whole), refused);
    await assert.rejects(audit.verify(stranger, { checkpoints: [], keys: [] }), refused);
    await assert.rejects(audit.checkpoints(stranger), refused);
    await assert.rejects(Array.fromAsync(audit.export(stranger)), refused);
    const { secret } = await node.services.keys.create(
      { ...requestContext("default") },
      { name: "gateway", permissions: ["checker", "operator", "writer"] },
      options,
    );
    const keyId = /^prokura_([^_]+)_/.exec(secret)?.[1] ?? "";
    const gateway = {
      ...requestContext(),
      caller: { id: `key:${keyId}`, proof: { kind: "key" as const, keyId } },
    };
    await assert.rejects(audit.listDecisions(gateway, all, whole), {
      code: "caller_not_permitted",
    });
    await assert.rejects(Array.fromAsync(audit.export(gateway)), { code: "caller_not_permitted" });
    await assert.rejects(audit.review(gateway, allowedId, { context: {}, accessContexts: [] }), {
      code: "caller_not_permitted",
    });
    await assert.rejects(audit.listDecisions(requestContext("nowhere"), all, whole), {
      code: "tenant_not_found",
    });
  });

  test("verifies, and goes on verifying when the old rows are gone", async () => {
    const { audit } = node.services;
    const kept = await audit.checkpoints(requestContext());
    const evidence = { checkpoints: kept, keys: [] };
    assert.deepEqual((await audit.verify(requestContext(), evidence)).findings, []);
    const log = openTestLog(node.database, { node: "sweeper" });
    await truncateHistory(node.database, "default", Date.now());
    let now = Date.now() + 5_000;
    const sweeper = new LogSweeper({
      log,
      aged: agedLogOf(node.database),
      tenants: node.storage.tenants,
      keepMs: 1_000,
      nowMs: () => now,
    });
    const sweep = () => sweeper.sweep(new AbortController().signal);
    const before = await list({});
    await sweep();
    assert.deepEqual(await list({}), before, "the first sweep says only what the second removes");
    await sweep();
    assert.deepEqual(await list({}), []);
    assert.ok(before.length > 0);
    const verify = async () =>
      audit.verify(requestContext(), {
        checkpoints: await audit.checkpoints(requestContext()),
        keys: [],
      });
    assert.deepEqual((await verify()).findings, []);
    // The rows that said so grow old as well, and are there again.
    now += 5_000;
    await sweep();
    await sweep();
    await log[Symbol.asyncDispose]();
    assert.deepEqual((await verify()).findings, []);
  });
});
