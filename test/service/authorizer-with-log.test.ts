import assert from "node:assert/strict";
import { suite, test } from "node:test";
import type { Call, Decision } from "../../src/core/decision.ts";
import { DomainError } from "../../src/core/error.ts";
import { parseRevision, parseTimeline } from "../../src/core/revision.ts";
import { authorizerWithLog } from "../../src/service/authorizer-with-log.ts";
import type { Authorizer, CheckOptions } from "../../src/service/authorizer.ts";
import type { DecisionLog } from "../../src/service/decision-log.ts";
import { createTenant } from "../../src/store/tenants.ts";
import { openTestLog } from "../support/decision-log.ts";
import { callOf, requestContext } from "../support/service-node.ts";
import { openTestStore } from "../support/store.ts";

const options: CheckOptions = { consistency: { kind: "default" }, explain: false };
const call = callOf("tool:send", "mailbox:alice");
const batch = (length: number): readonly Call[] => Array.from({ length }, () => call);

suite("an authorizer with a log", () => {
  test("judges nothing that the log has no room for, and what it judges is answered", async () => {
    await using store = await openTestStore();
    const { id: tenant } = await createTenant(store.database, "behind");
    const log = openTestLog(store.database, { queueMax: 1_000 });
    const { authorizer, judged } = deciding(tenant, log);
    const asked = Array.from({ length: 400 }, () =>
      Promise.try(() => authorizer.checkBatch(requestContext(tenant), batch(20), options)),
    );
    const outcomes = await Promise.allSettled(asked);
    const answered = outcomes.filter(({ status }) => status === "fulfilled");
    // The queue and those that wait for it, whatever was written meanwhile.
    assert.ok(answered.length * 20 >= 3_000, `${answered.length} answered`);
    assert.ok(answered.length < outcomes.length);
    assert.equal(judged(), answered.length * 20);
    for (const outcome of outcomes) {
      if (outcome.status === "fulfilled") continue;
      assert.ok(outcome.reason instanceof DomainError);
      assert.equal(outcome.reason.code, "limit_exceeded");
      assert.equal(outcome.reason.facts.retryAfterMs, 250);
    }
    await authorizer.check(requestContext(tenant), call, options);
    await log[Symbol.asyncDispose]();
    assert.equal(log.numbers["rows"], judged() + 2); // Its beginning and its end, too.
  });

  test("takes a batch larger than all room where nobody waits", async () => {
    await using store = await openTestStore();
    const { id: tenant } = await createTenant(store.database, "large");
    const log = openTestLog(store.database, { queueMax: 1_000 });
    const { authorizer } = deciding(tenant, log);
    const { items } = await authorizer.checkBatch(requestContext(tenant), batch(5_000), options);
    assert.equal(items.length, 5_000);
    await log[Symbol.asyncDispose]();
  });

  test("refuses nothing where rows are dropped, nor where there is no log", async () => {
    await using store = await openTestStore();
    const { id: tenant } = await createTenant(store.database, "dropping");
    const log = openTestLog(store.database, { queueMax: 1, whenFull: "count" });
    const { authorizer } = deciding(tenant, log);
    for (let count = 0; count < 200; count += 1) {
      await authorizer.checkBatch(requestContext(tenant), batch(20), options);
    }
    await log[Symbol.asyncDispose]();
    assert.equal(authorizerWithLog(authorizer, undefined), authorizer);
  });
});

/** Allows everything, and records it as the real one does. */
function deciding(
  tenant: string,
  log: DecisionLog,
): { readonly authorizer: Authorizer; readonly judged: () => number } {
  const decision: Decision = {
    id: "source-1",
    verdict: { kind: "allowed", delegationIds: ["d1"] },
    tenant,
    timeline: parseTimeline("00000001"),
    revision: parseRevision(1),
    modelId: "m1",
  };
  let judged = 0;
  const check: Authorizer["check"] = async (context, one) => {
    judged += 1;
    await log.record({ context, call: one, outcome: decision, latencyUs: 1 });
    return decision;
  };
  const checkBatch: Authorizer["checkBatch"] = async (context, calls, how) => {
    const items = await Promise.all(calls.map(async (one) => check(context, one, how)));
    return { items, token: "" };
  };
  return { authorizer: authorizerWithLog({ check, checkBatch }, log), judged: () => judged };
}
