import assert from "node:assert/strict";
import { after, before, suite, test } from "node:test";
import { DomainError, type ErrorCode } from "../../src/core/error.ts";
import { parseName } from "../../src/core/object.ts";
import { formatToken, parseRevision } from "../../src/core/revision.ts";
import { formatTuple, parseTupleText, type RelationTuple } from "../../src/core/tuple.ts";
import type { Consistency, RequestContext } from "../../src/service/request.ts";
import type { WatchEvent } from "../../src/service/tuples.ts";
import {
  callOf,
  grant,
  mailWorld,
  object,
  options,
  prepareWorld,
  remove,
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

const byDefault: Consistency = { kind: "default" };
const tupleOf = (text: string): RelationTuple => parseTupleText(text, "tuple");
const folders = { objectType: parseName("folder", "type") };

suite("tuples", () => {
  let node: ServiceNode;
  before(async () => {
    node = await startNode();
    await prepareWorld(node, mailWorld);
  });
  after(async () => node[Symbol.asyncDispose]());

  const write = (kind: "create" | "touch" | "delete", ...texts: string[]) =>
    node.services.tuples.write(
      requestContext(),
      { steps: texts.map((text) => ({ kind, tuple: tupleOf(text) })), preconditions: [] },
      options,
    );

  test("a batch is written whole or not at all, and the error names the operation", async () => {
    const good = "folder:whole#viewer@user:bob";
    await assert.rejects(write("create", good, "folder:whole#nobody@user:bob"), (error) => {
      assert.ok(error instanceof DomainError);
      assert.equal(error.code, "unknown_relation");
      assert.equal(error.facts.field, "operations[1].relation");
      return true;
    });
    await assert.rejects(
      write("create", good, "mailbox:alice#owner@user:alice"),
      failsWith("tuple_exists"),
    );
    const { items } = await node.services.tuples.read(
      requestContext(),
      { ...folders, objectId: "whole" },
      { pageSize: 0, pageToken: "" },
      byDefault,
    );
    assert.deepEqual(items, []);
  });

  test("one key may stand once in a write", async () => {
    await assert.rejects(
      write("touch", "folder:a#viewer@user:bob", "folder:a#viewer@user:bob"),
      failsWith("malformed", /twice/),
    );
  });

  test("what was written is read by the check that follows", async () => {
    const query = {
      object: object("folder:seen"),
      relation: parseName("viewer", "relation"),
      subject: tupleOf("folder:x#viewer@user:bob").subject,
      context: {},
      contextualTuples: [],
      consistency: byDefault,
      explain: false,
    };
    const ask = async () =>
      (await node.services.relations.checkRelation(requestContext(), query)).member;
    assert.equal(await ask(), false);
    await write("create", "folder:seen#editor@user:bob");
    assert.equal(await ask(), true);
    await write("delete", "folder:seen#editor@user:bob");
    assert.equal(await ask(), false);
  });

  test("pages are of one revision while writes go on", async () => {
    const texts = Array.from({ length: 7 }, (_, index) => `folder:page${index}#owner@user:carol`);
    await write("create", ...texts);
    const filter = { ...folders, subjectId: "carol", subjectType: parseName("user", "type") };
    const seen: string[] = [];
    let pageToken = "";
    do {
      const page = await node.services.tuples.read(
        requestContext(),
        filter,
        { pageSize: 3, pageToken },
        byDefault,
      );
      seen.push(...page.items.map(formatTuple));
      pageToken = page.nextPageToken ?? "";
      await write("delete", "folder:page6#owner@user:carol");
      await write("touch", "folder:page1x#owner@user:carol");
    } while (pageToken !== "");
    assert.deepEqual(seen, texts);
  });

  test("a page token goes with its own question only", async () => {
    const page = { pageSize: 1, pageToken: "" };
    const { nextPageToken = "" } = await node.services.tuples.read(
      requestContext(),
      {},
      page,
      byDefault,
    );
    await assert.rejects(
      node.services.tuples.read(
        requestContext(),
        folders,
        { pageSize: 1, pageToken: nextPageToken },
        byDefault,
      ),
      failsWith("malformed", /another request/),
    );
  });

  test("an import says how far it came when a chunk is refused", async () => {
    async function* chunks() {
      yield { tuples: [tupleOf("folder:import#owner@user:dave")], cursor: "one" };
      yield { tuples: [tupleOf("folder:import#owner@unknown:dave")], cursor: "two" };
    }
    await assert.rejects(
      node.services.tuples.import(requestContext(), chunks(), options),
      (error) =>
        error instanceof DomainError &&
        error.code === "unknown_type" &&
        error.facts.cursor === "one" &&
        error.facts.field === "tuples[0].subject.type",
    );
  });

  test("what is exported is what is stored, in order", async () => {
    const exported: string[] = [];
    for await (const { tuples } of node.services.tuples.export(
      requestContext(),
      {},
      "",
      byDefault,
    )) {
      exported.push(...tuples.map(formatTuple));
    }
    for (const text of mailWorld) assert.ok(exported.includes(text), text);
    assert.equal(new Set(exported).size, exported.length);
  });

  test("a filter that names nothing deletes nothing", async () => {
    const request = { filter: {}, limit: 0, dryRun: false };
    await assert.rejects(
      node.services.tuples.delete(requestContext(), request, options),
      failsWith("malformed", /at least one field/),
    );
  });

  test("a retried write tells the counts of the first", async () => {
    const keyed = { ...options, idempotencyKey: "counts" };
    const filter = { objectType: object("folder:x").type, objectId: "counted" };
    await touch(node, ["folder:counted#owner@user:a", "folder:counted#owner@user:b"]);
    const ask = () =>
      node.services.tuples.delete(requestContext(), { filter, limit: 0, dryRun: false }, keyed);
    assert.equal((await ask()).deleted, 2);
    assert.equal((await ask()).deleted, 2);
  });

  test("a page token of an earlier timeline of the database is refused", async () => {
    const page = { pageSize: 1, pageToken: "" };
    const { nextPageToken = "" } = await node.services.tuples.read(
      requestContext(),
      {},
      page,
      byDefault,
    );
    const parts: unknown = JSON.parse(Buffer.from(nextPageToken, "base64url").toString("utf8"));
    assert.ok(Array.isArray(parts));
    const earlier = JSON.stringify(["00000000", ...parts.slice(1)]);
    const pageToken = Buffer.from(earlier, "utf8").toString("base64url");
    await assert.rejects(
      node.services.tuples.read(requestContext(), {}, { pageSize: 1, pageToken }, byDefault),
      failsWith("revision_expired"),
    );
  });

  test("a watch does not begin behind the head", async () => {
    const { token } = await node.services.tenants.nodes(requestContext());
    const [, timeline] = Buffer.from(token, "base64url").toString("utf8").split(" ");
    const ahead = Buffer.from(`1 ${timeline} 999999 default`, "utf8").toString("base64url");
    const request = { token: ahead, types: [], objects: [] };
    const events = node.services.tuples.watch(requestContext(), request)[Symbol.asyncIterator]();
    await assert.rejects(events.next(), failsWith("revision_ahead"));
  });

  test("a token of another tenant is refused", async () => {
    await node.services.tenants.create(requestContext("other"), options);
    const { token } = await node.services.tenants.nodes(requestContext("other"));
    await assert.rejects(
      Promise.resolve().then(() =>
        node.services.authorizer.check(requestContext(), callOf("tool:send", "mailbox:alice"), {
          consistency: { kind: "at_least_as_fresh", token },
          explain: false,
        }),
      ),
      failsWith("malformed", /another tenant/),
    );
  });
});

suite("at_exact", () => {
  test("answers as it was then, with that revision's tuples and model", async () => {
    await using node = await startNode();
    await prepareWorld(node, mailWorld);
    await grant(node, { lifetime: { kind: "forever" } });
    const call = callOf("tool:send", "mailbox:alice");
    const then = await node.services.authorizer.check(requestContext(), call, {
      consistency: byDefault,
      explain: false,
    });
    const { token } = await node.services.tenants.nodes(requestContext());
    await remove(node, ["mailbox:alice#owner@user:alice"]);
    const text = "model\n  schema 1.1\ntype user\n";
    await assert.rejects(
      node.services.models.write(
        requestContext(),
        { sources: [{ name: "model.fga", text }], activate: true },
        options,
      ),
      failsWith("precondition_failed", /invalid/),
    );
    assert.equal(await verdict(node, call), "principal_lacks_permission");
    const past = await node.services.authorizer.check(requestContext(), call, {
      consistency: { kind: "at_exact_token", token },
      explain: false,
    });
    assert.equal(past.verdict.kind, "allowed");
    assert.equal(past.revision, then.revision);
    const beforeAll = { kind: "at_exact_instant", instantMs: 1_000 } as const;
    await assert.rejects(
      Promise.resolve(
        node.services.authorizer.check(requestContext(), call, {
          consistency: beforeAll,
          explain: false,
        }),
      ),
      failsWith("model_missing"),
    );
  });
});

suite("watch", () => {
  test("tells every change in order, filtered, and goes on from a token", async () => {
    await using node = await startNode();
    await prepareWorld(node, mailWorld);
    const controller = new AbortController();
    const context: RequestContext = { ...requestContext(), signal: controller.signal };
    const request = {
      token: "",
      types: [parseName("folder", "type")],
      objects: [],
    };
    const events = node.services.tuples.watch(context, request)[Symbol.asyncIterator]();
    const next = async (): Promise<WatchEvent> => {
      for (;;) {
        const { value, done } = await events.next();
        assert.ok(done !== true);
        if (value.kind !== "heartbeat") return value;
      }
    };
    assert.equal((await events.next()).value?.kind, "heartbeat");
    await touch(node, ["file:x#owner@user:bob"]);
    await touch(node, ["folder:w1#owner@user:bob"]);
    await touch(node, ["folder:w2#owner@user:bob", "file:y#owner@user:bob"]);
    const first = await next();
    const second = await next();
    assert.ok(first.kind === "change" && second.kind === "change");
    assert.deepEqual(first.change.created.map(formatTuple), ["folder:w1#owner@user:bob"]);
    assert.deepEqual(second.change.created.map(formatTuple), ["folder:w2#owner@user:bob"]);
    assert.equal(second.change.operation, "write_tuples");
    assert.equal(second.change.reason, "a test");
    await events.return?.();
    const resumed = node.services.tuples
      .watch(context, { ...request, token: first.token })
      [Symbol.asyncIterator]();
    assert.equal((await resumed.next()).value?.kind, "heartbeat");
    const again = (await resumed.next()).value;
    assert.ok(again?.kind === "change");
    assert.equal(again.token, second.token);
    await resumed.return?.();
    controller.abort();
  });
});

suite("waiting for a token", () => {
  let node: ServiceNode;
  before(async () => {
    node = await startNode();
    await prepareWorld(node, mailWorld);
  });
  after(async () => node[Symbol.asyncDispose]());

  test("a revision that nobody has written is refused, and holds up no write", async () => {
    const { tuples } = node.services;
    const write = () =>
      tuples.write(
        requestContext(),
        {
          steps: [{ kind: "touch", tuple: tupleOf("folder:waited#viewer@user:bob") }],
          preconditions: [],
        },
        options,
      );
    const { result } = await write();
    const invented = formatToken({
      tenant: "default",
      timeline: result.timeline,
      revision: parseRevision(result.revision + 1_000),
    });
    const context = { ...requestContext(), deadlineMs: 1_000 };
    // As many as the barrier has places for, and one more.
    const waiting = Array.from({ length: 5 }, () => tuples.waitFor(context, invented));
    const outcomes = await Promise.allSettled(waiting);
    for (const outcome of outcomes) {
      assert.ok(outcome.status === "rejected" && failsWith("revision_ahead")(outcome.reason));
    }
    assert.ok((await write()).result.enforced);
    assert.ok((await tuples.waitFor(context, result.token)).enforced);
  });
});
