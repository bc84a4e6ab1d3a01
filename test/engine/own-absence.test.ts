import assert from "node:assert/strict";
import { suite, test } from "node:test";
import fc from "fast-check";
import { parseName } from "../../src/core/object.ts";
import { parseSubjectText } from "../../src/core/subject.ts";
import { checkRelation } from "../../src/engine/check.ts";
import { defaultLimits } from "../../src/engine/limits.ts";
import { listObjects } from "../../src/engine/list-objects.ts";
import { listSubjects } from "../../src/engine/list-subjects.ts";
import { parseModel } from "../../src/model/parse-model.ts";
import { decided, object, tuplesOf, viewOf } from "../support/graphs.ts";

const text = `model
  schema 1.1
type user
type group
  relations
    define joined: [user, group#member]
    define banned: [user, group#member]
    define member: joined but not banned
type position
  relations
    define moves: [position]
    define winning: [user] but not lost
    define lost: winning from moves
`;
const model = parseModel(text, { allowsOwnAbsence: true });

// Where every chain of tuples ends, what is subtracted is known before what it is subtracted from.
suite("a relation that may depend on its own absence", () => {
  test("is answered where the tuples do not make it so", () => {
    const world = [
      "group:a#joined@user:ann",
      "group:a#joined@user:bob",
      "group:a#banned@group:b#member",
      "group:b#joined@user:bob",
      "group:b#joined@user:ann",
      "group:b#banned@group:c#member",
      "group:c#joined@user:ann",
    ];
    assert.equal(check(world, "group:a#member", "user:ann"), "member");
    assert.equal(check(world, "group:a#member", "user:bob"), "not_member");
    assert.equal(check(world, "group:b#member", "user:ann"), "not_member");
    assert.deepEqual(listed(world, "group", "member", "user:ann"), ["a", "c"]);
    assert.deepEqual(members(world, "group:a"), ["user:ann"]);
  });

  test("is an error where they do, above a subtraction as below", () => {
    const world = [
      "group:a#joined@user:ann",
      "group:a#banned@group:a#member",
      "group:b#joined@user:ann",
      "group:b#banned@group:a#member",
    ];
    assert.equal(check(world, "group:a#member", "user:ann"), "model_mismatch");
    assert.equal(check(world, "group:b#member", "user:ann"), "model_mismatch");
    assert.equal(check(world, "group:a#banned", "user:ann"), "model_mismatch");
    assert.equal(listed(world, "group", "member", "user:ann"), "model_mismatch");
    assert.equal(members(world, "group:a"), "model_mismatch");
  });

  test("is an error around two subtractions too, where it could be either", () => {
    const world = [
      "group:a#joined@user:ann",
      "group:b#joined@user:ann",
      "group:a#banned@group:b#member",
      "group:b#banned@group:a#member",
    ];
    assert.equal(check(world, "group:a#member", "user:ann"), "model_mismatch");
    assert.equal(check(world, "group:b#banned", "user:ann"), "model_mismatch");
  });

  test("is answered where something definite decides in spite of it", () => {
    const world = [
      "group:a#banned@group:a#member",
      "group:a#joined@user:ann",
      "group:a#banned@user:bob",
      "group:a#joined@user:bob",
    ];
    assert.equal(check(world, "group:a#member", "user:eve"), "not_member");
    assert.equal(check(world, "group:a#banned", "user:bob"), "member");
    assert.equal(check(world, "group:a#member", "user:bob"), "not_member");
  });

  test("is judged anew where it is not below itself", () => {
    // Below a, b hangs on a; asked first, and in a list beside it, b is known.
    const world = [
      "group:a#joined@user:ann",
      "group:a#banned@group:b#member",
      "group:b#joined@user:ann",
      "group:b#banned@group:a#member",
      "group:b#banned@user:ann",
    ];
    assert.equal(check(world, "group:b#member", "user:ann"), "not_member");
    assert.equal(check(world, "group:a#member", "user:ann"), "member");
    assert.deepEqual(listed(world, "group", "member", "user:ann"), ["a"]);
  });

  test("has the well-founded answer, and is an error where there is none", () => {
    const names = ["a", "b", "c", "d"];
    const edge = fc.tuple(fc.constantFrom(...names), fc.constantFrom(...names));
    const some = fc.uniqueArray(fc.constantFrom(...names));
    const edges = fc.uniqueArray(edge, { maxLength: 7, selector: (one) => one.join() });
    let answers = 0;
    let errors = 0;
    const worlds = fc.record({ joined: some, banned: some, through: edges, inherited: edges });
    const agrees = fc.property(worlds, (world) => {
      const truths = wellFounded(names, world);
      const tuples = [
        ...world.joined.map((name) => `group:${name}#joined@user:ann`),
        ...world.banned.map((name) => `group:${name}#banned@user:ann`),
        ...world.through.map(([name, other]) => `group:${name}#banned@group:${other}#member`),
        ...world.inherited.map(([name, other]) => `group:${name}#joined@group:${other}#member`),
      ];
      for (const name of names) {
        const expected = truths.get(name) ?? "model_mismatch";
        assert.equal(check(tuples, `group:${name}#member`, "user:ann"), expected);
        if (expected === "model_mismatch") errors += 1;
        else answers += 1;
      }
    });
    fc.assert(agrees, { numRuns: 1_000, seed: 4_711 });
    assert.ok(answers > 1_000 && errors > 100, `${answers} answers, ${errors} errors`);
  });

  test("alternates along a chain of any length", () => {
    const length = 12;
    const chain = Array.from({ length }, (_, at) => [
      `position:${at}#winning@user:ann`,
      ...(at === 0 ? [] : [`position:${at}#moves@position:${at - 1}`]),
    ]).flat();
    for (let at = 0; at < length; at += 1) {
      const expected = at % 2 === 0 ? "member" : "not_member";
      assert.equal(check(chain, `position:${at}#winning`, "user:ann"), expected, String(at));
    }
    const ring = [...chain, `position:0#moves@position:${length - 1}`];
    assert.equal(check(ring, "position:3#winning", "user:ann"), "model_mismatch");
  });
});

interface Bans {
  readonly joined: readonly string[];
  readonly banned: readonly string[];
  readonly through: readonly (readonly [string, string])[];
  readonly inherited: readonly (readonly [string, string])[];
}

/** By the alternating fixpoint: what is certain, and what is possible, each from the other. */
function wellFounded(names: readonly string[], world: Bans): ReadonlyMap<string, string> {
  /** The least set of members, if those in `others` count where they take away. */
  const members = (others: ReadonlySet<string>): ReadonlySet<string> => {
    const found = new Set<string>();
    for (let before = -1; before !== found.size;) {
      before = found.size;
      for (const name of names) {
        const isJoined =
          world.joined.includes(name) ||
          world.inherited.some(([group, other]) => group === name && found.has(other));
        const isBanned =
          world.banned.includes(name) ||
          world.through.some(([group, other]) => group === name && others.has(other));
        if (isJoined && !isBanned) found.add(name);
      }
    }
    return found;
  };
  let certain: ReadonlySet<string> = new Set();
  let possible: ReadonlySet<string> = new Set(names);
  for (let round = 0; round <= names.length; round += 1) {
    possible = members(certain);
    certain = members(possible);
  }
  return new Map(
    names
      .filter((name) => certain.has(name) || !possible.has(name))
      .map((name) => [name, certain.has(name) ? "member" : "not_member"]),
  );
}

function check(world: readonly string[], userset: string, subject: string): string {
  const [owner = "", relation = ""] = userset.split("#");
  const query = {
    object: object(owner),
    relation: parseName(relation, "relation"),
    subject: parseSubjectText(subject, "subject"),
    context: {},
    contextualTuples: [],
  };
  const answer = decided(checkRelation(viewOf(model, tuplesOf(...world)), query, defaultLimits));
  return answer.kind === "error" ? answer.code : answer.kind;
}

function listed(
  world: readonly string[],
  type: string,
  relation: string,
  subject: string,
): readonly string[] | string {
  const query = {
    type: parseName(type, "type"),
    relation: parseName(relation, "relation"),
    subject: parseSubjectText(subject, "subject"),
    context: {},
    contextualTuples: [],
    limit: 10,
  };
  const answer = decided(listObjects(viewOf(model, tuplesOf(...world)), query, defaultLimits));
  return answer.kind === "error" ? answer.code : answer.objects.map(({ object: { id } }) => id);
}

function members(world: readonly string[], owner: string): readonly string[] | string {
  const query = {
    object: object(owner),
    relation: parseName("member", "relation"),
    subjectType: parseName("user", "type"),
    context: {},
    contextualTuples: [],
    limit: 10,
  };
  const answer = decided(listSubjects(viewOf(model, tuplesOf(...world)), query, defaultLimits));
  if (answer.kind === "error") return answer.code;
  return answer.subjects.map(({ subject }) =>
    subject.kind === "object" ? `${subject.object.type}:${subject.object.id}` : subject.kind,
  );
}
