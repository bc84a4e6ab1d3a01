import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { formatObject } from "../../src/core/object.ts";
import { parseSubjectText } from "../../src/core/subject.ts";
import type { RelationTuple } from "../../src/core/tuple.ts";
import { coversSubject, pairDelegations, type CoverQuery } from "../../src/engine/attenuation.ts";
import { defaultLimits } from "../../src/engine/limits.ts";
import { planModel } from "../../src/engine/plan.ts";
import { formatModel } from "../../src/model/format-model.ts";
import { parseModel } from "../../src/model/parse-model.ts";
import {
  decided,
  expiring,
  noon,
  object,
  PagingGraph,
  tuplesOf,
  viewOf,
} from "../support/graphs.ts";
import { all, conditional, fixed, single } from "./delegated-call.ts";
import { stock } from "./stock-model.ts";

const world: readonly RelationTuple[] = [
  ...single("d1", "user:alice", "user:alice", "agent:mailbot"),
  ...single("d2", "user:alice", "user:alice", "agent:mailbot"),
  ...tuplesOf(`
    delegation:d1#tool@tool:read
    delegation:d1#tool@toolset:office
    delegation:d1#tool@mcp_server:files
    tool:send#parent@toolset:mail
    toolset:mail#parent@toolset:office
    tool:list#server@mcp_server:files
    delegation:d1#resource@folder:work
    document:plan#parent@folder:plans
    folder:plans#parent@folder:work
    document:diary#parent@folder:home
    delegation:d1#delegable_to@agent:helper
    delegation:d2#tool@tool:*
    delegation:d2#delegable_to@agent:*
  `),
  conditional("delegation:d1#tool@tool:pay"),
  conditional("delegation:d1#resource@document:budget"),
  expiring("delegation:d1#tool@tool:old", noon),
];

function isCovered(delegationId: string, relation: CoverQuery["relation"], text: string): boolean {
  const query = { delegationId, relation, subject: parseSubjectText(text, "subject") };
  const whole = decided(coversSubject(viewOf(stock, world), query, defaultLimits));
  const graph = new PagingGraph(world);
  const view = { graph, plan: planModel(stock, graph.symbols), now: fixed };
  assert.equal(
    graph.evaluate(() => coversSubject(view, query, defaultLimits), all),
    whole,
  );
  assert.ok(typeof whole === "boolean");
  return whole;
}

suite("coversSubject", () => {
  const cases: readonly (readonly [string, CoverQuery["relation"], string, boolean])[] = [
    ["d1", "tool", "tool:read", true],
    ["d1", "tool", "tool:send", true],
    ["d1", "tool", "tool:list", true],
    ["d1", "tool", "tool:other", false],
    ["d1", "tool", "tool:old", false],
    ["d1", "tool", "toolset:office", true],
    ["d1", "tool", "toolset:mail", true],
    ["d1", "tool", "toolset:play", false],
    ["d1", "tool", "tool:*", false],
    ["d2", "tool", "tool:*", true],
    ["d2", "tool", "tool:that-nobody-knows", true],
    ["d2", "tool", "toolset:office", false],
    ["d1", "resource", "document:plan", true],
    ["d1", "resource", "folder:plans", true],
    ["d1", "resource", "document:diary", false],
    ["d1", "resource", "tool:read", false],
    ["d2", "resource", "document:plan", false],
    ["d1", "delegable_to", "agent:helper", true],
    ["d1", "delegable_to", "agent:other", false],
    ["d1", "delegable_to", "agent:*", false],
    ["d2", "delegable_to", "agent:other", true],
    ["d2", "delegable_to", "agent:*", true],
    ["d3", "tool", "tool:read", false],
    ["d1", "tool", "robot:r2", false],
  ];
  for (const [id, relation, subject, expected] of cases) {
    test(`${id} ${expected ? "covers" : "does not cover"} ${subject} as its ${relation}`, () => {
      assert.equal(isCovered(id, relation, subject), expected);
    });
  }

  test("judges what a resource is within as it stands: a condition that fails now takes it out", () => {
    const text = formatModel(stock).replaceAll(
      "define parent: [folder]",
      "define parent: [folder, folder with small]",
    );
    const view = viewOf(parseModel(text), [
      ...tuplesOf("delegation:d1#resource@folder:work"),
      conditional("document:open#parent@folder:work"),
      conditional("document:small#parent@folder:work", { amount: 1 }),
      conditional("document:large#parent@folder:work", { amount: 10 }),
    ]);
    for (const [subject, expected] of [
      ["document:open", true],
      ["document:small", true],
      ["document:large", false],
    ] as const) {
      const query = {
        delegationId: "d1",
        relation: "resource" as const,
        subject: parseSubjectText(subject, "subject"),
      };
      assert.equal(decided(coversSubject(view, query, defaultLimits)), expected, subject);
    }
  });

  test("takes conditions for met: each link's is judged at each call", () => {
    assert.equal(isCovered("d1", "tool", "tool:pay"), true);
    assert.equal(isCovered("d1", "resource", "document:budget"), true);
  });

  test("takes them for met on everything as well, and on whom a link may go on to", () => {
    const text = formatModel(stock)
      .replace("define delegable_to: [agent, agent:*]", "define delegable_to: [agent with small]")
      .replace("tool: [tool, tool:*,", "tool: [tool, tool:* with small,");
    const tuples = [
      conditional("delegation:d1#delegable_to@agent:helper", { amount: 1 }),
      conditional("delegation:d1#tool@tool:*", { amount: 1 }),
    ];
    const view = viewOf(parseModel(text), tuples);
    const asked = (relation: CoverQuery["relation"], subject: string): unknown =>
      decided(
        coversSubject(
          view,
          { delegationId: "d1", relation, subject: parseSubjectText(subject, "subject") },
          defaultLimits,
        ),
      );
    assert.equal(asked("delegable_to", "agent:helper"), true);
    assert.equal(asked("delegable_to", "agent:other"), false);
    assert.equal(asked("tool", "tool:*"), true);
    assert.equal(asked("tool", "tool:read"), true);
  });

  test("lets go on to those that are named, not to what is within what is named", () => {
    const text = formatModel(stock)
      .replace("delegable_to: [agent, agent:*]", "delegable_to: [agent, team]")
      .replace(
        "type agent\n  relations\n",
        "type team\ntype agent\n  relations\n    define within: [team]\n",
      );
    const view = viewOf(
      parseModel(text),
      tuplesOf("delegation:d1#delegable_to@team:red", "agent:helper#within@team:red"),
    );
    for (const [subject, expected] of [
      ["team:red", true],
      ["agent:helper", false],
    ] as const) {
      const query = {
        delegationId: "d1",
        relation: "delegable_to" as const,
        subject: parseSubjectText(subject, "subject"),
      };
      assert.equal(decided(coversSubject(view, query, defaultLimits)), expected, subject);
    }
  });

  test("is an error where a limit is met, or without delegations", () => {
    const query = {
      delegationId: "d1",
      relation: "resource",
      subject: parseSubjectText("document:plan", "subject"),
    } as const;
    const limited = { ...defaultLimits, stepsMax: 1 };
    const answer = decided(coversSubject(viewOf(stock, world), query, limited));
    assert.ok(typeof answer === "object" && answer.code === "budget_exceeded");
    const plain = viewOf(parseModel("model\n  schema 1.1\ntype user\n"), []);
    assert.deepEqual(decided(coversSubject(plain, query, defaultLimits)), {
      kind: "error",
      code: "no_delegations",
      detail: "the active authorization model has no type `delegation`",
    });
  });
});

suite("pairDelegations", () => {
  const found = (tuples: readonly RelationTuple[], from: string, to: string): string[] => {
    const whole = decided(pairDelegations(viewOf(stock, tuples), object(from), object(to)));
    const graph = new PagingGraph(tuples);
    const view = { graph, plan: planModel(stock, graph.symbols), now: fixed };
    const paged = graph.evaluate(() => pairDelegations(view, object(from), object(to)), all);
    assert.deepEqual(paged, whole);
    return whole.map(formatObject);
  };

  test("gives the delegations of the two in the order of their ids", () => {
    assert.deepEqual(found(world.toReversed(), "user:alice", "agent:mailbot"), [
      "delegation:d1",
      "delegation:d2",
    ]);
    assert.deepEqual(found(world, "user:alice", "agent:other"), []);
    assert.deepEqual(found(world, "user:bob", "agent:mailbot"), []);
    assert.deepEqual(found(world, "robot:r2", "agent:mailbot"), []);
    assert.deepEqual(found(world, "user:alice", "robot:r2"), []);
  });

  test("leaves out what has expired, though it be of that very instant", () => {
    const others = world.filter(
      ({ object: { id }, relation }) => id !== "d1" || relation !== "principal",
    );
    const until = (expiresAtMs: number): string[] =>
      found(
        [...others, expiring("delegation:d1#principal@user:alice", expiresAtMs)],
        "user:alice",
        "agent:mailbot",
      );
    assert.deepEqual(until(noon), ["delegation:d2"]);
    assert.deepEqual(until(noon + 1), ["delegation:d1", "delegation:d2"]);
  });

  test("keeps one of whose principal no page can tell", () => {
    const graph = new PagingGraph(world, (relation) => relation === "principal");
    const view = { graph, plan: planModel(stock, graph.symbols), now: fixed };
    const ends = [object("user:alice"), object("agent:mailbot")] as const;
    const kept = graph.evaluate(() => pairDelegations(view, ...ends), all);
    assert.deepEqual(kept.map(formatObject), ["delegation:d1", "delegation:d2"]);
  });

  test("knows none where the model has no delegations", () => {
    const plain = viewOf(parseModel("model\n  schema 1.1\ntype user\ntype agent\n"), []);
    const answer = decided(pairDelegations(plain, object("user:a"), object("agent:b")));
    assert.deepEqual(answer, []);
  });
});
