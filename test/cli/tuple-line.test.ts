import assert from "node:assert/strict";
import { suite, test } from "node:test";
import fc from "fast-check";
import {
  formatCovered,
  formatTupleJson,
  formatTupleLine,
  parseCovered,
  parseTupleLine,
} from "../../src/cli/tuple-line.ts";
import { DomainError } from "../../src/core/error.ts";
import type { JsonObject } from "../../src/core/json.ts";
import type { RelationTuple } from "../../src/core/tuple.ts";
import { holdsFor } from "../support/laws.ts";
import { name, subject, tuple } from "../support/nouns.ts";

// The law is about text: -0, which JSON has no way to write, is none.
const context: fc.Arbitrary<JsonObject> = fc
  .dictionary(
    fc.string({ unit: "binary", maxLength: 8 }),
    fc.jsonValue({ maxDepth: 3, stringUnit: "binary" }),
    { maxKeys: 4 },
  )
  .map((value) => JSON.parse(JSON.stringify(value)));

const terms = fc.record(
  {
    condition: fc.record({ name, context }, { noNullPrototype: true }),
    // The years 1 to 9999.
    expiresAtMs: fc.integer({ min: -62_135_596_800_000, max: 253_402_300_799_999 }),
  },
  { requiredKeys: [], noNullPrototype: true },
);

const stored: fc.Arbitrary<RelationTuple> = fc
  .tuple(tuple, terms)
  .map(([key, rest]) => ({ ...key, ...rest }));

const now = Date.parse("2026-01-01T00:00:00Z");
const hour = 3_600_000;

suite("the text of a tuple", () => {
  test("is read as it was written", () => {
    const met = holdsFor(stored, (one, tally) => {
      assert.deepEqual(parseTupleLine(formatTupleLine(one), "line", now), one);
      if (one.condition !== undefined && one.expiresAtMs !== undefined) tally.count("both terms");
    });
    assert.ok(met.of("both terms") > 50);
  });

  test("is one line without blanks at its ends", () => {
    holdsFor(stored, (one) => {
      const line = formatTupleLine(one);
      assert.equal(line.trim(), line);
      assert.doesNotMatch(line, /\n/);
      assert.doesNotMatch(formatTupleJson(one), /\n/);
    });
  });

  test("in JSON is read as it was written", () => {
    holdsFor(stored, (one) => {
      assert.deepEqual(parseTupleLine(formatTupleJson(one), "line", now), one);
    });
  });

  test("of what a delegation covers is read as it was written", () => {
    holdsFor(fc.tuple(subject, terms), ([covered, rest]) => {
      const one = { subject: covered, ...rest };
      assert.deepEqual(parseCovered(formatCovered(one), "line", now), one);
    });
  });

  test("may say how long from now", () => {
    const read = parseTupleLine("doc:1#viewer@user:alice for 1h30m", "line", now);
    assert.equal(read.expiresAtMs, now + 1.5 * hour);
  });

  test("may end in a comment", () => {
    const plain = parseTupleLine("doc:1#viewer@user:alice", "line", now);
    for (const comment of [" # why", "  #why", "\t# if x {} until never"]) {
      assert.deepEqual(parseTupleLine(`doc:1#viewer@user:alice${comment}`, "line", now), plain);
    }
    const until = parseTupleLine("doc:1#viewer@user:alice for 1h # a while", "line", now);
    assert.equal(until.expiresAtMs, now + hour);
  });

  test("finds the end of a context with braces and quotes in its strings", () => {
    const line = 'doc:1#viewer@user:a if c {"a":"} until \\"never\\"","b":{"c":"{"}} for 1h';
    const read = parseTupleLine(line, "line", now);
    assert.deepEqual(read.condition?.context, { a: '} until "never"', b: { c: "{" } });
    assert.equal(read.expiresAtMs, now + hour);
  });

  for (const line of [
    "",
    "doc:1#viewer",
    "doc:1 #viewer@user:a",
    "doc:1#viewer@user:a oops",
    "doc:1#viewer@user:a until",
    "doc:1#viewer@user:a until tomorrow",
    "doc:1#viewer@user:a until 2026-02-30T00:00:00Z",
    "doc:1#viewer@user:a for 1",
    "doc:1#viewer@user:a for 0s",
    "doc:1#viewer@user:a for 1h 2h",
    "doc:1#viewer@user:a for 1h until 2026-12-01T00:00:00Z",
    "doc:1#viewer@user:a if",
    "doc:1#viewer@user:a if c {",
    "doc:1#viewer@user:a if c []",
    'doc:1#viewer@user:a if c {"a":1',
    "{}",
    '{"object":"doc:1","relation":"viewer"}',
    '{"object":"doc:1","relation":"viewer","subject":"user:a","expires":"x"}',
    '{"object":"doc:1","relation":"viewer","subject":"user:a","condition":"c"}',
  ]) {
    test(`refuses ${JSON.stringify(line)}`, () => {
      assert.throws(
        () => parseTupleLine(line, "line 7", now),
        (error) => error instanceof DomainError && error.code === "malformed",
      );
    });
  }

  test("names the place of what is wrong", () => {
    assert.throws(
      () => parseTupleLine("doc:1#viewer@user:a oops", "f.txt:7", now),
      /^DomainError: f\.txt:7 has `oops`/,
    );
  });
});
