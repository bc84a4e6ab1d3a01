import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { parseName } from "../../src/core/object.ts";
import { subjectOf } from "../../src/core/subject.ts";
import { parseTupleText, type RelationTuple } from "../../src/core/tuple.ts";
import { checkRelation, type CheckAnswer } from "../../src/engine/check.ts";
import { defaultLimits, type EngineLimits } from "../../src/engine/limits.ts";
import { parseModel } from "../../src/model/parse-model.ts";
import { decided, object, tuplesOf, viewOf } from "../support/graphs.ts";

const groups = parseModel(`model
  schema 1.1
type user
type group
  relations
    define member: [user, group#member, group#banned]
    define banned: [user, group#member]
    define allowed: member but not banned
    define sure: [group#member, group#sure] and member
`);

function ask(
  tuples: readonly RelationTuple[],
  text: string,
  limits: Partial<EngineLimits> = {},
): CheckAnswer {
  const [of = "", relation = ""] = text.split("#");
  return decided(
    checkRelation(
      viewOf(groups, tuples),
      {
        object: object(of),
        relation: parseName(relation, "relation"),
        subject: subjectOf(object("user:alice")),
        context: {},
        contextualTuples: [],
      },
      { ...defaultLimits, ...limits },
    ),
  );
}

/** Each of a layer holds both of the next: 2^layers paths through 2 × layers groups. */
function ladder(layers: number, bottom: readonly string[] = []): RelationTuple[] {
  const rungs = Array.from({ length: layers }, (_, layer) =>
    ["a", "b"].flatMap((from) =>
      ["a", "b"].map((to) => `group:${from}${layer}#member@group:${to}${layer + 1}#member`),
    ),
  );
  return tuplesOf(...rungs.flat(), ...bottom);
}

suite("what was found of a goal", () => {
  test("is not sought again: the work is that of the groups, not of the paths", () => {
    const stepsMax = 40 * 2 * 4;
    assert.equal(ask(ladder(40), "group:a0#member", { stepsMax }).kind, "not_member");
    const found = ladder(40, ["group:b40#member@user:alice"]);
    assert.equal(ask(found, "group:a0#member", { stepsMax }).kind, "member");
  });

  test("is not sought again in a circle either", () => {
    const circle = [...ladder(20), ...tuplesOf("group:a20#member@group:a0#member")];
    const stepsMax = 20 * 20 * 4;
    assert.equal(ask(circle, "group:a0#member", { stepsMax }).kind, "not_member");
    assert.equal(ask(circle, "group:a0#allowed", { stepsMax }).kind, "not_member");
    const held = [...circle, ...tuplesOf("group:b19#member@user:alice")];
    for (const from of ["a0", "b7", "a20"]) {
      assert.equal(ask(held, `group:${from}#member`, { stepsMax }).kind, "member", from);
    }
  });

  test("far down, where a path was too long, does not stand in for a shorter way", () => {
    // By the long way c is met at the very limit, and its own member lies beyond it.
    const tuples = tuplesOf(
      "group:a#member@group:b1#member",
      "group:b1#member@group:b2#member",
      "group:b2#member@group:c#member",
      "group:a#member@group:c#member",
      "group:c#member@group:d#member",
      "group:d#member@user:alice",
    );
    assert.equal(ask(tuples, "group:a#member", { depthMax: 3 }).kind, "member");
    assert.equal(ask(tuples, "group:a#member", { depthMax: 4 }).kind, "member");
    const short = ask(tuples, "group:a#member", { depthMax: 2 });
    assert.deepEqual(short, {
      kind: "error",
      code: "budget_exceeded",
      detail: "a path is longer than 2 usersets",
    });
  });

  test("is as deep as the way by which it was met, and no deeper", () => {
    const path = (length: number): RelationTuple[] =>
      tuplesOf(
        ...Array.from(
          { length: length - 1 },
          (_, index) => `group:${index}#member@group:${index + 1}#member`,
        ),
        `group:${length - 1}#member@user:alice`,
      );
    for (const depthMax of [1, 2, 7]) {
      assert.equal(ask(path(depthMax), "group:0#member", { depthMax }).kind, "member");
      assert.equal(ask(path(depthMax + 1), "group:0#member", { depthMax }).kind, "error");
    }
  });

  test("counts every step, and says by how many it was too much", () => {
    const tuples = tuplesOf(
      "group:a#member@group:b#member",
      "group:b#member@group:c#member",
      "group:c#member@user:alice",
    );
    const kinds = Array.from({ length: 12 }, (_, index) =>
      ask(tuples, "group:a#member", { stepsMax: index + 1 }),
    );
    const enough = kinds.findIndex(({ kind }) => kind === "member");
    assert.ok(enough > 1 && enough < 11, String(enough));
    for (const [index, answer] of kinds.entries()) {
      const detail = `the evaluation takes more than ${index + 1} steps`;
      const error = { kind: "error", code: "budget_exceeded", detail };
      assert.deepEqual(answer, index < enough ? error : { kind: "member" });
    }
  });

  test("went wrong is said of what the answer hangs on, not of what another way settled", () => {
    const model = parseModel(`model
  schema 1.1
type user
type doc
  relations
    define a: [user, user with first]
    define b: [user]
    define c: [user with second]
    define both: (a or b) and c
    define again: a
    define twice: (again or b) and again
condition first(x: int) { 1 / x == 1 }
condition second(x: int, y: string) { 1 / x == 2 && y == "" }
`);
    const under = (text: string, name: string): RelationTuple => {
      const condition = { name: parseName(name, "condition"), context: {} };
      return { ...parseTupleText(text, "tuple"), condition };
    };
    const tuples = [
      under("doc:1#a@user:alice", "first"),
      ...tuplesOf("doc:1#b@user:alice"),
      under("doc:1#c@user:alice", "second"),
    ];
    const query = {
      object: object("doc:1"),
      subject: subjectOf(object("user:alice")),
      context: { x: 0, y: "" },
      contextualTuples: [],
    };
    const asked = (relation: string, context = query.context): CheckAnswer =>
      decided(
        checkRelation(
          viewOf(model, tuples),
          { ...query, relation: parseName(relation, "relation"), context },
          defaultLimits,
        ),
      );
    const failed = { kind: "error", code: "malformed" };
    assert.deepEqual(asked("a"), { ...failed, detail: "condition `first`: division by zero" });
    assert.deepEqual(asked("both"), { ...failed, detail: "condition `second`: division by zero" });
    assert.deepEqual(asked("both", { x: 1, y: "" }), { kind: "not_member" });
    // Settled the first time, and decisive when it is met again.
    assert.deepEqual(asked("twice"), { ...failed, detail: "condition `first`: division by zero" });
  });

  test("that rests on an assumption is given up with it", () => {
    const tuples = tuplesOf(
      "group:a#sure@group:b#member",
      "group:a#sure@group:a#sure",
      "group:a#member@group:b#banned",
      "group:b#banned@group:a#member",
      "group:b#member@group:a#member",
      "group:a#member@group:c#member",
      "group:c#member@user:alice",
    );
    assert.equal(ask(tuples, "group:a#sure").kind, "member");
    assert.equal(ask(tuples, "group:b#allowed").kind, "not_member");
    assert.equal(ask(tuples, "group:c#allowed").kind, "member");
  });
});
