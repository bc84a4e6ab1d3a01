import assert from "node:assert/strict";
import { suite, test } from "node:test";
import fc from "fast-check";
import { DomainError } from "../../src/core/error.ts";
import {
  formatToken,
  parseRevision,
  parseRevisionText,
  parseTimeline,
  parseToken,
} from "../../src/core/revision.ts";

const isMalformed = (error: unknown): boolean =>
  error instanceof DomainError && error.code === "malformed";

suite("consistency token", () => {
  test("what is formatted is read back", () => {
    fc.assert(
      fc.property(
        fc.stringMatching(/^[a-z][a-z0-9_-]{0,62}$/),
        fc.stringMatching(/^[0-9A-F]{8}$/),
        fc.maxSafeNat(),
        (tenant, timeline, revision) => {
          const token = {
            tenant,
            timeline: parseTimeline(timeline),
            revision: parseRevision(revision),
          };
          assert.deepEqual(parseToken(formatToken(token), tenant, "token"), token);
        },
      ),
    );
  });

  test("a token of another tenant is refused, and the error names the field", () => {
    const token = formatToken({
      tenant: "acme",
      timeline: parseTimeline("00000001"),
      revision: parseRevision(7),
    });
    assert.throws(
      () => parseToken(token, "other", "consistency.at_least_as_fresh"),
      (error) =>
        error instanceof DomainError &&
        error.code === "malformed" &&
        error.facts.field === "consistency.at_least_as_fresh" &&
        /another tenant/.test(error.message),
    );
  });

  test("any other text is malformed", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        assert.throws(() => parseToken(text, "default", "token"), isMalformed);
      }),
    );
    const beyond = Buffer.from("1 00000001 9007199254740993 default").toString("base64url");
    assert.throws(() => parseToken(beyond, "default", "token"), isMalformed);
  });
});

suite("revision", () => {
  test("a bigint that the database sends as text becomes a number that compares", () => {
    assert.ok(parseRevisionText("10") > parseRevisionText("9"));
  });

  test("what is no whole number below 2^53 is refused", () => {
    for (const value of [-1, 0.5, Number.NaN, 2 ** 53]) {
      assert.throws(() => parseRevision(value), isMalformed);
    }
    assert.throws(() => parseRevisionText("1e3"), isMalformed);
  });
});
