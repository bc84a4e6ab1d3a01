import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { suite, test } from "node:test";
import type { Call } from "../../src/core/decision.ts";
import { parseName } from "../../src/core/object.ts";
import type { RelationTuple } from "../../src/core/tuple.ts";
import { authorize } from "../../src/engine/authorize.ts";
import { defaultLimits } from "../../src/engine/limits.ts";
import type { AuthorizationModel } from "../../src/model/authorization-model.ts";
import { formatModel } from "../../src/model/format-model.ts";
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
    const condition = { name: parseName("arguments_within", "condition"), context: {} };
    const conditional = stored.map((tuple) => ({ ...tuple, condition }));
    assert.equal(ask(wayUp, [...tuplesOf(world), ...conditional]), "tuple_refused");
  });

  test("are those that `within` reads, by whatever rewrite, and what it only subtracts is none", () => {
    const fact = "file:/team/deep/plan#parent@folder:/team";
    const granted = "file:/team/deep/plan#viewer@user:alice";
    for (const [within, expected] of [
      ["parent", "allowed"],
      ["place", "allowed"],
      ["place and parent", "allowed"],
      ["parent but not hidden", "allowed"],
      ["within from parent or parent", "allowed"],
      ["hidden", "tuple_refused"],
      ["hidden but not parent", "tuple_refused"],
      ["[folder]", "tuple_refused"],
    ] as const) {
      const model = parseModel(
        formatModel(stock).replace(
          /(type file\n {2}relations\n[^]*?)define within: [^\n]*/,
          `$1define within: ${within}\n    define place: parent\n    define hidden: [folder]`,
        ),
      );
      assert.equal(ask([fact], tuplesOf(world, granted), model), expected, within);
    }
  });

  test("name one object, and hang on nothing", () => {
    const conditional = { name: parseName("arguments_within", "condition"), context: {} };
    const facts = tuplesOf(...wayUp).map((tuple) => ({ ...tuple, condition: conditional }));
    assert.equal(answerOf(facts, tuplesOf(world), stock), "tuple_refused");
    assert.equal(ask([...wayUp, "file:/team/deep/plan#parent@folder:*"]), "tuple_refused");
  });
});

function ask(
  facts: readonly string[],
  stored: readonly RelationTuple[] = tuplesOf(world),
  model: AuthorizationModel = stock,
): string {
  return answerOf(tuplesOf(facts.join("\n")), stored, model);
}

function answerOf(
  contextualTuples: readonly RelationTuple[],
  stored: readonly RelationTuple[],
  model: AuthorizationModel,
): string {
  const call: Call = {
    principal: object("user:alice"),
    actors: [object("agent:scout")],
    tool: object("tool:fs/read"),
    accesses: [{ resource: object("file:/team/deep/plan"), context: {} }],
    context: {},
    partialChain: false,
    contextualTuples,
  };
  const answer = decided(authorize(viewOf(model, stored), call, defaultLimits));
  switch (answer.kind) {
    case "allowed":
      return "allowed";
    case "denied":
      return answer.reason;
    case "error":
      return answer.code;
  }
}
