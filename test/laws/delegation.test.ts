import assert from "node:assert/strict";
import { suite, test } from "node:test";
import fc from "fast-check";
import type { Access, Call } from "../../src/core/decision.ts";
import type { JsonObject } from "../../src/core/json.ts";
import { formatObject, parseName, type ObjectRef } from "../../src/core/object.ts";
import { parseTupleText, type RelationTuple } from "../../src/core/tuple.ts";
import { subjectOf } from "../../src/core/subject.ts";
import { checkRelation } from "../../src/engine/check.ts";
import { defaultLimits } from "../../src/engine/limits.ts";
import { selectDelegations, type SelectQuery } from "../../src/engine/select-delegations.ts";
import type { View } from "../../src/engine/view.ts";
import { delegatedWorld } from "../support/delegated-worlds.ts";
import { decided } from "../support/graphs.ts";
import { holdsFor, lawRuns, shuffle } from "../support/laws.ts";
import { replaceTuples, withTuples, type World } from "../support/reference/world.ts";
import { ask, formatAnswer, formatCall, wholeView } from "../support/verdicts.ts";

suite("a delegated call", () => {
  test("never does what its principal may not do", (context) => {
    const tally = holdsFor(delegatedWorld, ({ world, calls }, counts) => {
      const view = wholeView(world);
      for (const call of calls) {
        if (ask(view, call).kind !== "allowed") continue;
        const listed = listedPermissions(view, world, call);
        for (const [type, relation, role] of listed) {
          for (const access of call.accesses) {
            if (access.resource.type !== type || (access.role ?? "") !== (role ?? "")) continue;
            counts.count("tested");
            assert.ok(may(view, call.principal, relation, access.resource, call, access));
          }
          if (type === "tool") assert.ok(may(view, call.principal, relation, call.tool, call));
        }
      }
    });
    context.diagnostic(tally.format());
    assert.ok(tally.of("tested") >= lawRuns / 20, tally.format());
  });

  test("never does what any link leaves out", (context) => {
    const tally = holdsFor(delegatedWorld, ({ world, calls }, counts) => {
      const view = wholeView(world);
      for (const call of calls) {
        const answer = ask(view, call);
        if (answer.kind !== "allowed") continue;
        counts.count(`links ${answer.delegationIds.length}`);
        for (const id of answer.delegationIds) {
          for (const relation of ["tool", "resource"]) {
            const bare = world.tuples.filter(
              (tuple) => !isOn(tuple, id) || tuple.relation !== relation,
            );
            if (relation === "resource" && call.accesses.length === 0) continue;
            const without = ask(wholeView(replaceTuples(world, bare)), call);
            // Another chain may do, but none with this link.
            const isUsed = without.kind === "allowed" && without.delegationIds.includes(id);
            assert.ok(!isUsed, `${formatCall(call)} without ${id}#${relation}`);
          }
        }
      }
    });
    context.diagnostic(tally.format());
    assert.ok(tally.of("links 2") >= lawRuns / 50, tally.format());
  });

  test("is allowed no more for a link that is added to the chain", (context) => {
    const tally = holdsFor(delegatedWorld, ({ world, calls }, counts) => {
      for (const call of calls) {
        const { session: _, ...rest } = call;
        const leaf = call.delegationId ?? String(call.actors.length);
        const shorter: Call = { ...rest, delegationId: leaf, partialChain: false };
        const last = call.actors.at(-1);
        if (last === undefined) continue;
        const longer: Call = {
          ...shorter,
          actors: [...call.actors, ref("agent", "a9")],
          delegationId: "7",
        };
        const extended = wholeView(withTuples(world, widestLink(call.principal, last, leaf)));
        if (ask(extended, longer).kind !== "allowed") continue;
        counts.count("allowed");
        assert.equal(ask(wholeView(world), shorter).kind, "allowed", formatCall(shorter));
      }
    });
    context.diagnostic(tally.format());
    assert.ok(tally.of("allowed") >= lawRuns / 20, tally.format());
  });

  test("is allowed no more for a tuple on a delegation that is deleted or expires", (context) => {
    const tally = holdsFor(
      fc.tuple(delegatedWorld, fc.integer({ min: 1, max: 2_000_000_000 })),
      ([{ world, calls }, order], counts) => {
        const view = wholeView(world);
        const taken = world.tuples.filter((tuple) => isTakenByItself(world, tuple));
        for (const tuple of shuffle(taken, order).slice(0, 3)) {
          const others = world.tuples.filter((each) => each !== tuple);
          const expired = { ...tuple, expiresAtMs: world.now.earliestMs };
          const expiring = { ...tuple, expiresAtMs: world.now.earliestMs + 3 };
          for (const tuples of [others, [...others, expired], [...others, expiring]]) {
            const lesser = wholeView(replaceTuples(world, tuples));
            for (const call of calls) {
              const after = ask(lesser, call).kind;
              if (after === "allowed") assert.equal(ask(view, call).kind, after, formatCall(call));
              counts.count(after);
            }
          }
        }
      },
    );
    context.diagnostic(tally.format());
    assert.ok(tally.of("allowed") >= lawRuns / 4, tally.format());
  });

  test("uses no delegation that is deleted, nor any below it", () => {
    holdsFor(delegatedWorld, ({ world, calls }) => {
      for (const call of calls) {
        const answer = ask(wholeView(world), call);
        if (answer.kind !== "allowed") continue;
        for (const id of answer.delegationIds) {
          const rest = world.tuples.filter((tuple) => !isOn(tuple, id));
          const after = ask(wholeView(replaceTuples(world, rest)), call);
          const isUsed = after.kind === "allowed" && after.delegationIds.includes(id);
          assert.ok(!isUsed, formatCall(call));
          if (after.kind !== "allowed") continue;
          assert.notDeepEqual(after.delegationIds, answer.delegationIds, formatCall(call));
        }
      }
    });
  });

  test("is denied once what a selector of it chose is deleted", (context) => {
    const tally = holdsFor(delegatedWorld, ({ world, calls }, counts) => {
      const view = wholeView(world);
      for (const call of calls) {
        const answer = ask(view, call);
        if (answer.kind !== "allowed") continue;
        for (const [what, query] of selectorsOf(call, answer.delegationIds)) {
          const selection = decided(selectDelegations(view, query, defaultLimits));
          assert.ok(selection.kind === "selection");
          const chosen = selection.selected;
          const { delegationId = chosen[0] } = query;
          assert.ok(delegationId !== undefined && chosen.includes(delegationId), formatCall(call));
          const rest = world.tuples.filter((tuple) => !chosen.some((id) => isOn(tuple, id)));
          const after = ask(wholeView(replaceTuples(world, rest)), call);
          // Of one id alone, another delegation may carry the call, or fail to be judged.
          const isOver = after.kind === "denied" || what === "delegationId";
          assert.ok(isOver, `${formatCall(call)} without ${what}: ${chosen.join(" ")}`);
          counts.count(what);
        }
      }
    });
    context.diagnostic(tally.format());
    for (const what of ["principal", "actor", "tool", "resource", "session", "delegationId"]) {
      assert.ok(tally.of(what) >= lawRuns / 50, tally.format());
    }
  });

  test("is judged the same when its tool joins a toolset that nobody delegated", () => {
    holdsFor(delegatedWorld, ({ world, calls }) => {
      const view = wholeView(world);
      const grouped = wholeView(
        withTuples(world, ["tool:t1#parent@toolset:new", "tool:t2#parent@toolset:new"].map(stored)),
      );
      for (const call of calls) {
        assert.deepEqual(ask(grouped, call), ask(view, call), formatCall(call));
      }
    });
  });

  test("is given the same answer by rule 4 when its tool joins a toolset", (context) => {
    const before = ["tool_unregistered", "access_unregistered", "access_missing"];
    const tally = holdsFor(delegatedWorld, ({ world, calls }, counts) => {
      const view = wholeView(world);
      const apart = wholeView(
        replaceTuples(
          world,
          world.tuples.filter(
            ({ object, relation }) => object.type !== "tool" || relation !== "parent",
          ),
        ),
      );
      for (const call of calls) {
        const grouped = ask(view, call);
        const isGeneral =
          grouped.kind === "denied" &&
          [...before, "suspended", "principal_lacks_permission"].includes(grouped.reason);
        if (!isGeneral) continue;
        counts.count(grouped.reason);
        assert.equal(formatAnswer(ask(apart, call)), formatAnswer(grouped), formatCall(call));
      }
    });
    context.diagnostic(tally.format());
    assert.ok(tally.of("principal_lacks_permission") >= lawRuns / 10, tally.format());
  });
});

/** One selector for each thing that the call names. */
function selectorsOf(call: Call, delegationIds: readonly string[]): [string, SelectQuery][] {
  const { principal, actors, tool, session } = call;
  // Where a resource lies by the caller's word alone, no selector of it can know.
  const accesses = call.contextualTuples.length === 0 ? call.accesses : [];
  return [
    ["principal", { principal }],
    ...actors.map((actor): [string, SelectQuery] => ["actor", { actor }]),
    ["tool", { tool }],
    ["tool", { tool, principal }],
    ...accesses.map(({ resource }): [string, SelectQuery] => ["resource", { resource }]),
    ...(session === undefined ? [] : [["session", { session }] satisfies [string, SelectQuery]]),
    ...delegationIds.map((delegationId): [string, SelectQuery] => [
      "delegationId",
      { delegationId },
    ]),
  ];
}

/** The permissions that stand on the tool or its servers, as type, relation and role. */
function listedPermissions(view: View, world: World, call: Call): string[][] {
  const permissions = world.tuples.flatMap(({ subject }) =>
    subject.kind === "object" && subject.object.type === "permission" ? [subject.object] : [],
  );
  return permissions
    .filter((permission) => may(view, permission, "requires", call.tool, call))
    .map(({ id }) => id.replace("?", "").split("/"))
    .filter(([type]) => type !== "none");
}

function may(
  view: View,
  subject: ObjectRef,
  relation: string | undefined,
  object: ObjectRef,
  call: Call,
  access?: Access,
): boolean {
  const context: JsonObject = { ...call.context, ...access?.context };
  const answer = decided(
    checkRelation(
      view,
      {
        object,
        relation: parseName(relation ?? "", "relation"),
        subject: subjectOf(subject),
        context,
        contextualTuples: call.contextualTuples,
      },
      defaultLimits,
    ),
  );
  return answer.kind === "member";
}

/**
 * Tuples that the API deletes or lets expire without their whole delegation. A second identity of
 * one delegation, or a parent by itself, is refused when written, or deleted.
 */
function isTakenByItself(world: World, { object, relation }: RelationTuple): boolean {
  if (object.type !== "delegation" || relation === "suspended" || relation === "parent")
    return false;
  const same = world.tuples.filter(
    (tuple) => tuple.relation === relation && formatObject(tuple.object) === formatObject(object),
  );
  return !["principal", "delegator", "delegate"].includes(relation) || same.length === 1;
}

/** A link below the leaf, to `agent:a9`, that leaves nothing out. */
function widestLink(principal: ObjectRef, delegator: ObjectRef, leaf: string): RelationTuple[] {
  return [
    `delegation:7#principal@${formatObject(principal)}`,
    `delegation:7#delegator@${formatObject(delegator)}`,
    "delegation:7#delegate@agent:a9",
    `delegation:7#parent@delegation:${leaf}`,
    "delegation:7#session@session:*",
    "delegation:7#tool@tool:*",
    "delegation:7#resource@doc:*",
    "delegation:7#resource@folder:f1",
    "tool:t1#eligible@agent:a9",
  ].map(stored);
}

function isOn({ object }: RelationTuple, delegationId: string): boolean {
  return object.type === "delegation" && object.id === delegationId;
}

function ref(type: string, id: string): ObjectRef {
  return stored(`${type}:${id}#x@${type}:${id}`).object;
}

function stored(text: string): RelationTuple {
  return parseTupleText(text, "tuple");
}
