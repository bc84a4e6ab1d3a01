import assert from "node:assert/strict";
import { suite, test } from "node:test";
import type { JsonObject } from "../../src/core/json.ts";
import { formatObject, parseName } from "../../src/core/object.ts";
import { formatSubject, parseSubjectText } from "../../src/core/subject.ts";
import type { RelationTuple } from "../../src/core/tuple.ts";
import { checkRelation } from "../../src/engine/check.ts";
import { defaultLimits, type EngineLimits } from "../../src/engine/limits.ts";
import { listObjects } from "../../src/engine/list-objects.ts";
import { listSubjects } from "../../src/engine/list-subjects.ts";
import type { View } from "../../src/engine/view.ts";
import { parseModel } from "../../src/model/parse-model.ts";
import { readModel } from "../../src/model/read-model.ts";
import { decided, object, tuplesOf, viewOf } from "../support/graphs.ts";

const head = "model\n  schema 1.1\ntype user\n";
const groups = `type group
  relations
    define member: [user, group#member, group#member with below]
`;
const below = "condition below(x: int, limit: int) {\n  x < limit\n}\n";

// Each is a mistake that an engine of this kind has made in the field.
suite("mistakes that are not made", () => {
  test("a branch that met a limit becomes `false`, and below an exclusion `true`", () => {
    const model = parseModel(`${head}${groups}type doc
  relations
    define blocked: [group#member]
    define viewer: [user] but not blocked
${below}`);
    const chain = Array.from({ length: 9 }, (_, at) => `group:${at}#member@group:${at + 1}#member`);
    const view = viewOf(
      model,
      tuplesOf(
        ...chain,
        "group:9#member@user:a",
        "doc:1#blocked@group:0#member",
        "doc:1#viewer@user:a",
      ),
    );
    assert.equal(ask(view, "doc:1", "viewer", "user:a"), "not_member");
    for (const limits of [{ depthMax: 5 }, { stepsMax: 5 }]) {
      const kind = ask(view, "doc:1", "viewer", "user:a", {}, { ...defaultLimits, ...limits });
      assert.equal(kind, "budget_exceeded");
    }
    assert.equal(ask(view, "doc:1", "viewer", "user:b"), "not_member");
  });

  test("the provisional result of a cycle is kept", () => {
    const model = parseModel(`${head}${groups}type doc
  relations
    define viewer: [group#member]
    define editor: [group#member]
    define both: viewer and editor
${below}`);
    const view = viewOf(
      model,
      tuplesOf(
        "group:a#member@group:b#member",
        "group:b#member@group:c#member",
        "group:c#member@group:a#member",
        "group:a#member@user:x",
        "doc:1#viewer@group:a#member",
        "doc:1#editor@group:c#member",
        "doc:2#viewer@group:c#member",
        "doc:2#editor@group:b#member",
      ),
    );
    for (const doc of ["doc:1", "doc:2"]) {
      assert.equal(ask(view, doc, "both", "user:x"), "member");
      assert.equal(ask(view, doc, "both", "user:y"), "not_member");
    }
    assert.deepEqual(objectsOf(view, "both", "user:x"), ["doc:1", "doc:2"]);
  });

  test("a userset that is reached under two contexts is judged under one", () => {
    const model = parseModel(`${head}${groups}type doc
  relations
    define near: [group#member with below]
    define far: [group#member with below]
    define viewer: near or far
    define certain: near and far
${below}`);
    const limited = (text: string, limit: number): RelationTuple[] =>
      tuplesOf(text).map((tuple) => ({
        ...tuple,
        condition: { name: parseName("below", "condition"), context: { limit } },
      }));
    const view = viewOf(model, [
      ...limited("doc:1#near@group:g#member", 1),
      ...limited("doc:1#far@group:g#member", 10),
      ...limited("doc:2#near@group:g#member", 10),
      ...limited("doc:2#far@group:g#member", 1),
      ...tuplesOf("group:g#member@user:a"),
    ]);
    for (const doc of ["doc:1", "doc:2"]) {
      assert.equal(ask(view, doc, "viewer", "user:a", { x: 5 }), "member");
      assert.equal(ask(view, doc, "certain", "user:a", { x: 5 }), "not_member");
      assert.equal(ask(view, doc, "certain", "user:a", { x: 0 }), "member");
      assert.equal(ask(view, doc, "viewer", "user:a"), "needs x");
    }
    assert.deepEqual(objectsOf(view, "viewer", "user:a", { x: 5 }), ["doc:1", "doc:2"]);
    assert.deepEqual(objectsOf(view, "certain", "user:a", { x: 5 }), []);
  });

  test("a value of the request takes the place of the stored one", () => {
    const model = parseModel(`${head}type doc
  relations
    define viewer: [user with below]
${below}`);
    const [tuple] = tuplesOf("doc:1#viewer@user:a");
    assert.ok(tuple !== undefined);
    const condition = { name: parseName("below", "condition"), context: { limit: 1 } };
    const view = viewOf(model, [{ ...tuple, condition }]);
    assert.equal(ask(view, "doc:1", "viewer", "user:a", { x: 5, limit: 10 }), "not_member");
  });

  test("a wildcard below an exclusion is lost, or lets in, in a list", () => {
    const model = parseModel(`${head}type doc
  relations
    define blocked: [user, user:*]
    define viewer: [user, user:*] but not blocked
    define unblocked: blocked but not viewer
`);
    const view = viewOf(
      model,
      tuplesOf(
        "doc:1#viewer@user:*",
        "doc:1#blocked@user:a",
        "doc:2#viewer@user:a",
        "doc:2#viewer@user:b",
        "doc:2#blocked@user:*",
        "doc:3#viewer@user:*",
        "doc:3#blocked@user:*",
      ),
    );
    assert.deepEqual(subjectsOf(view, "doc:1", "viewer"), ["user:* but user:a"]);
    assert.deepEqual(subjectsOf(view, "doc:2", "viewer"), []);
    assert.deepEqual(subjectsOf(view, "doc:3", "viewer"), []);
    assert.deepEqual(objectsOf(view, "viewer", "user:a"), []);
    assert.deepEqual(objectsOf(view, "viewer", "user:nobody"), ["doc:1"]);
    assert.deepEqual(objectsOf(view, "unblocked", "user:nobody"), ["doc:2", "doc:3"]);
    for (const doc of ["doc:1", "doc:2", "doc:3"]) {
      const expected = doc === "doc:1" ? "member" : "not_member";
      assert.equal(ask(view, doc, "viewer", "user:nobody"), expected);
      assert.equal(ask(view, doc, "viewer", "user:*"), expected);
    }
  });

  test("a tuple that the model does not allow any more still counts", () => {
    const model = parseModel(`${head}${groups}type doc
  relations
    define parent: [doc]
    define viewer: [user, group#member with below] or viewer from parent
${below}`);
    const view = viewOf(
      model,
      tuplesOf(
        "doc:1#viewer@user:*",
        "doc:2#viewer@group:g#member",
        "doc:3#parent@group:g",
        "group:g#member@user:a",
        "doc:4#editor@user:a",
      ),
    );
    assert.deepEqual(objectsOf(view, "viewer", "user:a"), []);
    assert.deepEqual(subjectsOf(view, "doc:1", "viewer"), []);
    for (const doc of ["doc:1", "doc:2", "doc:3", "doc:4"]) {
      assert.equal(ask(view, doc, "viewer", "user:a"), "not_member");
    }
  });

  test("ids that differ in case alone, or that look the same, are taken for one", () => {
    const model = parseModel(`${head}type doc\n  relations\n    define viewer: [user]\n`);
    // The last two are one letter, composed and not.
    const view = viewOf(model, tuplesOf("doc:Plan#viewer@user:Ann", "doc:\u00e9#viewer@user:Ann"));
    assert.equal(ask(view, "doc:Plan", "viewer", "user:Ann"), "member");
    assert.equal(ask(view, "doc:plan", "viewer", "user:Ann"), "not_member");
    assert.equal(ask(view, "doc:Plan", "viewer", "user:ann"), "not_member");
    assert.equal(ask(view, "doc:\u00e9", "viewer", "user:Ann"), "member");
    assert.equal(ask(view, "doc:e\u0301", "viewer", "user:Ann"), "not_member");
  });

  test("`a - b + c` is read in one of two ways", async () => {
    const relation = (rewrite: string): string =>
      `${head}type doc\n  relations\n    define a: [user]\n    define b: [user]\n    define c: [user]\n    define r: ${rewrite}\n`;
    for (const rewrite of ["a but not b or c", "a or b but not c", "a and b or c"]) {
      const read = await readModel([{ name: "model.fga", text: relation(rewrite) }]);
      assert.equal(read.kind, "refused", rewrite);
    }
    const tuples = tuplesOf("doc:1#a@user:x", "doc:1#b@user:x", "doc:1#c@user:x");
    const kindOf = (rewrite: string): string =>
      ask(viewOf(parseModel(relation(rewrite)), tuples), "doc:1", "r", "user:x");
    assert.equal(kindOf("(a but not b) or c"), "member");
    assert.equal(kindOf("a but not (b or c)"), "not_member");
  });

  test("a grant is lost behind an operand that fails", () => {
    const model = parseModel(`${head}type doc
  relations
    define first: [user with broken]
    define second: [user]
    define one: first or second
    define other: second or first
condition broken(x: int) {
  1 / x > 0
}
`);
    const [conditional] = tuplesOf("doc:1#first@user:a");
    assert.ok(conditional !== undefined);
    const condition = { name: parseName("broken", "condition"), context: { x: 0 } };
    const failing = [{ ...conditional, condition }];
    const view = viewOf(model, [...failing, ...tuplesOf("doc:1#second@user:a")]);
    for (const relation of ["one", "other"]) {
      assert.equal(ask(view, "doc:1", relation, "user:a"), "member");
      assert.equal(ask(viewOf(model, failing), "doc:1", relation, "user:a"), "malformed");
    }
  });
});

function ask(
  view: View,
  text: string,
  relation: string,
  subject: string,
  context: JsonObject = {},
  limits: EngineLimits = defaultLimits,
): string {
  const query = {
    object: object(text),
    relation: parseName(relation, "relation"),
    subject: parseSubjectText(subject, "subject"),
    context,
    contextualTuples: [],
  };
  const answer = decided(checkRelation(view, query, limits));
  if (answer.kind === "needs") return `needs ${answer.names.join(" ")}`;
  return answer.kind === "error" ? answer.code : answer.kind;
}

function objectsOf(
  view: View,
  relation: string,
  subject: string,
  context: JsonObject = {},
): readonly string[] {
  const query = {
    type: parseName("doc", "type"),
    relation: parseName(relation, "relation"),
    subject: parseSubjectText(subject, "subject"),
    context,
    contextualTuples: [],
    limit: 100,
  };
  const answer = decided(listObjects(view, query, defaultLimits));
  assert.ok(answer.kind === "slice" && answer.next === undefined);
  return answer.objects.map((one) => formatObject(one.object));
}

function subjectsOf(view: View, text: string, relation: string): readonly string[] {
  const query = {
    object: object(text),
    relation: parseName(relation, "relation"),
    subjectType: parseName("user", "type"),
    context: {},
    contextualTuples: [],
    limit: 100,
  };
  const answer = decided(listSubjects(view, query, defaultLimits));
  assert.ok(answer.kind === "slice" && answer.next === undefined);
  return answer.subjects.map(({ subject, excluded }) => {
    const but = excluded.length === 0 ? "" : ` but ${excluded.map(formatObject).join(" ")}`;
    return `${formatSubject(subject)}${but}`;
  });
}
