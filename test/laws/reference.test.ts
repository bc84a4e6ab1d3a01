import assert from "node:assert/strict";
import { suite, test } from "node:test";
import type { Access, Call } from "../../src/core/decision.ts";
import type { JsonObject } from "../../src/core/json.ts";
import { parseName, parseObjectText } from "../../src/core/object.ts";
import { parseTupleText, type RelationTuple } from "../../src/core/tuple.ts";
import { parseModel } from "../../src/model/parse-model.ts";
import { delegatedModels } from "../support/delegated-models.ts";
import { conditionsText, plainConditions } from "../support/plain-conditions.ts";
import { judgeOf, type ReferenceVerdict } from "../support/reference/delegated.ts";
import { membershipsIn } from "../support/reference/memberships.ts";
import { formatTruth } from "../support/reference/truth.ts";
import { worldOf, type Polarity } from "../support/reference/world.ts";
import { now } from "../support/worlds.ts";

const model = {
  ...parseModel(`model
  schema 1.1
type user
type group
  relations
    define member: [user, user:*, group#member, user with one, user with both, user with early]
type doc
  relations
    define parent: [doc]
    define viewer: [user, group#member] or viewer from parent
    define barred: [user, user with one, user with early] but not pardoned
    define pardoned: [user]
    define reader: viewer but not barred
    define peer: viewer and barred
${conditionsText}`),
  conditions: plainConditions,
};

/** Asks who is in `object#relation`, in a world of these tuples, decided by hand. */
function ask(
  tuples: readonly (string | RelationTuple)[],
  question: string,
  context: JsonObject = {},
  polarity: Polarity = "grants",
): string {
  const { object, relation, subject } = tuple(question);
  const world = worldOf(
    model,
    tuples.map((each) => (typeof each === "string" ? tuple(each) : each)),
    now,
  );
  return formatTruth(membershipsIn(world)(subject, context).of(object, relation, polarity));
}

suite("membershipsIn", () => {
  test("follows usersets and tuplesets", () => {
    const tuples = [
      "doc:1#parent@doc:2",
      "doc:2#viewer@group:a#member",
      "group:a#member@group:b#member",
      "group:b#member@user:x",
    ];
    assert.equal(ask(tuples, "doc:1#viewer@user:x"), "yes");
    assert.equal(ask(tuples, "doc:1#viewer@group:b#member"), "yes");
    assert.equal(ask(tuples, "doc:1#viewer@user:y"), "no");
  });

  test("a cycle adds no members and takes none", () => {
    const tuples = ["group:a#member@group:b#member", "group:b#member@group:a#member"];
    assert.equal(ask(tuples, "group:a#member@user:x"), "no");
    assert.equal(ask([...tuples, "group:a#member@user:x"], "group:b#member@user:x"), "yes");
  });

  test("a userset is in itself", () => {
    assert.equal(ask([], "group:a#member@group:a#member"), "yes");
    assert.equal(ask([], "group:a#member@group:b#member"), "no");
  });

  test("a wildcard means the objects of its type and no usersets", () => {
    const tuples = ["group:a#member@user:*"];
    assert.equal(ask(tuples, "group:a#member@user:x"), "yes");
    assert.equal(ask(tuples, "group:a#member@user:*"), "yes");
    assert.equal(ask(tuples, "group:a#member@group:b#member"), "no");
    assert.equal(ask(["group:a#member@user:x"], "group:a#member@user:*"), "no");
  });

  test("subtracts, and subtracts from what is subtracted", () => {
    const tuples = ["doc:1#viewer@user:x", "doc:1#barred@user:x"];
    assert.equal(ask(tuples, "doc:1#reader@user:x"), "no");
    assert.equal(ask([...tuples, "doc:1#pardoned@user:x"], "doc:1#reader@user:x"), "yes");
    assert.equal(ask(tuples, "doc:1#peer@user:x"), "yes");
  });

  test("names what is missing, unless something else decides", () => {
    const one = conditional("group:a#member@user:x", "one");
    const both = conditional("group:b#member@user:x", "both");
    const nested = ["group:a#member@group:b#member", one, both];
    assert.equal(ask(nested, "group:a#member@user:x"), "needs x,y");
    assert.equal(ask(nested, "group:a#member@user:x", { x: 1 }), "yes");
    assert.equal(ask(nested, "group:a#member@user:x", { x: 0 }), "no");
    assert.equal(ask([...nested, "group:a#member@user:*"], "group:a#member@user:x"), "yes");
  });

  test("a missing name under a subtraction leaves the answer open", () => {
    const tuples = ["doc:1#viewer@user:x", conditional("doc:1#barred@user:x", "one")];
    assert.equal(ask(tuples, "doc:1#reader@user:x"), "needs x");
    assert.equal(ask(tuples, "doc:1#reader@user:x", { x: 1 }), "no");
    assert.equal(ask(tuples, "doc:1#reader@user:x", { x: 0 }), "yes");
  });

  test("within the clock's gap an expiring tuple neither grants nor ceases to take away", () => {
    const inGap = now.earliestMs + 5;
    const viewer = { ...tuple("doc:1#viewer@user:x"), expiresAtMs: inGap };
    const barred = { ...tuple("doc:1#barred@user:x"), expiresAtMs: inGap };
    const pardoned = { ...tuple("doc:1#pardoned@user:x"), expiresAtMs: inGap };
    assert.equal(ask([viewer], "doc:1#reader@user:x"), "no");
    assert.equal(ask([viewer], "doc:1#viewer@user:x", {}, "takes"), "yes");
    assert.equal(ask(["doc:1#viewer@user:x", barred], "doc:1#reader@user:x"), "no");
    const stored = ["doc:1#viewer@user:x", "doc:1#barred@user:x", pardoned];
    assert.equal(ask(stored, "doc:1#reader@user:x"), "no");
  });

  test("a tuple that the model does not allow is none", () => {
    assert.equal(ask(["doc:1#viewer@user:*"], "doc:1#viewer@user:x"), "no");
    assert.equal(ask([conditional("doc:1#viewer@user:x", "one")], "doc:1#viewer@user:x"), "no");
  });
});

const consent = [
  "delegation:1#principal@user:u1",
  "delegation:1#delegator@user:u1",
  "delegation:1#delegate@agent:a1",
  "delegation:1#tool@tool:t1",
  "delegation:1#resource@folder:f1",
  "delegation:1#session@session:*",
  "tool:t1#requires@permission:doc/viewer",
  "tool:t1#eligible@agent:*",
  "doc:d1#parent@folder:f1",
  "folder:f1#viewer@user:u1",
];

const subDelegation = [
  "delegation:1#delegable_to@agent:a2",
  "delegation:2#principal@user:u1",
  "delegation:2#delegator@agent:a1",
  "delegation:2#delegate@agent:a2",
  "delegation:2#parent@delegation:1",
  "delegation:2#tool@tool:t1",
  "delegation:2#resource@doc:d1",
  "delegation:2#session@session:*",
];

const call: Call = {
  principal: parseObjectText("user:u1", "principal"),
  actors: [parseObjectText("agent:a1", "actor")],
  tool: parseObjectText("tool:t1", "tool"),
  accesses: [access("doc:d1")],
  context: {},
  partialChain: false,
  contextualTuples: [],
};

const subCall: Call = {
  ...call,
  actors: [...call.actors, parseObjectText("agent:a2", "actor")],
};

/** The answer in the world of `consent`, without what is `removed` and with what is `added`. */
function decide(
  asked: Call,
  added: readonly (string | RelationTuple)[] = [],
  removed: readonly string[] = [],
): string {
  const [stock] = delegatedModels;
  assert.ok(stock);
  const stored = [...consent.filter((text) => !removed.includes(text)), ...added];
  const tuples = stored.map((each) => (typeof each === "string" ? tuple(each) : each));
  return format(judgeOf(worldOf(stock, tuples, now))(asked));
}

suite("judgeOf", () => {
  const chain = (tuples: readonly string[], without: string) =>
    tuples.filter((text) => !text.startsWith(without));

  test("allows what principal and delegation cover", () => {
    assert.equal(decide(call), "allowed 1");
    assert.equal(decide(subCall, subDelegation), "allowed 1 2");
    assert.equal(decide({ ...call, contextualTuples: [] }), "allowed 1");
  });

  const denials: readonly [string, string, () => string][] = [
    ["suspended", "a suspended agent", () => decide(call, ["agent:a1#suspended@suspension:z"])],
    ["suspended", "a container", () => decide(call, ["folder:f1#suspended@suspension:z"])],
    ["tool_unregistered", "no tuple", () => decide(call, [], [consent[6] ?? ""])],
    [
      "access_unregistered",
      "a type nobody lists",
      () => decide({ ...call, accesses: [access("folder:f1")] }),
    ],
    ["access_missing", "a required access", () => decide({ ...call, accesses: [] })],
    [
      "principal_lacks_permission",
      "no viewer",
      () => decide(call, [], ["folder:f1#viewer@user:u1"]),
    ],
    ["no_delegation", "another agent", () => decide({ ...call, actors: [...subCall.actors] })],
    [
      "delegation_suspended 1",
      "the link",
      () => decide(call, ["delegation:1#suspended@suspension:z"]),
    ],
    [
      "delegation_expired 1",
      "one identity tuple",
      () =>
        decide(
          call,
          [{ ...tuple("delegation:1#delegate@agent:a1"), expiresAtMs: now.latestMs }],
          ["delegation:1#delegate@agent:a1"],
        ),
    ],
    [
      "chain_broken 1",
      "a second delegator",
      () => decide(call, ["delegation:1#delegator@user:u2"]),
    ],
    [
      "chain_broken 1 2",
      "not delegable",
      () => decide(subCall, chain(subDelegation, "delegation:1#delegable_to")),
    ],
    ["tool_not_covered 1", "no tool", () => decide(call, [], ["delegation:1#tool@tool:t1"])],
    [
      "resource_not_covered 1 2",
      "one link lacks it",
      () => decide(subCall, chain(subDelegation, "delegation:2#resource")),
    ],
    [
      "split_coverage 1",
      "two delegations never add up",
      () =>
        decide(
          call,
          [
            "delegation:2#principal@user:u1",
            "delegation:2#delegator@user:u1",
            "delegation:2#delegate@agent:a1",
            "delegation:2#resource@doc:d1",
          ],
          ["delegation:1#resource@folder:f1"],
        ),
    ],
    [
      "condition_failed 1",
      "a false condition",
      () =>
        decide(
          { ...call, context: { x: 0 } },
          [conditional("delegation:1#tool@tool:t1", "one")],
          ["delegation:1#tool@tool:t1"],
        ),
    ],
    [
      "context_missing 1 needs x",
      "a missing parameter",
      () =>
        decide(
          call,
          [conditional("delegation:1#tool@tool:t1", "one")],
          ["delegation:1#tool@tool:t1"],
        ),
    ],
    [
      "session_mismatch 1",
      "no session named",
      () => decide(call, [], ["delegation:1#session@session:*"]),
    ],
    ["not_eligible 1", "nobody eligible", () => decide(call, [], ["tool:t1#eligible@agent:*"])],
  ];
  for (const [expected, what, actual] of denials) {
    test(`answers ${expected}: ${what}`, () => {
      assert.equal(actual(), expected);
    });
  }

  test("context of one access does not speak for another", () => {
    const tuples = [conditional("delegation:1#resource@doc:d1", "both")];
    const without = ["delegation:1#resource@folder:f1"];
    const asked = { ...call, accesses: [{ ...access("doc:d1"), context: { x: 1, y: 1 } }] };
    assert.equal(decide(asked, tuples, without), "allowed 1");
    assert.equal(decide(call, tuples, without), "context_missing 1 needs x,y");
  });

  test("a claimed chain must be the stored one, a partial one need not be told", () => {
    assert.equal(
      decide({ ...call, actors: subCall.actors.slice(1) }, subDelegation),
      "chain_broken 1 2",
    );
    assert.equal(
      decide({ ...call, actors: subCall.actors.slice(1), partialChain: true }, subDelegation),
      "allowed 1 2",
    );
  });
});

function format(verdict: ReferenceVerdict): string {
  switch (verdict.kind) {
    case "allowed":
      return ["allowed", ...verdict.delegationIds].join(" ");
    case "denied": {
      const { reason, delegationIds, missingNames } = verdict;
      const needs = missingNames.length === 0 ? [] : [`needs ${missingNames.join(",")}`];
      return [reason, ...delegationIds, ...needs].join(" ");
    }
    case "undecided":
      return "undecided";
  }
}

function access(text: string): Access {
  return { resource: parseObjectText(text, "resource"), context: {} };
}

function conditional(text: string, name: string): RelationTuple {
  return { ...tuple(text), condition: { name: parseName(name, "condition"), context: {} } };
}

function tuple(text: string): RelationTuple {
  return parseTupleText(text, "tuple");
}
