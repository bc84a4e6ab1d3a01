import assert from "node:assert/strict";
import { suite, test } from "node:test";
import fc from "fast-check";
import type { JsonObject } from "../../src/core/json.ts";
import { formatObject, parseName } from "../../src/core/object.ts";
import { formatSubject, parseSubjectText } from "../../src/core/subject.ts";
import { formatTuple } from "../../src/core/tuple.ts";
import { checkRelation, type CheckAnswer, type CheckQuery } from "../../src/engine/check.ts";
import type { Evaluated } from "../../src/engine/graph.ts";
import { defaultLimits } from "../../src/engine/limits.ts";
import { listObjects } from "../../src/engine/list-objects.ts";
import { listSubjects } from "../../src/engine/list-subjects.ts";
import { planModel } from "../../src/engine/plan.ts";
import type { View } from "../../src/engine/view.ts";
import {
  decided,
  expiring,
  noon,
  object,
  PagingGraph,
  tuplesOf,
  viewOf,
} from "../support/graphs.ts";
import { denseModel, denseTuples, instant, objectsAndRelations, subjects } from "./dense-worlds.ts";

const contexts: readonly JsonObject[] = [{}, { x: 1 }];

suite("checkRelation", () => {
  test("answers the same whatever is in memory and however it is loaded", () => {
    fc.assert(
      fc.property(
        denseTuples,
        instant,
        fc.boolean(),
        fc.array(fc.nat(), { minLength: 40, maxLength: 40 }),
        (tuples, now, partial, choices) => {
          const whole = { ...viewOf(denseModel, tuples), now };
          const graph = new PagingGraph(tuples, () => partial);
          const paged = { graph, plan: planModel(denseModel, graph.symbols), now };
          let next = 0;
          const choose = (count: number): number => {
            next += 1;
            return (choices[next % choices.length] ?? 0) % count;
          };
          for (const query of queries()) {
            const expected = decided(checkRelation(whole, query, defaultLimits));
            const actual = graph.evaluate(() => checkRelation(paged, query, defaultLimits), choose);
            if (partial && isTupleset(actual)) continue;
            // Where a tupleset is too large to be followed, another way may prove the same.
            if (partial) assert.equal(actual.kind, expected.kind);
            else assert.deepEqual(actual, expected);
          }
        },
      ),
      { numRuns: 150 },
    );
  });

  test("only becomes an error with a smaller budget", () => {
    fc.assert(
      fc.property(denseTuples, fc.nat({ max: 12 }), fc.nat({ max: 60 }), (tuples, depth, steps) => {
        const view = viewOf(denseModel, tuples, 5);
        const short = { ...defaultLimits, depthMax: depth, stepsMax: steps };
        for (const query of queries()) {
          const actual = decided(checkRelation(view, query, short));
          if (actual.kind === "error") {
            assert.equal(actual.code, "budget_exceeded");
          } else {
            const expected = decided(checkRelation(view, query, defaultLimits));
            assert.deepEqual(actual.kind, expected.kind);
          }
        }
      }),
      { numRuns: 300 },
    );
  });

  test("agrees with both lists", () => {
    fc.assert(
      fc.property(denseTuples, instant, fc.nat({ max: 2 }), (tuples, now, limit) => {
        const view = { ...viewOf(denseModel, tuples), now };
        for (const [on, relation] of objectsAndRelations) {
          for (const context of contexts) {
            const listed = subjectsOf(view, on, relation, context, limit + 1);
            for (const subject of subjects) {
              const answer = kindOf(view, on, relation, subject, context);
              if (subject === "user:c") {
                // Nobody names her: she is what the wildcard is.
                assert.equal(answer, kindOf(view, on, relation, "user:z", context));
                continue;
              }
              const expected = listed.get(subject) ?? "not_member";
              const isGeneral = !listed.has(subject) && listed.get("user:*") === answer;
              if (!isGeneral) assert.equal(answer, expected, `${on}#${relation}@${subject}`);
              const objects = objectsOf(view, on, relation, subject, context, limit + 1);
              assert.equal(objects.get(on) ?? "not_member", answer);
            }
          }
        }
      }),
      { numRuns: 60 },
    );
  });

  test("says until when a proof holds: before that nothing changes by expiry", () => {
    fc.assert(
      fc.property(denseTuples, (tuples) => {
        for (const query of queries()) {
          const answer = decided(
            checkRelation(viewOf(denseModel, tuples, 5), query, defaultLimits),
          );
          if (answer.kind !== "member") continue;
          for (const at of [9, 10, 19, 20, 30]) {
            if (at >= (answer.validUntilMs ?? Infinity)) continue;
            const later = checkRelation(viewOf(denseModel, tuples, at), query, defaultLimits);
            assert.equal(decided(later).kind, "member", `${query.relation} at ${at}`);
          }
        }
      }),
      { numRuns: 300 },
    );
  });

  test("grants only what holds at both ends of now, and takes away what holds at either", () => {
    const granted = [expiring("doc:1#direct@user:a", noon)];
    assert.equal(ask(granted, "viewer", noon - 2, noon - 1).kind, "member");
    assert.equal(ask(granted, "viewer", noon - 1, noon).kind, "not_member");
    const blocked = [...tuplesOf("doc:1#direct@user:a"), expiring("doc:1#blocked@user:a", noon)];
    assert.equal(ask(blocked, "viewer", noon - 1, noon).kind, "not_member");
    assert.equal(ask(blocked, "viewer", noon, noon + 1).kind, "member");
    // What is subtracted twice grants again: the block that may be over no longer keeps her off.
    const odd = [...blocked, ...tuplesOf("doc:1#odd@user:a")];
    assert.equal(ask(odd, "odd", noon - 2, noon - 1).kind, "member");
    assert.equal(ask(odd, "odd", noon - 1, noon).kind, "not_member");
  });

  test("follows paths up to the depth limit and says where they are longer", () => {
    const chain = (length: number): ReturnType<typeof tuplesOf> =>
      tuplesOf(
        "group:n0#member@user:a",
        ...Array.from({ length }, (_, n) => `group:n${n + 1}#member@group:n${n}#member`),
      );
    const last = (length: number): CheckAnswer =>
      decided(
        checkRelation(
          viewOf(denseModel, chain(length)),
          queryOf(`group:n${length}`, "member", "user:a", {}),
          defaultLimits,
        ),
      );
    assert.equal(last(63).kind, "member");
    const tooLong = last(64);
    assert.equal(tooLong.kind === "error" && tooLong.code, "budget_exceeded");
  });

  test("solves dense cycles within its budget", () => {
    const names = Array.from({ length: 24 }, (_, n) => `group:n${n}`);
    const tuples = tuplesOf(
      ...names.flatMap((group) => names.map((other) => `${group}#member@${other}#member`)),
    );
    const query = queryOf("group:n0", "member", "user:a", {});
    assert.deepEqual(decided(checkRelation(viewOf(denseModel, tuples), query, defaultLimits)), {
      kind: "not_member",
    });
  });

  test("refuses relations and types that the model does not have", () => {
    const view = viewOf(denseModel, []);
    const noRelation = queryOf("doc:1", "reader", "user:a", {});
    const noType = queryOf("doc:1", "viewer", "robot:a", {});
    const codes = [noRelation, noType].map((query) => {
      const answer = decided(checkRelation(view, query, defaultLimits));
      return answer.kind === "error" && answer.code;
    });
    assert.deepEqual(codes, ["unknown_relation", "unknown_type"]);
  });

  test("takes contextual tuples as stored ones, of objects that no page knows as well", () => {
    fc.assert(
      fc.property(denseTuples, fc.nat({ max: 24 }), instant, (tuples, from, now) => {
        // Of two with one key the later counts, so it must be the one that is contextual.
        const unique = [...new Map(tuples.map((each) => [formatTuple(each), each])).values()];
        const whole = { ...viewOf(denseModel, unique), now };
        const graph = new PagingGraph(unique.slice(0, from));
        const paged = { graph, plan: planModel(denseModel, graph.symbols), now };
        const contextualTuples = unique.slice(from);
        for (const query of queries()) {
          const expected = decided(checkRelation(whole, query, defaultLimits));
          const evaluation = (): Evaluated<CheckAnswer> =>
            checkRelation(paged, { ...query, contextualTuples }, defaultLimits);
          assert.deepEqual(
            graph.evaluate(evaluation, (count) => count - 1),
            expected,
          );
        }
      }),
      { numRuns: 100 },
    );
  });

  test("lets a contextual tuple stand for the stored one of its key", () => {
    const view = viewOf(denseModel, [expiring("doc:1#direct@user:a", 1)], 5);
    const query = {
      ...queryOf("doc:1", "viewer", "user:a", {}),
      contextualTuples: tuplesOf("doc:1#direct@user:a"),
    };
    assert.equal(decided(checkRelation(view, query, defaultLimits)).kind, "member");
  });
});

function* queries(): Generator<CheckQuery> {
  for (const [on, relation] of objectsAndRelations) {
    for (const subject of subjects) {
      for (const context of contexts) yield queryOf(on, relation, subject, context);
    }
  }
}

function queryOf(on: string, relation: string, subject: string, context: JsonObject): CheckQuery {
  return {
    object: object(on),
    relation: parseName(relation, "relation"),
    subject: parseSubjectText(subject, "subject"),
    context,
    contextualTuples: [],
  };
}

function ask(
  tuples: ReturnType<typeof tuplesOf>,
  relation: string,
  earliestMs: number,
  latestMs: number,
): CheckAnswer {
  const view = viewOf(denseModel, tuples, earliestMs, latestMs);
  return decided(checkRelation(view, queryOf("doc:1", relation, "user:a", {}), defaultLimits));
}

function kindOf(
  view: View,
  on: string,
  relation: string,
  subject: string,
  context: JsonObject,
): CheckAnswer["kind"] {
  return decided(checkRelation(view, queryOf(on, relation, subject, context), defaultLimits)).kind;
}

/** A page that lists usersets, wildcards and conditions only cannot serve as a tupleset. */
function isTupleset(answer: CheckAnswer): boolean {
  return answer.kind === "error" && answer.detail.includes("too many tuples");
}

/** All slices together: `member` or `needs` by object. */
function objectsOf(
  view: View,
  on: string,
  relation: string,
  subject: string,
  context: JsonObject,
  limit: number,
): ReadonlyMap<string, string> {
  const listed = new Map<string, string>();
  for (let after: string | undefined; ;) {
    const answer = decided(
      listObjects(
        view,
        {
          type: object(on).type,
          relation: parseName(relation, "relation"),
          subject: parseSubjectText(subject, "subject"),
          context,
          contextualTuples: [],
          limit,
          ...(after === undefined ? {} : { after }),
        },
        defaultLimits,
      ),
    );
    assert.equal(answer.kind, "slice");
    for (const { object: found, needs } of answer.objects) {
      listed.set(formatObject(found), needs.length > 0 ? "needs" : "member");
    }
    if (answer.next === undefined) return listed;
    after = answer.next;
  }
}

/** All slices of all forms together: `member` or `needs` by subject. */
function subjectsOf(
  view: View,
  on: string,
  relation: string,
  context: JsonObject,
  limit: number,
): ReadonlyMap<string, string> {
  const listed = new Map<string, string>();
  for (const form of ["user", "group#member", "group#owner", "doc#viewer"]) {
    const [type = "", ofUserset] = form.split("#");
    for (let after: string | undefined; ;) {
      const answer = decided(
        listSubjects(
          view,
          {
            object: object(on),
            relation: parseName(relation, "relation"),
            subjectType: parseName(type, "type"),
            ...(ofUserset === undefined
              ? {}
              : { subjectRelation: parseName(ofUserset, "relation") }),
            context,
            contextualTuples: [],
            limit,
            ...(after === undefined ? {} : { after }),
          },
          defaultLimits,
        ),
      );
      assert.equal(answer.kind, "slice");
      for (const { subject, needs } of answer.subjects) {
        listed.set(formatSubject(subject), needs.length > 0 ? "needs" : "member");
      }
      if (answer.next === undefined) break;
      after = answer.next;
    }
  }
  return listed;
}
