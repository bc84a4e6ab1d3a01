import assert from "node:assert/strict";
import { suite, test } from "node:test";
import fc from "fast-check";
import { parseJson } from "../../src/gateway/json.ts";

suite("parseJson", () => {
  test("reads what JSON.parse reads where no name stands twice", () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 5 }), (text) => {
        assert.deepEqual(parseJson(text), JSON.parse(text));
      }),
      { numRuns: 1_000 },
    );
  });

  test("refuses a name that stands twice, however it is written", () => {
    for (const text of [
      '{"a":1,"a":1}',
      '{"a":1,"\\u0061":2}',
      '[{"b":[{"c":"{","c":2}]}]',
      '{"a":{},"b":[1,2],"a":"\\""}',
      '{ "a" : 1 , "b":"a", "a" : 2 }',
    ]) {
      assert.throws(() => parseJson(text), /stands twice/, text);
    }
  });

  test("takes equal names in different objects, and names among values", () => {
    for (const text of ['[{"a":1},{"a":2}]', '{"a":{"a":{"a":1}}}', '{"a":"a","b":["a","a"]}']) {
      assert.deepEqual(parseJson(text), JSON.parse(text));
    }
  });

  test("refuses nesting over 64", () => {
    assert.throws(() => parseJson("[".repeat(100_000) + "]".repeat(100_000)), /nested/);
    assert.deepEqual(
      parseJson(`${"[".repeat(64)}${"]".repeat(64)}`),
      JSON.parse(`${"[".repeat(64)}${"]".repeat(64)}`),
    );
  });
});
