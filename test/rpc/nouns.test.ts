import assert from "node:assert/strict";
import { suite, test } from "node:test";
import {
  create,
  fromBinary,
  toBinary,
  type JsonObject as JsonObjectProto,
} from "@bufbuild/protobuf";
import fc from "fast-check";
import type { JsonObject } from "../../src/core/json.ts";
import { compareTuples, type RelationTuple } from "../../src/core/tuple.ts";
import { RelationTupleSchema } from "../../src/gen/prokura/v1/core_pb.ts";
import { contextFromProto } from "../../src/rpc/context.ts";
import { tupleFromProto, tupleToProto } from "../../src/rpc/nouns.ts";
import {
  durationFromProto,
  durationToProto,
  timestampFromProto,
  timestampToProto,
} from "../../src/rpc/time.ts";
import { DurationSchema, TimestampSchema } from "@bufbuild/protobuf/wkt";
import { name, object, subject } from "../support/nouns.ts";
import { limits } from "./serving.ts";

const context: fc.Arbitrary<JsonObject> = fc
  .dictionary(
    fc.string({ maxLength: 8 }).filter((text) => text !== "__proto__" && !text.includes("\0")),
    fc.oneof(
      fc.constant(null),
      fc.boolean(),
      fc.double({ noNaN: true, noDefaultInfinity: true }).filter((value) => !Object.is(value, -0)),
      fc.string({ unit: "grapheme" }).filter((text) => !/[\0\p{Cs}]/u.test(text)),
      fc.array(fc.integer()),
      fc.record({ nested: fc.array(fc.boolean()) }, { noNullPrototype: true }),
    ),
    { noNullPrototype: true },
  )
  .map((value) => value);
const timeMs = fc.integer({ min: -62_135_596_800_000, max: 253_402_300_799_999 });
const condition = fc.record({ name, context }, { noNullPrototype: true });
const tuple: fc.Arbitrary<RelationTuple> = fc.record(
  { object, relation: name, subject, condition, expiresAtMs: timeMs },
  { requiredKeys: ["object", "relation", "subject"], noNullPrototype: true },
);

suite("relation tuples on the wire", () => {
  test("parsing what was formatted gives the same tuple", () => {
    fc.assert(
      fc.property(tuple, (one) => {
        const sent = toBinary(RelationTupleSchema, create(RelationTupleSchema, tupleToProto(one)));
        const read = tupleFromProto(fromBinary(RelationTupleSchema, sent), limits, "tuple");
        assert.deepEqual(read, one);
        assert.equal(compareTuples(read, one), 0);
      }),
      { numRuns: 500 },
    );
  });

  test("an error names the field by its path", () => {
    const message = create(RelationTupleSchema, {
      object: { type: "document", id: "" },
      relation: "viewer",
      subject: { subject: { case: "userset", value: { object: { type: "group", id: "g" } } } },
    });
    const wrong = "operations[3].create";
    assert.throws(() => tupleFromProto(message, limits, wrong), {
      code: "malformed",
      facts: { field: `${wrong}.object.id` },
    });
    const next = create(RelationTupleSchema, {
      object: { type: "document", id: "d" },
      relation: "viewer",
      subject: { subject: { case: "userset", value: { object: { type: "group", id: "g" } } } },
    });
    assert.throws(() => tupleFromProto(next, limits, wrong), {
      code: "malformed",
      facts: { field: `${wrong}.subject.userset.relation` },
    });
  });
});

suite("times on the wire", () => {
  test("parsing what was formatted gives the same millisecond", () => {
    fc.assert(
      fc.property(timeMs, (ms) => {
        const message = create(TimestampSchema, timestampToProto(ms));
        assert.equal(timestampFromProto(message, "time"), ms);
        const duration = create(DurationSchema, durationToProto(ms));
        assert.equal(durationFromProto(duration, "time"), ms);
      }),
    );
  });

  test("what is given more finely than a millisecond is rounded down", () => {
    const message = create(TimestampSchema, { seconds: -1n, nanos: 999_999_999 });
    assert.equal(timestampFromProto(message, "time"), -1);
  });

  test("a time outside of the years 1 to 9999 is malformed", () => {
    for (const [seconds, nanos] of [
      [253_402_300_800n, 0],
      [-62_135_596_801n, 0],
      [0n, 1_000_000_000],
      [0n, -1],
    ] as const) {
      const message = create(TimestampSchema, { seconds, nanos });
      assert.throws(() => timestampFromProto(message, "time"), { code: "malformed" });
    }
  });
});

suite("contexts on the wire", () => {
  const refused: readonly (readonly [string, JsonObjectProto, string])[] = [
    ["NaN", { a: Number.NaN }, "malformed"],
    ["an infinite number", { a: [{ b: Infinity }] }, "malformed"],
    ["a NUL character", { a: "x\0" }, "malformed"],
    ["an unpaired surrogate in a name", { "\ud800": 1 }, "malformed"],
    ["the name `__proto__`", JSON.parse('{"__proto__":{"admin":true}}'), "malformed"],
    ["17 levels", JSON.parse(`{"a":${"[".repeat(16)}${"]".repeat(16)}}`), "malformed"],
    ["over 64 KiB", { a: "é".repeat(32 * 1024) }, "limit_exceeded"],
    ["many small values", { a: Array.from({ length: 9000 }, () => 1) }, "limit_exceeded"],
  ];
  for (const [what, value, code] of refused) {
    test(`refuses ${what}`, () => {
      assert.throws(() => contextFromProto(value, 64 * 1024, "context"), { code });
    });
  }

  test("takes 16 levels and nearly 64 KiB", () => {
    const value = {
      ...JSON.parse(`{"a":${"[".repeat(15)}${"]".repeat(15)}}`),
      text: "x".repeat(65_000),
    };
    assert.deepEqual(contextFromProto(value, 64 * 1024, "context"), value);
  });
});
