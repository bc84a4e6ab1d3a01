import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { parseName } from "../../src/core/object.ts";
import { subjectOf } from "../../src/core/subject.ts";
import type { RelationTuple } from "../../src/core/tuple.ts";
import { checkRelation, type CheckAnswer } from "../../src/engine/check.ts";
import { defaultLimits } from "../../src/engine/limits.ts";
import { parseModel } from "../../src/model/parse-model.ts";
import { decided, expiring, noon, object, tuplesOf, viewOf } from "../support/graphs.ts";

const model = parseModel(`model
  schema 1.1
type user
type doc
  relations
    define nobody: [user]
    define holder: [user]
    define reader: [user, user:*]
    define first: [user with first]
    define second: [user with second] or holder
    define mixed: first or second
    define top: (mixed and nobody) or second
    define banned: [user]
    define pardoned: [user]
    define out: banned but not pardoned
    define gone: nobody or out
    define kept: holder but not gone
    define short: [user]
    define either: (short and nobody) or holder
condition first(p: int) { p > 0 }
condition second(q: int) { q > 0 }
`);

suite("the parameters that an answer hangs on", () => {
  test("are those of what decides, and of nothing that was tried on the way", () => {
    const tuples = [conditional("first"), conditional("second")];
    assert.deepEqual(ask("mixed", tuples), { kind: "needs", names: ["p", "q"] });
    assert.deepEqual(ask("second", tuples), { kind: "needs", names: ["q"] });
    assert.deepEqual(ask("top", tuples), { kind: "needs", names: ["q"] });
  });
});

suite("the time until which an answer holds", () => {
  const later = noon + 100;

  test("ends where a pardon ends, though the ban is one of several", () => {
    const tuples = [
      ...tuplesOf("doc:1#holder@user:alice", "doc:1#banned@user:alice"),
      expiring("doc:1#pardoned@user:alice", later),
    ];
    assert.deepEqual(ask("kept", tuples), { kind: "member", validUntilMs: later });
  });

  test("ends with the tuple that proves it, whatever else named the subject once", () => {
    const own = expiring("doc:1#reader@user:alice", later);
    assert.deepEqual(ask("reader", [own]), { kind: "member", validUntilMs: later });
    const over = expiring("doc:1#reader@user:*", noon);
    assert.deepEqual(ask("reader", [own, over]), { kind: "member", validUntilMs: later });
    const everyone = tuplesOf("doc:1#reader@user:*");
    assert.deepEqual(ask("reader", [...everyone, expiring("doc:1#reader@user:alice", noon)]), {
      kind: "member",
    });
  });

  test("does not end with what was tried beside the proof", () => {
    const tuples = [
      ...tuplesOf("doc:1#holder@user:alice"),
      expiring("doc:1#short@user:alice", later),
    ];
    assert.deepEqual(ask("either", tuples), { kind: "member" });
  });
});

function ask(relation: string, tuples: readonly RelationTuple[]): CheckAnswer {
  const query = {
    object: object("doc:1"),
    relation: parseName(relation, "relation"),
    subject: subjectOf(object("user:alice")),
    context: {},
    contextualTuples: [],
  };
  return decided(checkRelation(viewOf(model, tuples), query, defaultLimits));
}

/** Alice has the relation on the condition of its name. */
function conditional(relation: string): RelationTuple {
  const condition = { name: parseName(relation, "condition"), context: {} };
  return {
    object: object("doc:1"),
    relation: parseName(relation, "relation"),
    subject: subjectOf(object("user:alice")),
    condition,
  };
}
