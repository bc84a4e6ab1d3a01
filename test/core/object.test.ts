import assert from "node:assert/strict";
import { suite, test } from "node:test";
import fc from "fast-check";
import { DomainError } from "../../src/core/error.ts";
import {
  formatObject,
  parseName,
  parseObject,
  parseObjectText,
  quote,
} from "../../src/core/object.ts";
import { object } from "../support/nouns.ts";

function malformed(field: string, message: RegExp): (error: unknown) => boolean {
  return (error) =>
    error instanceof DomainError &&
    error.code === "malformed" &&
    error.facts.field === field &&
    message.test(error.message);
}

suite("object", () => {
  test("what is formatted is read back", () => {
    fc.assert(
      fc.property(object, (value) => {
        assert.deepEqual(parseObjectText(formatObject(value), "object"), value);
      }),
      { numRuns: 1000 },
    );
  });

  test("the text form has no character that means something to a tuple", () => {
    fc.assert(
      fc.property(object, (value) => {
        assert.doesNotMatch(formatObject(value), /[#@*\s\p{Cc}]/u);
      }),
    );
  });

  test("any text is an object or a malformed one, never another failure", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        try {
          parseObjectText(text, "object");
        } catch (error) {
          assert.ok(error instanceof DomainError && error.code === "malformed");
        }
      }),
      { numRuns: 1000 },
    );
  });

  test("the type ends at the first colon", () => {
    const value = parseObjectText("server:https://mcp.example/x%23y", "object");
    assert.deepEqual(value, { type: "server", id: "https://mcp.example/x#y" });
  });

  test("an address may be written with a plain @", () => {
    assert.equal(parseObjectText("user:alice@example.com", "object").id, "alice@example.com");
  });

  test("ids of 512 bytes are taken and of 513 refused, counted in UTF-8", () => {
    assert.equal(parseObject("a", "é".repeat(256), "object").id.length, 256);
    assert.throws(
      () => parseObject("a", `${"é".repeat(256)}x`, "o"),
      malformed("o.id", /512 bytes/),
    );
  });

  for (const [what, id, message] of [
    ["an empty id", "", /must not be empty/],
    ["the wildcard as an id", "*", /wildcard/],
    ["a control character", "a\u0007b", /control/],
    ["NUL", "a\u0000", /control/],
    ["an unpaired surrogate", "\ud800", /surrogate/],
  ] as const) {
    test(`${what} is refused`, () => {
      assert.throws(() => parseObject("user", id, "principal"), malformed("principal.id", message));
    });
  }

  test("names begin with a letter and have at most 64 characters", () => {
    assert.equal(parseName("a".repeat(64), "name").length, 64);
    for (const text of ["", "1a", "a".repeat(65), "a b", "ä", "a:b"]) {
      assert.throws(() => parseName(text, "name"), malformed("name", /must match/));
    }
  });

  test("what a user wrote is quoted short, on one line", () => {
    assert.equal(quote("a\nb`c"), "`a?b'c`");
    assert.equal(quote("x".repeat(500)).length, 83);
  });
});
