import assert from "node:assert/strict";
import { suite, test } from "node:test";
import fc from "fast-check";
import {
  checkRelation,
  formatCheck,
  type CheckAnswer,
  type CheckQuery,
} from "../../src/engine/check.ts";

import { defaultLimits } from "../../src/engine/limits.ts";
import type { View } from "../../src/engine/view.ts";
import type { AuthorizationModel } from "../../src/model/authorization-model.ts";
import { parseModel } from "../../src/model/parse-model.ts";
import { decided } from "../support/graphs.ts";
import { holdsFor, lawRuns } from "../support/laws.ts";
import { conditionsText, plainConditions } from "../support/plain-conditions.ts";
import { membershipsIn } from "../support/reference/memberships.ts";
import { formatTruth } from "../support/reference/truth.ts";
import { worldOf, type World } from "../support/reference/world.ts";
import { wholeView } from "../support/verdicts.ts";
import { now, objectsIn, relationsOf, requestContext, tuplesIn } from "../support/worlds.ts";
import { subjectOf, type Subject } from "../../src/core/subject.ts";

/** Relations of a group that hang on one another in every way that makes a cycle, and few members. */
const models: readonly AuthorizationModel[] = [
  `model
  schema 1.1
type user
type group
  relations
    define a: [user, group#a, group#b, group#c]
    define b: [group#a, group#c] or (a and c)
    define c: [user, group#b, group#d]
    define d: (a and b) or c
${conditionsText}`,
  `model
  schema 1.1
type user
type group
  relations
    define up: [group]
    define a: [user, group#b] or b from up or a from up
    define b: [user, group#a] or (a from up and c)
    define c: [group#b] or c from up
    define d: [user, group#a] but not c
${conditionsText}`,
  `model
  schema 1.1
type user
type group
  relations
    define up: [group, group with both]
    define a: [user with one, group#b, group#a with both, user with broken] or b from up
    define b: [user with both, group#a, group#c with one] and a
    define c: [group#a, user:* with one, group#b] or a from up
    define d: c but not (a and b)
${conditionsText}`,
].map((text) => ({ ...parseModel(text), conditions: plainConditions }));

interface CyclicWorld {
  readonly world: World;
  readonly queries: readonly CheckQuery[];
}

const cyclicWorld: fc.Arbitrary<CyclicWorld> = fc.constantFrom(...models).chain((model) => {
  const objects = objectsIn(model, ["a", "b", "c"]);
  const groups = objects.filter(({ type }) => type === "group");
  return fc
    .record({
      tuples: tuplesIn(model, objects, { minLength: 6, maxLength: 24 }),
      context: requestContext,
    })
    .map(({ tuples, context }) => {
      const subjects = [
        ...objects.slice(0, 2).map(subjectOf),
        ...groups.slice(0, 1).flatMap((object) =>
          relationsOf(model, object).map((relation): Subject => ({
            kind: "userset",
            object,
            relation,
          })),
        ),
      ];
      return {
        world: worldOf(model, tuples, now, objects),
        queries: groups.flatMap((object) =>
          relationsOf(model, object).flatMap((relation) =>
            subjects.map((subject) => ({
              object,
              relation,
              subject,
              context,
              contextualTuples: [],
            })),
          ),
        ),
      };
    });
});

suite("checkRelation, where groups hold one another", () => {
  test("agrees with the least fixpoint", (context) => {
    const tally = holdsFor(cyclicWorld, ({ world, queries }, counts) => {
      const view = wholeView(world);
      const memberships = membershipsIn(world);
      for (const query of queries) {
        const { object, relation, subject } = query;
        const truth = memberships(subject, query.context).of(object, relation, "grants");
        const answer = ask(view, query, 64);
        counts.count(answer.kind);
        if (truth.troubled && answer.kind === "needs") continue;
        assert.equal(format(answer), formatTruth(truth), formatCheck(query));
      }
    });
    context.diagnostic(tally.format());
    for (const kind of ["member", "not_member", "needs", "error"]) {
      assert.ok(tally.of(kind) >= lawRuns / 20, tally.format());
    }
  });

  test("answers the same at every depth, or says that it is too great", (context) => {
    const depth = fc.integer({ min: 1, max: 7 });
    const tally = holdsFor(fc.tuple(cyclicWorld, depth), ([cyclic, depthMax], counts) => {
      const view = wholeView(cyclic.world);
      for (const query of cyclic.queries) {
        const full = ask(view, query, 64);
        const answer = ask(view, query, depthMax);
        if (answer.kind !== "error") assert.equal(answer.kind, full.kind, formatCheck(query));
        else if (full.kind !== "error") counts.count(`cut at ${depthMax}`);
      }
    });
    context.diagnostic(tally.format());
    assert.ok(tally.of("cut at 4") >= lawRuns / 20, tally.format());
  });
});

function ask(view: View, query: CheckQuery, depthMax: number): CheckAnswer {
  return decided(checkRelation(view, query, { ...defaultLimits, depthMax }));
}

function format(answer: CheckAnswer): string {
  switch (answer.kind) {
    case "member":
      return "yes";
    case "not_member":
      return "no";
    case "needs":
      return `needs ${answer.names.join(",")}`;
    case "error":
      return "unknown";
  }
}
