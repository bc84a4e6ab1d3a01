import assert from "node:assert/strict";
import { suite, test } from "node:test";
import type { Explanation } from "../../src/core/decision.ts";
import { formatObject } from "../../src/core/object.ts";
import { formatTuple, type RelationTuple } from "../../src/core/tuple.ts";
import { checkRelation } from "../../src/engine/check.ts";
import { explainCall, explainCheck } from "../../src/engine/explain.ts";
import { defaultLimits } from "../../src/engine/limits.ts";
import { delegatedWorld } from "../support/delegated-worlds.ts";
import { decided } from "../support/graphs.ts";
import { holdsFor, lawRuns, type Tally } from "../support/laws.ts";
import { now } from "../support/worlds.ts";
import { ask, formatCall, wholeView } from "../support/verdicts.ts";
import { askedWorld, relationsOf } from "../support/worlds.ts";

const limits = { ...defaultLimits, explanationNodesMax: 100_000 };

/** Relations whose tuples are read without a goal of their own, so that no explanation shows them. */
const unshown = new Set(
  "principal delegator delegate parent child group server requires".split(" "),
);

/** The other side of `answers the same up to the instant that it gives`: no earlier than there is cause. */
suite("the instant until which an answer holds", () => {
  test("is one at which something that the call rests on expires", (context) => {
    const tally = holdsFor(delegatedWorld, ({ world, calls }, counts) => {
      const view = wholeView(world);
      for (const call of calls) {
        const answer = ask(view, call);
        if (answer.kind !== "allowed" || answer.validUntilMs === undefined) continue;
        const { explanation } = decided(explainCall(view, call, limits));
        const tuples = [...world.tuples, ...call.contextualTuples];
        assertHasCause(tuples, answer.validUntilMs, explanation, formatCall(call), counts);
      }
    });
    context.diagnostic(tally.format());
    for (const outcome of ["an expiry", "the clock"]) {
      assert.ok(tally.of(outcome) >= lawRuns / 250, tally.format());
    }
  });

  test("is one at which something that the relation rests on expires", (context) => {
    const tally = holdsFor(askedWorld, (asked, counts) => {
      const { world, objects, subjects, contextual } = asked;
      const view = wholeView(world);
      for (const object of objects) {
        for (const relation of relationsOf(world.model, object)) {
          for (const subject of subjects) {
            const query = { object, relation, subject, contextualTuples: contextual };
            const asking = { ...query, context: asked.context };
            const answer = decided(checkRelation(view, asking, limits));
            if (answer.kind !== "member" || answer.validUntilMs === undefined) continue;
            const { explanation } = decided(explainCheck(view, asking, limits));
            const tuples = [...world.tuples, ...contextual];
            assertHasCause(tuples, answer.validUntilMs, explanation, explanation.label, counts);
          }
        }
      }
    });
    context.diagnostic(tally.format());
    for (const outcome of ["an expiry", "the clock"]) {
      assert.ok(tally.of(outcome) >= lawRuns / 20, tally.format());
    }
  });
});

function assertHasCause(
  tuples: readonly RelationTuple[],
  untilMs: number,
  explanation: Explanation,
  question: string,
  counts: Tally,
): void {
  const shown = new Set(shownTuples(explanation));
  const isExpiry = tuples.some(
    (tuple) =>
      tuple.expiresAtMs === untilMs &&
      (unshown.has(tuple.relation) || shown.has(formatTuple(tuple))),
  );
  // One that does not hold for now is not shown, but the goal is that it would hold for.
  const goals = new Set(goalsIn(explanation));
  const readsTime = tuples.some(
    ({ object, relation, condition }) =>
      /^(early|late)$/.test(condition?.name ?? "") &&
      (unshown.has(relation) || goals.has(`${formatObject(object)}#${relation}`)),
  );
  assert.ok(isExpiry || (untilMs === now.latestMs && readsTime), `${question} until ${untilMs}`);
  counts.count(isExpiry ? "an expiry" : "the clock");
}

/** Every `object#relation` that was asked for. */
function goalsIn({ label, children }: Explanation): string[] {
  return [label.split("@", 1).join(), ...children.flatMap(goalsIn)];
}

/** Every tuple that stands below the goal which read it. */
function shownTuples({ label, children }: Explanation): string[] {
  const [object = ""] = label.split("#", 1);
  return children.flatMap((child) => [
    ...(child.label.startsWith("tuple ") ? [`${object}#${child.label.slice(6)}`] : []),
    ...shownTuples(child),
  ]);
}
