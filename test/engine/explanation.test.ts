import assert from "node:assert/strict";
import { suite, test } from "node:test";
import type { Explanation } from "../../src/core/decision.ts";
import type { JsonObject } from "../../src/core/json.ts";
import { parseName } from "../../src/core/object.ts";
import { subjectOf } from "../../src/core/subject.ts";
import { formatTuple, type RelationTuple } from "../../src/core/tuple.ts";
import { expand } from "../../src/engine/expand.ts";
import { explainCall, explainCheck, type Explained } from "../../src/engine/explain.ts";
import type { AuthorizeAnswer } from "../../src/engine/authorize.ts";
import type { CheckAnswer } from "../../src/engine/check.ts";
import { defaultLimits, type EngineLimits } from "../../src/engine/limits.ts";
import {
  decided,
  expiring,
  noon,
  object,
  PagingGraph,
  tuplesOf,
  viewOf,
} from "../support/graphs.ts";
import { planModel } from "../../src/engine/plan.ts";
import { call, chained, conditional, fixed, toHelper } from "./delegated-call.ts";
import { aliceLetsMailbot, stock } from "./stock-model.ts";

const world = tuplesOf(`
  document:plan#viewer@group:eng#member
  document:plan#parent@folder:work
  document:plan#blocked@user:bob
  folder:work#viewer@user:carol
  group:eng#member@user:dave
`);
const viewer = parseName("viewer", "relation");

function explained(
  subject: string,
  tuples: readonly RelationTuple[] = world,
  context: JsonObject = {},
  limits: Partial<EngineLimits> = {},
): Explained<CheckAnswer> {
  const query = {
    object: object("document:plan"),
    relation: viewer,
    subject: subjectOf(object(subject)),
    context,
    contextualTuples: [],
  };
  return decided(explainCheck(viewOf(stock, tuples), query, { ...defaultLimits, ...limits }));
}

function explainedCall(tuples: readonly RelationTuple[], changes = {}): Explained<AuthorizeAnswer> {
  return decided(explainCall(viewOf(stock, tuples), call(changes), defaultLimits));
}

/** One line a node, indented by its depth. */
function lines({ label, outcome, detail, children, truncated }: Explanation): string[] {
  const more = truncated === true ? " …" : "";
  const line = `${outcome} ${label}${detail === undefined ? "" : ` (${detail})`}${more}`;
  return [line, ...children.flatMap((child) => lines(child).map((each) => `  ${each}`))];
}

function tuplesIn({ tuple, children }: Explanation): RelationTuple[] {
  return [...(tuple === undefined ? [] : [tuple]), ...children.flatMap(tuplesIn)];
}

suite("an explanation", () => {
  test("of a relation shows the way that leads there, and what might have taken it away", () => {
    assert.deepEqual(lines(explained("user:dave").explanation), [
      "yes document:plan#viewer@user:dave",
      "  yes document:plan#viewer@user:dave",
      "    yes tuple viewer@group:eng#member",
      "    yes group:eng#member@user:dave",
      "      yes tuple member@user:dave",
      "    no document:plan#blocked@user:dave",
    ]);
  });

  test("of one that does not hold shows all that was tried", () => {
    const { answer, explanation } = explained("user:bob");
    assert.deepEqual(answer, { kind: "not_member" });
    assert.deepEqual(lines(explanation), [
      "no document:plan#viewer@user:bob",
      "  no document:plan#viewer@user:bob",
      "    yes tuple viewer@group:eng#member",
      "    no group:eng#member@user:bob",
      "    yes tuple parent@folder:work",
      "    no folder:work#viewer@user:bob",
    ]);
  });

  test("says under which condition a tuple stands, and which names are missing", () => {
    const condition = { name: parseName("on_site", "condition"), context: {} };
    const [plain] = tuplesOf("document:plan#viewer@user:erin");
    assert.ok(plain);
    const tuples = [...world, { ...plain, condition }];
    const { answer, explanation } = explained("user:erin", tuples);
    assert.deepEqual(answer, { kind: "needs", names: ["place"] });
    assert.equal(explanation.outcome, "needs_context");
    assert.equal(explanation.detail, "needs place");
    assert.ok(
      lines(explanation).includes(
        "    needs_context tuple viewer@user:erin (under condition `on_site`)",
      ),
      lines(explanation).join("\n"),
    );
    const there = explained("user:erin", tuples, { place: "office" });
    assert.equal(there.explanation.outcome, "yes");
    assert.equal(there.explanation.detail, undefined);
    assert.equal(explained("user:erin", tuples, { place: "home" }).explanation.outcome, "no");
  });

  test("holds the stored tuples themselves, on whatever object they stand", () => {
    const condition = { name: parseName("on_site", "condition"), context: {} };
    const [plain] = tuplesOf("document:plan#viewer@user:erin");
    const [eng, work] = tuplesOf(
      "document:plan#viewer@group:eng#member",
      "document:plan#parent@folder:work",
    );
    assert.ok(plain && eng && work);
    const stored = { ...plain, condition, expiresAtMs: noon + 5 };
    const { explanation } = explained("user:erin", [...world, stored], { place: "office" });
    assert.deepEqual(tuplesIn(explanation), [stored]);
    const carol = explained("user:carol").explanation;
    const [viewing] = tuplesOf("folder:work#viewer@user:carol");
    assert.deepEqual(tuplesIn(carol), [eng, work, viewing]);
  });

  test("of what meets a limit is unknown, and says which", () => {
    const { answer, explanation } = explained("user:dave", world, {}, { depthMax: 1 });
    assert.equal(answer.kind, "error");
    assert.equal(explanation.outcome, "unknown");
    assert.equal(explanation.detail, "a path is longer than 1 usersets");
  });

  test("is cut off where it is too long, and says where", () => {
    assert.deepEqual(
      lines(explained("user:dave", world, {}, { explanationNodesMax: 2 }).explanation),
      [
        "yes document:plan#viewer@user:dave",
        "  yes document:plan#viewer@user:dave …",
        "    yes tuple viewer@group:eng#member",
      ],
    );
    const six = explained("user:dave", world, {}, { explanationNodesMax: 5 }).explanation;
    assert.ok(!lines(six).join().includes("…"), lines(six).join("\n"));
  });

  test("of a call names the rules and the chain", () => {
    const changes = { ...toHelper };
    assert.deepEqual(lines(explainedCall(chained, changes).explanation), [
      "yes agent:mailbot, agent:helper for user:alice: tool:read",
      "  yes rule 1: nobody that the call names is suspended",
      "  yes rule 4: the principal may do it",
      "    yes document:plan#viewer@user:alice",
      "      yes tuple viewer@user:alice",
      "      no document:plan#blocked@user:alice",
      "  yes a chain that ends with `delegation:d2`",
      "    yes rules 1 and 2: the chain is live, unsuspended, and as named",
      "      yes delegation:d1#delegable_to@agent:helper",
      "        yes tuple delegable_to@agent:helper",
      "    yes rule 3: every link covers the tool and the resources",
      "      yes delegation:d1#tool@tool:read",
      "        yes tuple tool@tool:read",
      "      yes delegation:d1#resource@document:plan",
      "        yes tuple resource@document:plan",
      "      yes delegation:d2#tool@tool:read",
      "        yes tuple tool@tool:read",
      "      yes delegation:d2#resource@document:plan",
      "        yes tuple resource@document:plan",
      "    yes rule 6: every link lets the session in",
      "      yes delegation:d1#session@session:*",
      "        yes tuple session@session:*",
      "      yes delegation:d2#session@session:*",
      "        yes tuple session@session:*",
      "    yes rule 5: every actor is eligible for the tool",
      "      yes tool:read#eligible@agent:mailbot",
      "        yes tuple eligible@agent:*",
      "      yes tool:read#eligible@agent:helper",
      "        yes tuple eligible@agent:*",
    ]);
  });

  test("of a denied call ends at the rule that fails, and says why", () => {
    const suspended = [...chained, ...tuplesOf("user:alice#suspended@suspension:s")];
    assert.deepEqual(lines(explainedCall(suspended).explanation), [
      "no agent:mailbot for user:alice: tool:read (suspended: `user:alice` is suspended)",
      "  no rule 1: nobody that the call names is suspended (`user:alice` is suspended)",
    ]);
    assert.deepEqual(lines(explainedCall(chained, { accesses: [] }).explanation), [
      "no agent:mailbot for user:alice: tool:read (access_missing: the call has no access to a `document`)",
      "  yes rule 1: nobody that the call names is suspended",
      "  no rule 4: the principal may do it (the call has no access to a `document`)",
    ]);
  });

  test("of a call without any delegation says so by its rule", () => {
    const none = chained.filter(({ object }) => object.type !== "delegation");
    const { explanation } = explainedCall(none);
    assert.equal(
      lines(explanation).at(-1),
      "  no rule 2: a chain of delegations leads to the actor (the principal has delegated nothing to the actor)",
    );
  });

  test("of a call that lacks context, or met a limit, is neither yes nor no", () => {
    const open = [
      ...aliceLetsMailbot.filter((tuple) => formatTuple(tuple) !== "delegation:d1#tool@tool:read"),
      conditional("delegation:d1#tool@tool:read"),
    ];
    const { answer, explanation } = explainedCall(open);
    assert.ok(answer.kind === "denied" && answer.reason === "context_missing");
    assert.equal(explanation.outcome, "needs_context");
    assert.match(explanation.detail ?? "", /^context_missing: /);
    const [chain] = explanation.children.filter(({ label }) => label.startsWith("a chain"));
    assert.deepEqual(
      chain?.children.map(({ label, outcome }) => [label.replace(/:.*/, ""), outcome]),
      [
        ["rules 1 and 2", "yes"],
        ["rule 3", "needs_context"],
        ["rule 6", "yes"],
        ["rule 5", "yes"],
      ],
    );
    const limits = { ...defaultLimits, stepsMax: 1 };
    const limited = decided(explainCall(viewOf(stock, chained), call(), limits));
    assert.equal(limited.explanation.outcome, "unknown");
    assert.equal(limited.explanation.detail, "the evaluation takes more than 1 steps");
  });
});

suite("a tree of usersets", () => {
  const query = {
    object: object("document:plan"),
    relation: viewer,
    depth: 9,
    context: {},
    contextualTuples: [],
  };

  test("shows condition and expiry of a tuple, and neither where there is none", () => {
    const tuples = [
      expiring("document:plan#viewer@user:ann", noon + 9),
      ...tuplesOf("document:plan#viewer@user:bob"),
    ];
    const answer = decided(expand(viewOf(stock, tuples), { ...query, depth: 1 }, defaultLimits));
    const text = JSON.stringify(answer);
    const of = (id: string): string =>
      `{"subject":{"kind":"object","object":{"type":"user","id":"${id}"}}`;
    assert.ok(text.includes(`${of("ann")},"expiresAtMs":${noon + 9}}`), text);
    assert.ok(text.includes(`${of("bob")}}`), text);
  });

  test("has as many subjects and usersets as its limit, and none more", () => {
    const kinds = Array.from({ length: 16 }, (_, index) => {
      const limits = { ...defaultLimits, expandNodesMax: index + 1 };
      return decided(expand(viewOf(stock, world), query, limits));
    });
    const enough = kinds.findIndex(({ kind }) => kind === "tree");
    // Four usersets and the five tuples.
    assert.equal(enough + 1, 9);
    for (const [index, answer] of kinds.entries()) {
      if (index >= enough) assert.equal(answer.kind, "tree");
      else {
        const detail = `the tree has more than ${index + 1} subjects and usersets`;
        assert.deepEqual(answer, { kind: "error", code: "budget_exceeded", detail });
      }
    }
  });

  test("is an error where a page is too large to be listed", () => {
    const graph = new PagingGraph(world, (relation) => relation === "member");
    const view = { graph, plan: planModel(stock, graph.symbols), now: fixed };
    const answer = graph.evaluate(
      () => expand(view, query, defaultLimits),
      () => 0,
    );
    assert.deepEqual(answer, {
      kind: "error",
      code: "budget_exceeded",
      detail: "`member` of one object is too large to expand",
    });
  });
});
