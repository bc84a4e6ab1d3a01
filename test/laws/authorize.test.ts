import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { reasons, type Call } from "../../src/core/decision.ts";
import { formatObject } from "../../src/core/object.ts";
import { authorize, type AuthorizeAnswer } from "../../src/engine/authorize.ts";
import { defaultLimits, type EngineLimits } from "../../src/engine/limits.ts";
import type { View } from "../../src/engine/view.ts";
import { delegatedWorld } from "../support/delegated-worlds.ts";
import { decided, viewOf } from "../support/graphs.ts";
import { holdsFor, lawRuns } from "../support/laws.ts";
import { judgeOf, type ReferenceVerdict } from "../support/reference/delegated.ts";
import type { World } from "../support/reference/world.ts";

suite("authorize", () => {
  test("agrees with the rules read one by one", (context) => {
    const tally = holdsFor(delegatedWorld, ({ world, calls }, counts) => {
      const view = whole(world);
      const judge = judgeOf(world);
      for (const call of calls) {
        const expected = judge(call);
        const answer = ask(view, call);
        assert.equal(
          formatAnswer(answer),
          formatReference(expected),
          `${formatCall(call)}: ${JSON.stringify(answer)}`,
        );
        counts.count(expected.kind === "denied" ? expected.reason : expected.kind);
      }
    });
    context.diagnostic(tally.format());
    for (const outcome of ["allowed", "undecided", ...reasons]) {
      assert.ok(tally.of(outcome) >= lawRuns / 250, `${outcome} is too rare: ${tally.format()}`);
    }
  });
});

function whole(world: World): View {
  return viewOf(world.model, world.tuples, world.now.earliestMs, world.now.latestMs);
}

function ask(view: View, call: Call, limits: EngineLimits = defaultLimits): AuthorizeAnswer {
  return decided(authorize(view, call, limits));
}

function formatReference(verdict: ReferenceVerdict): string {
  switch (verdict.kind) {
    case "allowed":
      return ["allowed", ...verdict.delegationIds].join(" ");
    case "denied":
      return formatDenial(verdict);
    case "undecided":
      return "undecided";
  }
}

function formatAnswer(answer: AuthorizeAnswer): string {
  switch (answer.kind) {
    case "allowed":
      return ["allowed", ...answer.delegationIds].join(" ");
    case "denied":
      return formatDenial(answer);
    case "error":
      return "undecided";
  }
}

function formatDenial(
  denied: Exclude<ReferenceVerdict, { kind: "allowed" | "undecided" }>,
): string {
  const { reason, delegationIds, missingNames } = denied;
  const needs = missingNames.length === 0 ? [] : [`needs ${missingNames.join(",")}`];
  return [reason, ...delegationIds, ...needs].join(" ");
}

function formatCall(call: Call): string {
  const { principal, actors, tool, accesses, session, contextualTuples: _, ...rest } = call;
  const touched = accesses.map(({ resource, ...how }) => ({
    resource: formatObject(resource),
    ...how,
  }));
  return JSON.stringify({
    principal: formatObject(principal),
    actors: actors.map(formatObject),
    tool: formatObject(tool),
    accesses: touched,
    ...(session === undefined ? {} : { session: formatObject(session) }),
    ...rest,
  });
}
