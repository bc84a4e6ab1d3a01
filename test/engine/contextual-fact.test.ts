import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { suite, test } from "node:test";
import type { Call } from "../../src/core/decision.ts";
import type { RelationTuple } from "../../src/core/tuple.ts";
import { authorize } from "../../src/engine/authorize.ts";
import { defaultLimits } from "../../src/engine/limits.ts";
import { parseModel } from "../../src/model/parse-model.ts";
import { decided, expiring, noon, object, tuplesOf, viewOf } from "../support/graphs.ts";

const stock = parseModel(
  readFileSync(new URL("../../schema/models/stock.fga", import.meta.url), "utf8"),
);

/** Alice may see the folder `/`, and lets the agent read in `/team`; where files lie is not stored. */
const world = `
  tool:fs/read#server@mcp_server:fs
  tool:fs/read#requires@permission:file/viewer
  tool:fs/read#eligible@agent:*
  mcp_server:fs#eligible@agent:*
  folder:/#viewer@user:alice
  delegation:d1#principal@user:alice
  delegation:d1#delegator@user:alice
  delegation:d1#delegate@agent:scout
  delegation:d1#session@session:*
  delegation:d1#tool@tool:fs/read
  delegation:d1#resource@folder:/team
`;

const wayUp = [
  "file:/team/deep/plan#parent@folder:/team/deep",
  "folder:/team/deep#parent@folder:/team",
  "folder:/team#parent@folder:/",
];

suite("facts about where a resource lies", () => {
  test("may lead all the way up, in any order", () => {
    assert.equal(ask(wayUp), "allowed");
    assert.equal(ask(wayUp.toReversed()), "allowed");
  });

  test("cover nothing where a step is missing", () => {
    assert.equal(ask(wayUp.slice(0, 1)), "principal_lacks_permission");
    assert.equal(ask(wayUp.slice(0, 2)), "principal_lacks_permission");
  });

  test("are refused where they begin at nothing that the call touches", () => {
    assert.equal(ask(wayUp.slice(1)), "tuple_refused");
    assert.equal(ask([...wayUp, "folder:/other#parent@folder:/team"]), "tuple_refused");
  });

  test("are refused where something else is stored of a step", () => {
    const stored = "folder:/team/deep#parent@folder:/private";
    assert.equal(ask(wayUp, tuplesOf(`${world}\n${stored}`)), "tuple_refused");
  });

  test("may repeat what is stored, unless that could end", () => {
    const stored = tuplesOf("folder:/team/deep#parent@folder:/team");
    assert.equal(ask(wayUp, [...tuplesOf(world), ...stored]), "allowed");
    const ending = expiring("folder:/team/deep#parent@folder:/team", noon + 1);
    assert.equal(ask(wayUp, [...tuplesOf(world), ending]), "tuple_refused");
  });
});

function ask(facts: readonly string[], stored: readonly RelationTuple[] = tuplesOf(world)): string {
  const call: Call = {
    principal: object("user:alice"),
    actors: [object("agent:scout")],
    tool: object("tool:fs/read"),
    accesses: [{ resource: object("file:/team/deep/plan"), context: {} }],
    context: {},
    partialChain: false,
    contextualTuples: tuplesOf(facts.join("\n")),
  };
  const answer = decided(authorize(viewOf(stock, stored), call, defaultLimits));
  switch (answer.kind) {
    case "allowed":
      return "allowed";
    case "denied":
      return answer.reason;
    case "error":
      return answer.code;
  }
}
