import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { NumberSet } from "../../src/engine/number-set.ts";

suite("NumberSet", () => {
  test("tells of each number once whether it is new, however many there are", () => {
    const set = new NumberSet();
    const numbers = Array.from({ length: 40 }, (_, at) => (at * 7) % 40);
    for (const [at, number] of numbers.entries()) {
      assert.equal(set.add(number), true, `${number}, before it was added`);
      for (const known of numbers.slice(0, at + 1)) {
        assert.equal(set.add(known), false, `${known}, among ${at + 1}`);
      }
    }
  });
});
