import assert from "node:assert/strict";
import { suite, test } from "node:test";
import type { Call } from "../../src/core/decision.ts";
import { parseName } from "../../src/core/object.ts";
import { subjectOf } from "../../src/core/subject.ts";
import { parseTupleText, type RelationTuple } from "../../src/core/tuple.ts";
import { checkRelation } from "../../src/engine/check.ts";
import { expand } from "../../src/engine/expand.ts";
import { defaultLimits } from "../../src/engine/limits.ts";
import type { AuthorizationModel } from "../../src/model/authorization-model.ts";
import { parseModel } from "../../src/model/parse-model.ts";
import { delegatedModels } from "../support/delegated-models.ts";
import { decided, expiring, object, tuplesOf } from "../support/graphs.ts";
import { conditionsText, plainConditions } from "../support/plain-conditions.ts";
import { judgeOf } from "../support/reference/delegated.ts";
import { membershipsIn } from "../support/reference/memberships.ts";
import { formatTruth } from "../support/reference/truth.ts";
import { worldOf } from "../support/reference/world.ts";
import { now } from "../support/worlds.ts";
import { ask, formatAnswer, wholeView } from "../support/verdicts.ts";

/** Worlds on which engine and reference once differed, and edges that no random world reaches. */
suite("the engine, where it was once wrong or well might be", () => {
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
    const world = worldOf(model(2), tuples, now);
    assert.equal(formatAnswer(judgeOf(world)(call)), "principal_lacks_permission");
    assert.equal(formatAnswer(ask(wholeView(world), call)), "principal_lacks_permission");
  });

  test("a tree shows what still takes away", () => {
    const tuples = [
      ...tuplesOf("doc:d1#viewer@user:u1"),
      expiring("doc:d1#blocked@user:u1", now.earliestMs + 1),
    ];
    const query = { object: object("doc:d1"), relation: viewer, context: {}, contextualTuples: [] };
    const view = wholeView(worldOf(model(0), tuples, now));
    const answer = decided(expand(view, { ...query, depth: 8 }, defaultLimits));
    assert.match(
      JSON.stringify(answer),
      /"relation":"blocked","node":\{"kind":"leaf","subjects":\[\{/,
    );
  });

  test("a name on which a granted userset might have hung is not asked for", () => {
    const tuples = [
      conditional("doc:a#viewer@group:c#member", "one"),
      conditional("group:c#member@user:a", "both"),
      ...tuplesOf("group:c#member@user:*"),
    ];
    const text = `model
  schema 1.1
type user
type group
  relations
    define member: [user:*, user with both]
type doc
  relations
    define viewer: [group#member with one]
${conditionsText}`;
    const world = worldOf({ ...parseModel(text), conditions: plainConditions }, tuples, now);
    const query = { object: object("doc:a"), relation: viewer, context: {}, contextualTuples: [] };
    const subject = subjectOf(object("user:a"));
    const truth = membershipsIn(world)(subject, {}).of(query.object, viewer, "grants");
    assert.equal(formatTruth(truth), "needs x");
    const answer = decided(checkRelation(wholeView(world), { ...query, subject }, defaultLimits));
    assert.deepEqual(answer, { kind: "needs", names: ["x"] });
  });

  test("what rests on a goal that rests on another is not done before that one is", () => {
    const tuples = tuplesOf(
      "group:c#admin@group:a#member",
      "group:c#member@group:a#admin",
      "group:a#admin@group:a#member",
      "group:a#admin@group:c#member",
      "group:c#child@group:b",
      "group:b#admin@user:a",
    );
    const text = `model
  schema 1.1
type user
type group
  relations
    define child: [group]
    define member: [user, group#admin] or admin or member from child
    define admin: [user, group#member]
    define peer: member and admin
`;
    const world = worldOf(parseModel(text), tuples, now);
    const query = {
      object: object("group:c"),
      relation: parseName("peer", "relation"),
      context: {},
      contextualTuples: [],
    };
    const subject = subjectOf(object("user:a"));
    const truth = membershipsIn(world)(subject, {}).of(query.object, query.relation, "grants");
    assert.equal(formatTruth(truth), "yes");
    const answer = decided(checkRelation(wholeView(world), { ...query, subject }, defaultLimits));
    assert.deepEqual(answer, { kind: "member" });
  });

  test("chains have at most eight links", () => {
    for (const [length, expected] of [
      [8, "allowed 1 2 3 4 5 6 7 8"],
      [9, "chain_broken"],
    ] as const) {
      const links = Array.from({ length }, (_, index) => linkTuples(index + 1)).flat();
      const tuples = tuplesOf("tool:t1#requires@permission:none", ...links);
      const world = worldOf(model(2), tuples, now);
      const asked = { ...call, actors: [object(`agent:a${length}`)], partialChain: true };
      assert.match(formatAnswer(judgeOf(world)(asked)), new RegExp(`^${expected}`));
      assert.equal(formatAnswer(ask(wholeView(world), asked)), formatAnswer(judgeOf(world)(asked)));
    }
  });
});

function conditional(text: string, name: string): RelationTuple {
  const condition = { name: parseName(name, "condition"), context: {} };
  return { ...parseTupleText(text, "tuple"), condition };
}

function linkTuples(index: number): string[] {
  const id = `delegation:${index}`;
  return [
    `${id}#principal@user:u1`,
    `${id}#delegator@${index === 1 ? "user:u1" : `agent:a${index - 1}`}`,
    `${id}#delegate@agent:a${index}`,
    ...(index === 1 ? [] : [`${id}#parent@delegation:${index - 1}`]),
    `${id}#delegable_to@agent:*`,
    `${id}#tool@tool:t1`,
    `${id}#session@session:*`,
  ];
}

const viewer = parseName("viewer", "relation");

const call: Call = {
  principal: object("user:u1"),
  actors: [object("agent:a1")],
  tool: object("tool:t1"),
  accesses: [],
  context: {},
  partialChain: false,
  contextualTuples: [],
};

function model(index: number): AuthorizationModel {
  const found = delegatedModels[index];
  assert.ok(found);
  return found;
}
