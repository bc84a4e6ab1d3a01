import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { checkRelation, type CheckQuery } from "../../src/engine/check.ts";
import { defaultLimits } from "../../src/engine/limits.ts";
import { listSubjects } from "../../src/engine/list-subjects.ts";
import { parseName } from "../../src/core/object.ts";
import type { JsonObject } from "../../src/core/json.ts";
import { parseModel } from "../../src/model/parse-model.ts";
import { readModel } from "../../src/model/read-model.ts";
import { parseSubjectText } from "../../src/core/subject.ts";
import { parseTupleText } from "../../src/core/tuple.ts";
import { decided, object, viewOf } from "../support/graphs.ts";

const restricting = `model
  schema 1.1
type user
type document
  relations
    define restricted: [user, document#viewer]
    define viewer: [user] but not restricted
`;

const either = `model
  schema 1.1
type user
type document
  relations
    define viewer: [user, user with in_range, user:*]
condition in_range(x: int, y: int) {
  x < 100 || y < 50
}`;

suite("where the corpus is not followed", () => {
  test("a relation that may depend on its own absence is refused, at its line", async () => {
    const read = await readModel([{ name: "model.fga", text: restricting }]);
    assert.ok(read.kind === "refused");
    assert.deepEqual(
      read.findings.map(({ code, line }) => `${code} ${line}`),
      ["recursion_through_exclusion 7"],
    );
  });

  test("where it is allowed, what does depend on its own absence is an error, and nothing else", async () => {
    const choices = { allowsOwnAbsence: true };
    const read = await readModel([{ name: "model.fga", text: restricting }], { choices });
    assert.ok(read.kind === "accepted");
    const looped = "document:1#restricted@document:1#viewer";
    const ask = (...world: readonly string[]) => {
      const view = viewOf(
        read.model,
        world.map((text) => parseTupleText(text, "tuple")),
      );
      return decided(checkRelation(view, jonViews({}), defaultLimits));
    };
    const answer = ask("document:1#viewer@user:jon", looped);
    assert.equal(answer.kind === "error" && answer.code, "model_mismatch");
    assert.deepEqual(ask(looped), { kind: "not_member" });
    assert.deepEqual(ask("document:1#viewer@user:jon"), { kind: "member" });
  });

  test("a parameter is asked for where the answer hangs on it", () => {
    assert.deepEqual(viewer("in_range", {}), { kind: "needs", names: ["x", "y"] });
    assert.deepEqual(viewer("in_range", { x: 101 }), { kind: "needs", names: ["y"] });
    assert.deepEqual(listed({ y: 101 }), ["user:jon needs x"]);
  });

  test("a parameter is not asked for where another operand grants", () => {
    assert.deepEqual(viewer("in_range", { x: 10 }), { kind: "member" });
    assert.deepEqual(viewer("in_range", { y: 10 }), { kind: "member" });
    assert.deepEqual(listed({ x: 10 }), ["user:jon"]);
  });

  test("a parameter is not asked for where another tuple grants", () => {
    assert.deepEqual(viewer("in_range", {}, ["document:1#viewer@user:*"]), { kind: "member" });
  });
});

function worldOf(condition: string, more: readonly string[]) {
  const conditional = {
    ...parseTupleText("document:1#viewer@user:jon", "tuple"),
    condition: { name: parseName(condition, "condition"), context: {} },
  };
  const tuples = [conditional, ...more.map((text) => parseTupleText(text, "tuple"))];
  return viewOf(parseModel(either), tuples);
}

function viewer(condition: string, context: JsonObject, more: readonly string[] = []) {
  return decided(checkRelation(worldOf(condition, more), jonViews(context), defaultLimits));
}

function jonViews(context: JsonObject): CheckQuery {
  return {
    object: object("document:1"),
    relation: parseName("viewer", "relation"),
    subject: parseSubjectText("user:jon", "subject"),
    context,
    contextualTuples: [],
  };
}

function listed(context: JsonObject): readonly string[] {
  const query = {
    object: object("document:1"),
    relation: parseName("viewer", "relation"),
    subjectType: parseName("user", "type"),
    context,
    contextualTuples: [],
    limit: 10,
  };
  const answer = decided(listSubjects(worldOf("in_range", []), query, defaultLimits));
  assert.ok(answer.kind === "slice");
  return answer.subjects.map(({ subject, needs }) => {
    assert.ok(subject.kind === "object");
    const text = `${subject.object.type}:${subject.object.id}`;
    return needs.length === 0 ? text : `${text} needs ${needs.join(" ")}`;
  });
}
