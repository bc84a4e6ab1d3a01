import assert from "node:assert/strict";
import { isDeepStrictEqual } from "node:util";
import { suite, test } from "node:test";
import fc from "fast-check";
import { compareBytes } from "../../src/core/byte-order.ts";
import { DomainError } from "../../src/core/error.ts";
import { formatPageKey, sortPageKeys, type PageKey } from "../../src/core/page.ts";
import { formatSubject, parseSubjectText } from "../../src/core/subject.ts";
import { compareTuples, formatTuple, parseTupleText } from "../../src/core/tuple.ts";
import { name, object, subject, tuple } from "../support/nouns.ts";

suite("subject and tuple", () => {
  test("a formatted subject is read back", () => {
    fc.assert(
      fc.property(subject, (value) => {
        assert.deepEqual(parseSubjectText(formatSubject(value), "subject"), value);
      }),
      { numRuns: 1000 },
    );
  });

  test("a formatted tuple is read back", () => {
    fc.assert(
      fc.property(tuple, (value) => {
        assert.deepEqual(parseTupleText(formatTuple(value), "tuple"), value);
      }),
      { numRuns: 1000 },
    );
  });

  test("text that is no tuple names the form that it must have", () => {
    for (const text of ["", "a:b", "a:b#c", "a#b@c:d", "a:b#c@", "a:b#@c:d", "a:b#c@d"]) {
      assert.throws(
        () => parseTupleText(text, "tuple"),
        (error) => error instanceof DomainError && error.code === "malformed",
      );
    }
  });

  test("tuples are ordered by the bytes of object, relation and subject", () => {
    fc.assert(
      fc.property(tuple, tuple, (left, right) => {
        const sign = Math.sign(compareTuples(left, right));
        assert.equal(sign, -Math.sign(compareTuples(right, left)));
        assert.equal(sign === 0, formatTuple(left) === formatTuple(right));
      }),
      { numRuns: 1000 },
    );
  });
});

suite("compareBytes", () => {
  test("agrees with the order of UTF-8 bytes", () => {
    const text = fc.string({ unit: fc.constantFrom("a", "é", "\ud7ff", "\ue000", "\uffff", "😀") });
    fc.assert(
      fc.property(text, text, (left, right) => {
        const expected = Buffer.compare(Buffer.from(left), Buffer.from(right));
        assert.equal(Math.sign(compareBytes(left, right)), expected);
      }),
      { numRuns: 2000 },
    );
  });
});

suite("page keys", () => {
  const key: fc.Arbitrary<PageKey> = fc.oneof(
    fc.record(
      { kind: fc.constant("forward" as const), object, relation: name },
      { noNullPrototype: true },
    ),
    fc.record(
      { kind: fc.constant("point" as const), object, relation: name, subject },
      { noNullPrototype: true },
    ),
    fc.record({ kind: fc.constant("object" as const), object }, { noNullPrototype: true }),
    fc.record(
      { kind: fc.constant("reverse" as const), subject, type: name, relation: name },
      { noNullPrototype: true },
    ),
    fc.record(
      { kind: fc.constant("pair" as const), principal: object, delegate: object },
      { noNullPrototype: true },
    ),
  );

  test("two keys have one text only if they are equal", () => {
    fc.assert(
      fc.property(key, key, (left, right) => {
        const same = formatPageKey(left) === formatPageKey(right);
        assert.equal(same, isDeepStrictEqual(left, right));
      }),
      { numRuns: 1000 },
    );
  });

  test("sorting drops repetitions and forgets the order of asking", () => {
    fc.assert(
      fc.property(fc.array(key, { maxLength: 8 }), (keys) => {
        const sorted = sortPageKeys([...keys, ...keys]).map(formatPageKey);
        assert.deepEqual(sorted, sortPageKeys(keys.toReversed()).map(formatPageKey));
        assert.equal(new Set(sorted).size, sorted.length);
      }),
    );
  });
});
