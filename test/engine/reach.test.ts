import assert from "node:assert/strict";
import { suite, test } from "node:test";
import type { RelationTuple } from "../../src/core/tuple.ts";
import { authorize } from "../../src/engine/authorize.ts";
import { defaultLimits } from "../../src/engine/limits.ts";
import { Reach } from "../../src/engine/reach.ts";
import type { AuthorizationModel } from "../../src/model/authorization-model.ts";
import { formatModel } from "../../src/model/format-model.ts";
import { parseModel } from "../../src/model/parse-model.ts";
import { decided, expiring, noon, tuplesOf, viewOf } from "../support/graphs.ts";
import { call, conditional, without } from "./delegated-call.ts";
import { aliceLetsMailbot, stock } from "./stock-model.ts";

suite("how far in time a result reaches", () => {
  const now = { earliestMs: 10, latestMs: 20 };

  test("is the first expiry that surely lies ahead", () => {
    const reach = new Reach();
    assert.equal(reach.untilMs, Infinity);
    reach.expires(30, now);
    reach.expires(21, now);
    reach.expires(40, now);
    assert.equal(reach.untilMs, 21);
  });

  test("is not shortened by what is surely over", () => {
    const reach = new Reach();
    reach.expires(9, now);
    reach.expires(10, now);
    assert.equal(reach.untilMs, Infinity);
  });

  test("is no time at all where something may be over by now", () => {
    for (const expiresAtMs of [11, 20]) {
      const reach = new Reach();
      reach.expires(expiresAtMs, now);
      reach.expires(30, now);
      assert.equal(reach.untilMs, -Infinity, `${expiresAtMs}`);
    }
  });

  test("is no time at all where the instant itself was asked for", () => {
    const reach = new Reach();
    reach.readsTime();
    reach.expires(30, now);
    assert.equal(reach.untilMs, -Infinity);
  });
});

suite("how far a verdict reaches", () => {
  test("is for ever where nothing that was read expires", () => {
    assert.equal(reachOf(aliceLetsMailbot), Infinity);
  });

  test("ends with any tuple that it was read from, whether it allows or denies", () => {
    for (const text of [
      "tool:read#server@mcp_server:files",
      "tool:read#requires@permission:document/viewer",
      "tool:read#eligible@agent:*",
      "document:plan#viewer@user:alice",
      "document:plan#parent@folder:work",
      "delegation:d1#principal@user:alice",
      "delegation:d1#delegator@user:alice",
      "delegation:d1#delegate@agent:mailbot",
      "delegation:d1#session@session:*",
      "delegation:d1#tool@tool:read",
      "delegation:d1#resource@document:plan",
    ]) {
      const world = [...without(aliceLetsMailbot, tuplesOf(text)), expiring(text, noon + 7)];
      assert.equal(reachOf(world), noon + 7, text);
    }
    for (const text of [
      "document:plan#blocked@user:alice",
      "folder:work#suspended@suspension:s",
      "user:alice#suspended@suspension:s",
    ]) {
      assert.equal(reachOf([...aliceLetsMailbot, expiring(text, noon + 7)]), noon + 7, text);
    }
  });

  test("is no time at all where a condition read the clock", () => {
    const text = formatModel(stock).replace(
      "condition small(amount: int) {\n  amount < 10",
      'condition small(current_time: timestamp) {\n  current_time > timestamp("2001-01-01T00:00:00Z")',
    );
    const covering = "delegation:d1#tool@tool:read";
    const world = [...without(aliceLetsMailbot, tuplesOf(covering)), conditional(covering)];
    assert.equal(reachOf(world, parseModel(text)), -Infinity);
  });
});

function reachOf(world: readonly RelationTuple[], model: AuthorizationModel = stock): number {
  const reach = new Reach();
  decided(authorize({ ...viewOf(model, world), reach }, call(), defaultLimits));
  return reach.untilMs;
}
