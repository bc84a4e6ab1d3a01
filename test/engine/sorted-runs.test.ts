import assert from "node:assert/strict";
import { suite, test } from "node:test";
import fc from "fast-check";
import { compareBytes } from "../../src/core/byte-order.ts";
import { SortedRuns, type SortedCursor } from "../../src/engine/sorted-runs.ts";

/** Few letters, so that parts overlap; one whose bytes are ordered other than its UTF-16. */
const text = fc.string({
  unit: fc.constantFrom("a", "b", "\u{1f600}", "\uffff"),
  minLength: 1,
  maxLength: 3,
});

/** Texts in parts, each once in all. */
const parts = fc.array(fc.array(text, { maxLength: 6 }), { maxLength: 6 }).map((all) => {
  const seen = new Set<string>();
  return all.map((part) =>
    part.filter((one) => {
      const isNew = !seen.has(one);
      seen.add(one);
      return isNew;
    }),
  );
});

suite("SortedRuns", () => {
  test("gives all that was added in the order of bytes, after any text", () => {
    fc.assert(
      fc.property(parts, text, (added, after) => {
        const runs = runsOf(added);
        const sorted = added.flat().toSorted(compareBytes);
        assert.equal(runs.size, sorted.length);
        assert.deepEqual(rest(runs.cursor()), sorted);
        for (const key of [after, ...sorted]) {
          const later = sorted.filter((one) => compareBytes(one, key) > 0);
          assert.equal(runs.cursor(key).isEmpty, later.length === 0);
          assert.deepEqual(rest(runs.cursor(key)), later);
        }
      }),
      { numRuns: 500 },
    );
  });

  test("gives again what was taken since the mark, and nothing before it", () => {
    fc.assert(
      fc.property(parts, fc.nat(8), fc.nat(8), (added, before, since) => {
        const cursor = runsOf(added).cursor();
        const sorted = added.flat().toSorted(compareBytes);
        for (let taken = 0; taken < before; taken += 1) cursor.take();
        cursor.mark();
        for (let round = 0; round < 2; round += 1) {
          for (let taken = 0; taken < since; taken += 1) cursor.take();
          cursor.restore();
        }
        assert.equal(cursor.isEmpty, sorted.length <= before);
        assert.deepEqual(rest(cursor), sorted.slice(before));
      }),
      { numRuns: 500 },
    );
  });
});

function runsOf(added: readonly (readonly string[])[]): SortedRuns<string> {
  const runs = new SortedRuns<string>();
  for (const part of added) runs.add(part);
  return runs;
}

function rest(cursor: SortedCursor<string>): readonly string[] {
  const taken: string[] = [];
  while (!cursor.isEmpty) {
    const one = cursor.take();
    assert.ok(one !== undefined, "it says that there is more");
    taken.push(one);
  }
  assert.equal(cursor.take(), undefined);
  return taken;
}
