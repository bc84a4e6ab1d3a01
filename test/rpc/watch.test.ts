import assert from "node:assert/strict";
import { suite, test } from "node:test";
import type { RevisionChange } from "../../src/core/change.ts";
import { parseRevision } from "../../src/core/revision.ts";
import { parseTupleText } from "../../src/core/tuple.ts";
import { TupleChangeKind } from "../../src/gen/prokura/v1/tuple_pb.ts";
import { changesToProto } from "../../src/rpc/watch.ts";

function change(created: number, deleted: number): RevisionChange {
  const tuples = (count: number, relation: string) =>
    Array.from({ length: count }, (_, index) =>
      parseTupleText(`document:d${index}#${relation}@user:alice`, "tuple"),
    );
  return {
    revision: parseRevision(9),
    committedAtMs: 1_800_000_000_500,
    callerId: "anonymous",
    reason: "cleaning up",
    operation: "write_tuples",
    created: tuples(created, "viewer"),
    deleted: tuples(deleted, "editor"),
  };
}

suite("changesToProto", () => {
  test("a revision that is too large comes in several messages, the token in the last", () => {
    const messages = changesToProto(change(1_500, 700), "token-9");
    assert.deepEqual(
      messages.map(({ tuples, token, continued }) => [tuples?.length, token, continued]),
      [
        [1_000, "", true],
        [1_000, "", true],
        [200, "token-9", false],
      ],
    );
  });

  test("deletions come before creations", () => {
    const [message] = changesToProto(change(1, 1), "t");
    assert.deepEqual(
      message?.tuples?.map(({ kind }) => kind),
      [TupleChangeKind.DELETED, TupleChangeKind.CREATED],
    );
  });

  test("a revision that changed no tuple is one message", () => {
    const messages = changesToProto({ ...change(0, 0), modelId: "m1" }, "t");
    assert.equal(messages.length, 1);
    assert.equal(messages[0]?.modelId, "m1");
    assert.equal(messages[0]?.token, "t");
  });
});
