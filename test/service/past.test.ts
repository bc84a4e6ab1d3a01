import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { suite, test } from "node:test";
import { formatObject, parseName } from "../../src/core/object.ts";
import { formatSubject, parseSubjectText } from "../../src/core/subject.ts";
import { parseTupleText } from "../../src/core/tuple.ts";
import type { Consistency } from "../../src/service/request.ts";
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
  type ServiceNode,
} from "../support/service-node.ts";

const page = { pageSize: 100, pageToken: "" };
const stock = new URL("../../schema/models/stock.fga", import.meta.url);

suite("the past", () => {
  test("every question is answered as it was then, by token and by instant", async () => {
    await using node = await startNode();
    await prepareWorld(node, [...mailWorld, "file:other#owner@user:bob"]);
    await grant(node, {
      lifetime: { kind: "forever" },
    });
    const then = await answers(node, { kind: "default" });
    const { token } = await node.services.tenants.nodes(requestContext());
    const instantMs = Date.now();
    assert.deepEqual(then.tools, ["tool:send"]);
    assert.deepEqual(then.objects, ["file:plan"]);
    assert.deepEqual(then.subjects, ["user:alice"]);
    assert.equal(then.member, true);
    assert.equal(then.verdict.kind, "allowed");

    await remove(node, ["folder:home#owner@user:alice", "mailbox:alice#owner@user:alice"]);
    await touch(node, ["folder:home#owner@user:carol", "file:new#owner@user:alice"]);
    const text = await readFile(stock, "utf8");
    assert.ok(/^type file$/m.test(text));
    await node.services.models.write(
      requestContext(),
      {
        sources: [{ name: "model.fga", text: text.replace(/^type file$[^]*?(?=^type )/m, other) }],
        activate: true,
      },
      options,
    );
    const now = await answers(node, { kind: "default" });
    assert.notDeepEqual(now, then);
    assert.equal(now.member, false);
    assert.equal(now.verdict.kind, "denied");

    for (const consistency of [
      { kind: "at_exact_token", token },
      { kind: "at_exact_instant", instantMs },
    ] as const) {
      assert.deepEqual(await answers(node, consistency), then);
      // What is asked a second time is answered from another graph, or the same: never otherwise.
      assert.deepEqual(await answers(node, consistency), then);
    }
    assert.deepEqual(await answers(node, { kind: "default" }), now);
  });

  test("time stands still there: what has expired since still counts", async () => {
    await using node = await startNode();
    await prepareWorld(node, []);
    const brief = {
      ...parseTupleText("file:plan#viewer@user:alice", "tuple"),
      expiresAtMs: Date.now() + 800,
    };
    const steps = [{ kind: "touch" as const, tuple: brief }];
    const { result } = await node.services.tuples.write(
      requestContext(),
      { steps, preconditions: [] },
      options,
    );
    while (await isViewer(node, { kind: "default" })) await new Promise(setImmediate);
    const { token } = result;
    assert.equal(await isViewer(node, { kind: "at_exact_token", token }), true);
    assert.equal(await isViewer(node, { kind: "at_least_as_fresh", token }), false);
  });

  test("a question that was cancelled is no answer, and leaves none behind", async () => {
    await using node = await startNode();
    await prepareWorld(node, mailWorld);
    const stop = new AbortController();
    stop.abort();
    const context = { ...requestContext(), signal: stop.signal };
    const query = relationQuery({ kind: "default" });
    await assert.rejects(async () => node.services.relations.checkRelation(context, query), {
      code: "cancelled",
    });
    assert.equal(await isViewer(node, { kind: "default" }), true);
  });
});

const other = `type file
  relations
    define owner: [user]
    define parent: [folder]
    define within: parent or within from parent
    define viewer: [user]
    define editor: [user]
    define suspended: [suspension]

`;

function relationQuery(consistency: Consistency) {
  return {
    object: object("file:plan"),
    relation: parseName("viewer", "relation"),
    subject: parseSubjectText("user:alice", "subject"),
    context: {},
    contextualTuples: [],
    consistency,
    explain: true,
  };
}

async function isViewer(node: ServiceNode, consistency: Consistency): Promise<boolean> {
  const query = relationQuery(consistency);
  return (await node.services.relations.checkRelation(requestContext(), query)).member;
}

async function answers(node: ServiceNode, consistency: Consistency) {
  const context = requestContext();
  const { relations, tools, authorizer } = node.services;
  const query = relationQuery(consistency);
  const lists = { ...query, page, reportConditional: true };
  const type = parseName("file", "type");
  const { member, explanation } = await relations.checkRelation(context, query);
  const { tree } = await relations.expand(context, { ...query, depthMax: 8 });
  const objects = await relations.listObjects(context, { ...lists, type });
  const subjectType = parseName("user", "type");
  const subjects = await relations.listSubjects(context, { ...lists, subjectType });
  const call = callOf("tool:send", "mailbox:alice");
  const decision = await authorizer.check(context, call, { consistency, explain: true });
  const { principal, actors, partialChain } = call;
  const listed = await tools.listTools(context, {
    principal,
    actors,
    partialChain,
    context: {},
    consistency,
    page,
  });
  return {
    member,
    explanation,
    tree,
    objects: objects.items.map((one) => formatObject(one.object)),
    subjects: subjects.items.map(({ subject }) => formatSubject(subject)),
    verdict: decision.verdict,
    tools: listed.items.map(formatObject),
  };
}
