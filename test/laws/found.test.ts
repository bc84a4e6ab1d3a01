import assert from "node:assert/strict";
import { suite, test } from "node:test";
import type { Call } from "../../src/core/decision.ts";
import type { AuthorizationModel } from "../../src/model/authorization-model.ts";
import { delegatedModels } from "../support/delegated-models.ts";
import { expiring, object, tuplesOf } from "../support/graphs.ts";
import { judgeOf } from "../support/reference/delegated.ts";
import { worldOf } from "../support/reference/world.ts";
import { now } from "../support/worlds.ts";
import { ask, formatAnswer, wholeView } from "../support/verdicts.ts";

/** Worlds on which engine and reference once differed, cut down to what mattered. */
suite("authorize, where it was once wrong", () => {
  test("a server that may have expired meets no permission on the server", () => {
    const tuples = [
      ...tuplesOf(
        "tool:t1#requires@permission:mcp_server/user",
        "mcp_server:s1#user@user:u1",
        "mcp_server:s1#eligible@agent:*",
        "delegation:1#principal@user:u1",
        "delegation:1#delegator@user:u1",
        "delegation:1#delegate@agent:a1",
        "delegation:1#tool@tool:t1",
        "delegation:1#session@session:*",
      ),
      expiring("tool:t1#server@mcp_server:s1", now.earliestMs + 1),
    ];
    const world = worldOf(plain(), tuples, now);
    assert.equal(formatAnswer(judgeOf(world)(call)), "principal_lacks_permission");
    assert.equal(formatAnswer(ask(wholeView(world), call)), "principal_lacks_permission");
  });
});

const call: Call = {
  principal: object("user:u1"),
  actors: [object("agent:a1")],
  tool: object("tool:t1"),
  accesses: [],
  context: {},
  partialChain: false,
  contextualTuples: [],
};

function plain(): AuthorizationModel {
  const model = delegatedModels[2];
  assert.ok(model);
  return model;
}
