import assert from "node:assert/strict";
import { suite, test } from "node:test";
import fc from "fast-check";
import type { Call } from "../../src/core/decision.ts";
import { parseName } from "../../src/core/object.ts";
import { parseTupleText, type RelationTuple } from "../../src/core/tuple.ts";
import { authorize, type AuthorizeAnswer } from "../../src/engine/authorize.ts";
import { defaultLimits } from "../../src/engine/limits.ts";
import { listTools } from "../../src/engine/list-tools.ts";
import { planModel } from "../../src/engine/plan.ts";
import { decided, object, PagingGraph, viewOf } from "../support/graphs.ts";
import { call } from "./delegated-call.ts";
import { instant } from "./dense-worlds.ts";
import { stock } from "./stock-model.ts";

/** Whole chains that mostly work, and what may break or widen them. */
const base: readonly string[] = [
  "tool:read#requires@permission:document/viewer",
  "document:plan#viewer@user:alice",
  ...delegationOf("d1", "user:alice", "agent:mailbot"),
  ...delegationOf("d2", "agent:mailbot", "agent:helper"),
  "delegation:d2#parent@delegation:d1",
  "delegation:d1#delegable_to@agent:*",
  "tool:read#eligible@agent:*",
];

const extra: readonly string[] = [
  ...delegationOf("d3", "user:alice", "agent:mailbot"),
  ...delegationOf("d4", "agent:mailbot", "agent:helper"),
  "delegation:d4#parent@delegation:d3",
  "delegation:d3#delegable_to@agent:helper",
  "delegation:d4#parent@delegation:d1",
  "delegation:d1#parent@delegation:d2",
  "delegation:d1#principal@user:bob",
  "delegation:d1#tool@tool:*",
  "delegation:d2#resource@document:*",
  "delegation:d1#resource@folder:work",
  "delegation:d1#session@session:s",
  "document:plan#parent@folder:work",
  "folder:work#parent@folder:work",
  "folder:work#viewer@user:alice",
  "document:plan#blocked@user:alice",
  "tool:read#server@mcp_server:files",
  "mcp_server:files#requires@permission:none",
  "tool:read#requires@permission:none",
  "tool:read#requires@permission:tool/user",
  "tool:read#user@user:alice",
  "tool:read#eligible@agent:mailbot",
  "session:s#principal@user:alice",
  "session:s#actor@agent:mailbot",
  "user:alice#suspended@suspension:s1",
  "delegation:d1#suspended@suspension:s1",
  "folder:work#suspended@suspension:s1",
];

/** Mostly nothing: a world in which everything expires allows nothing, and shows nothing. */
const expiry = fc.oneof(
  { weight: 12, arbitrary: fc.constant(undefined) },
  { weight: 1, arbitrary: fc.constantFrom(10, 20) },
);
const condition = fc.oneof(
  { weight: 6, arbitrary: fc.constant(undefined) },
  { weight: 1, arbitrary: fc.constantFrom({}, { amount: 3 }, { amount: 99 }) },
);

/** Most of the base and some of the rest; conditions stand where the model has them. */
const world: fc.Arbitrary<readonly RelationTuple[]> = fc
  .tuple(
    fc.subarray([...base], { minLength: base.length - 1 }),
    fc.subarray([...extra], { maxLength: 6 }),
    fc.array(fc.tuple(expiry, condition), { minLength: 60, maxLength: 60 }),
  )
  .map(([kept, added, facts]) =>
    [...kept, ...added].map((text, index) => {
      const [expiresAtMs, context] = facts[index] ?? [];
      const tuple = parseTupleText(text, "tuple");
      const takesCondition =
        context !== undefined && /#tool@tool:read$|#resource@document:plan$/.test(text);
      return {
        ...tuple,
        ...(expiresAtMs === undefined ? {} : { expiresAtMs }),
        ...(takesCondition
          ? { condition: { name: parseName("small", "condition"), context } }
          : {}),
      };
    }),
  );

const calls: readonly Call[] = [
  call(),
  call({ context: { amount: 5 } }),
  call({ session: object("session:s"), context: { amount: 5 } }),
  call({ actors: [object("agent:mailbot"), object("agent:helper")], context: { amount: 5 } }),
  call({ actors: [object("agent:helper")], partialChain: true }),
  call({ accesses: [] }),
  call({ delegationId: "d3" }),
];

suite("authorize, whatever the world", () => {
  test("answers the same whatever is in memory and however it is loaded", () => {
    let allowed = 0;
    fc.assert(
      fc.property(
        world,
        instant,
        fc.array(fc.nat(), { minLength: 40, maxLength: 40 }),
        (tuples, now, choices) => {
          const whole = { ...viewOf(stock, tuples), now };
          const graph = new PagingGraph(tuples);
          const paged = { graph, plan: planModel(stock, graph.symbols), now };
          let next = 0;
          const choose = (count: number): number => {
            next += 1;
            return (choices[next % choices.length] ?? 0) % count;
          };
          for (const each of calls) {
            const expected = decided(authorize(whole, each, defaultLimits));
            const actual = graph.evaluate(() => authorize(paged, each, defaultLimits), choose);
            assert.deepEqual(actual, expected);
            if (actual.kind === "allowed") allowed += 1;
          }
        },
      ),
      { numRuns: 200 },
    );
    assert.ok(allowed > 50, `only ${allowed} calls were allowed: the worlds show nothing`);
  });

  test("never allows more when a tuple of a delegation is deleted or expires", () => {
    fc.assert(
      fc.property(world, instant, fc.nat(), (tuples, now, which) => {
        const ofDelegations = tuples.filter(
          // A parent goes only with the whole delegation: without it, another chain would begin here.
          ({ object: { type }, relation }) =>
            type === "delegation" && relation !== "suspended" && relation !== "parent",
        );
        const removed = ofDelegations[which % Math.max(1, ofDelegations.length)];
        // A second principal or parent is never written; without it, taking one away could mend.
        if (removed === undefined || isAmbiguous(tuples)) return;
        const rest = tuples.filter((tuple) => tuple !== removed);
        const expired = [...rest, { ...removed, expiresAtMs: 1 }];
        for (const each of calls) {
          const before = answer(tuples, now, each);
          if (before.kind === "allowed") continue;
          assert.notEqual(answer(rest, now, each).kind, "allowed");
          assert.notEqual(answer(expired, now, each).kind, "allowed");
        }
      }),
      { numRuns: 500 },
    );
  });

  test("says until when it holds: before that nothing changes by expiry", () => {
    fc.assert(
      fc.property(world, (tuples) => {
        for (const each of calls) {
          const now = answer(tuples, { earliestMs: 5, latestMs: 5 }, each);
          if (now.kind !== "allowed") continue;
          for (const at of [9, 10, 19, 20]) {
            if (at >= (now.validUntilMs ?? Infinity)) continue;
            const later = answer(tuples, { earliestMs: at, latestMs: at }, each);
            assert.equal(later.kind, "allowed", `at ${at}`);
          }
        }
      }),
      { numRuns: 300 },
    );
  });

  test("becomes an error, or the same, with a smaller budget", () => {
    fc.assert(
      fc.property(
        world,
        instant,
        fc.nat({ max: 80 }),
        fc.nat({ max: 6 }),
        (tuples, now, stepsMax, depthMax) => {
          const view = { ...viewOf(stock, tuples), now };
          for (const each of calls) {
            const limits = { ...defaultLimits, stepsMax, depthMax };
            const short = decided(authorize(view, each, limits));
            if (short.kind === "error") continue;
            assert.equal(short.kind, answer(tuples, now, each).kind);
          }
        },
      ),
      { numRuns: 300 },
    );
  });

  test("lists a tool whenever it allows a call of it", () => {
    fc.assert(
      fc.property(world, instant, (tuples, now) => {
        const view = { ...viewOf(stock, tuples), now };
        for (const each of calls) {
          if (decided(authorize(view, each, defaultLimits)).kind !== "allowed") continue;
          const listed = decided(
            listTools(
              view,
              { ...each, registered: [object("tool:read"), object("tool:other")], limit: 10 },
              defaultLimits,
            ),
          );
          assert.deepEqual(listed, { kind: "slice", tools: [object("tool:read")] });
        }
      }),
      { numRuns: 300 },
    );
  });
});

function answer(
  tuples: readonly RelationTuple[],
  now: { readonly earliestMs: number; readonly latestMs: number },
  each: Call,
): AuthorizeAnswer {
  return decided(authorize({ ...viewOf(stock, tuples), now }, each, defaultLimits));
}

function isAmbiguous(tuples: readonly RelationTuple[]): boolean {
  const seen = new Set<string>();
  for (const { object: owner, relation } of tuples) {
    if (owner.type !== "delegation") continue;
    if (!["principal", "delegator", "delegate", "parent"].includes(relation)) continue;
    const key = `${owner.id}#${relation}`;
    if (seen.has(key)) return true;
    seen.add(key);
  }
  return false;
}

function delegationOf(id: string, delegator: string, delegate: string): readonly string[] {
  return [
    `delegation:${id}#principal@user:alice`,
    `delegation:${id}#delegator@${delegator}`,
    `delegation:${id}#delegate@${delegate}`,
    `delegation:${id}#session@session:*`,
    `delegation:${id}#tool@tool:read`,
    `delegation:${id}#resource@document:plan`,
  ];
}
