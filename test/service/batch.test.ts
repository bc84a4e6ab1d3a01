import assert from "node:assert/strict";
import { after, before, suite, test } from "node:test";
import { defaultLimits } from "../../src/engine/limits.ts";
import { postgresPast } from "../../src/replica/postgres.ts";
import { PastEvaluator } from "../../src/replica/private-graph.ts";
import { createAuthorizer } from "../../src/service/authorize-call.ts";
import type { Authorizer, BatchDecision } from "../../src/service/authorizer.ts";
import { createEvaluator } from "../../src/service/evaluator.ts";
import type { RequestContext } from "../../src/service/request.ts";
import {
  callOf,
  grant,
  mailWorld,
  object,
  pair,
  prepareWorld,
  remove,
  requestContext,
  startNode,
  touch,
  type ServiceNode,
} from "../support/service-node.ts";

const options = { consistency: { kind: "default" as const }, explain: false };

suite("a batch of checks", () => {
  let node: ServiceNode;
  before(async () => {
    node = await startNode();
    await prepareWorld(node, mailWorld);
    await grant(node, {
      delegate: object("agent:bot"),
      pairs: [pair(["tool:send"], ["mailbox:*"])],
    });
  });
  after(() => node[Symbol.asyncDispose]());

  test("of little work is judged at once", async () => {
    const calls = Array.from({ length: 100 }, () => callOf("tool:send", "mailbox:alice"));
    const authorizer = authorizerOf(node, defaultLimits.batchStepsMax);
    await authorizer.checkBatch(requestContext(), calls, options);
    assert.ok(!(authorizer.checkBatch(requestContext(), calls, options) instanceof Promise));
  });

  test("of much work lets others have their turn", async () => {
    const calls = Array.from({ length: 40 }, () => callOf("tool:send", "mailbox:alice"));
    let turns = 0;
    let isOver = false;
    const turn = (): void => {
      turns += 1;
      if (!isOver) setImmediate(turn);
    };
    const judging = authorizerOf(node, 1).checkBatch(requestContext(), calls, options);
    setImmediate(turn);
    assert.deepEqual(new Set(verdicts(await judging)), new Set(["allowed"]));
    isOver = true;
    assert.ok(turns >= 30, `${turns} turns`);
  });

  test("keeps its revision while writes go on", async () => {
    const calls = Array.from({ length: 5 }, () => callOf("tool:send", "mailbox:alice"));
    let isRemoved = false;
    const authorizer = authorizerOf(node, 1, async () => {
      if (isRemoved) return;
      isRemoved = true;
      await remove(node, ["mailbox:alice#owner@user:alice"]);
    });
    const { items } = await authorizer.checkBatch(requestContext(), calls, options);
    assert.ok(isRemoved);
    assert.deepEqual(
      items.map((item) => !(item instanceof Error) && item.verdict.kind),
      calls.map(() => "allowed"),
    );
    assert.equal(new Set(items.map(revisionOf)).size, 1);
    const later = await authorizer.checkBatch(requestContext(), calls, options);
    assert.deepEqual(new Set(verdicts(later)), new Set(["denied"]));
    await touch(node, ["mailbox:alice#owner@user:alice"]);
  });

  test("that was cancelled between two turns is no answer", async () => {
    const controller = new AbortController();
    const context: RequestContext = { ...requestContext(), signal: controller.signal };
    const calls = Array.from({ length: 40 }, () => callOf("tool:send", "mailbox:alice"));
    const judging = Promise.resolve(authorizerOf(node, 1).checkBatch(context, calls, options));
    setImmediate(() => controller.abort());
    await assert.rejects(judging);
  });
});

function verdicts({ items }: BatchDecision): readonly string[] {
  return items.map((item) => (item instanceof Error ? item.code : item.verdict.kind));
}

function revisionOf(item: BatchDecision["items"][number]): unknown {
  return item instanceof Error ? undefined : item.revision;
}

/** The use case on the node's own graph, with slices of so many steps, and something in between. */
function authorizerOf(
  { replica, storage, database }: ServiceNode,
  batchStepsMax: number,
  between: () => Promise<void> = async () => undefined,
): Authorizer {
  const past = new PastEvaluator({
    load: postgresPast(database),
    models: {
      load: async (tenant, modelId) => {
        const kept = await storage.models.read(tenant, modelId);
        assert.ok(kept !== undefined);
        return kept.model;
      },
    },
    memoryBytes: 1 << 26,
    pagesPerRoundMax: 256,
    roundsMax: 80,
  });
  const evaluator = createEvaluator(replica, storage, (tenant, at, evaluation, signal) =>
    past.evaluate(tenant, at, evaluation, signal),
  );
  return createAuthorizer({
    evaluator: {
      run: (context, consistency, evaluation) => evaluator.run(context, consistency, evaluation),
      clock: (context) => evaluator.clock(context),
      runPinned: async (context, consistency, pin, evaluation) => {
        await between();
        return evaluator.runPinned(context, consistency, pin, evaluation);
      },
    },
    permits: () => undefined,
    limits: { ...defaultLimits, batchStepsMax },
    decisions: { record: () => undefined },
    newDecisionId: () => "id",
  });
}
