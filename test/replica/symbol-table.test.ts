import assert from "node:assert/strict";
import { suite, test } from "node:test";
import fc from "fast-check";
import { parseName, parseObject, type ObjectRef } from "../../src/core/object.ts";
import { formatSubject, type Subject } from "../../src/core/subject.ts";
import { compareSubjects } from "../../src/core/tuple.ts";
import { SymbolTable } from "../../src/replica/symbol-table.ts";

const names = ["user", "group", "member"].map((name) => parseName(name, "name"));
const object: fc.Arbitrary<ObjectRef> = fc
  .tuple(
    fc.constantFrom("user", "group"),
    fc.oneof(
      fc.string({ minLength: 1, maxLength: 3, unit: fc.constantFrom("a", "b", "é", "語", "🦊") }),
      fc.constantFrom("x".repeat(512), "é".repeat(256), ")", "+", "~"),
    ),
  )
  .map(([type, id]) => parseObject(type, id, "object"));
const subject: fc.Arbitrary<Subject> = fc.oneof(
  object.map((of) => ({ kind: "object" as const, object: of })),
  object.map((of) => ({ kind: "userset" as const, object: of, relation: nameAt(2) })),
  fc.constantFrom(0, 1).map((at) => ({ kind: "wildcard" as const, type: nameAt(at) })),
);

suite("SymbolTable", () => {
  test("each subject has one symbol while it is retained, found by its text and told back", () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ subject, isRelease: fc.boolean() }), { maxLength: 60 }),
        (steps) => {
          const table = new SymbolTable();
          const held = new Map<string, { readonly subject: Subject; references: number }>();
          for (const step of steps) {
            const text = formatSubject(step.subject);
            const known = held.get(text) ?? { subject: step.subject, references: 0 };
            if (!step.isRelease) {
              table.retain(step.subject);
              held.set(text, { ...known, references: known.references + 1 });
            } else if (known.references > 0) {
              const symbol = table.findSubject(step.subject);
              assert(symbol !== -1);
              table.release(symbol);
              held.set(text, { ...known, references: known.references - 1 });
            }
            assertHolds(
              table,
              [...held.values()]
                .filter(({ references }) => references > 0)
                .map((one) => one.subject),
            );
          }
        },
      ),
      { numRuns: 300 },
    );
  });

  test("very many ids are found, those that were released are not, and their room is used again", () => {
    const table = new SymbolTable();
    const ids = Array.from({ length: 50_000 }, (_, at) =>
      parseObject("user", `id-${at * 7}`, "id"),
    );
    const symbols = ids.map((id) => table.retainObject(id));
    const { bytes } = table;
    assert.equal(new Set(symbols).size, ids.length);
    for (const [at, id] of ids.entries()) {
      assert.equal(table.findObject(id.type, id.id), symbols[at]);
    }
    for (const [at, symbol] of symbols.entries()) if (at % 2 === 0) table.release(symbol);
    for (const [at, id] of ids.entries()) {
      assert.equal(table.findObject(id.type, id.id), at % 2 === 0 ? -1 : symbols[at]);
    }
    for (const [at, id] of ids.entries()) if (at % 2 === 0) table.retainObject(id);
    assert.equal(table.bytes, bytes);
    assert.equal(table.count, ids.length);
  });

  test("an id is not found under another type, in another case, in part, or by half a character", () => {
    const table = new SymbolTable();
    table.retainObject(parseObject("user", "Ann\uFFFD", "object"));
    for (const name of names) table.internName(name);
    assert.equal(table.findObject("group", "Ann\uFFFD"), -1);
    assert.equal(table.findObject("user", "ann\uFFFD"), -1);
    assert.equal(table.findObject("user", "Ann"), -1);
    // What has no UTF-8 form is written as U+FFFD by many an encoder.
    assert.equal(table.findObject("user", "Ann\uD800"), -1);
    assert.equal(table.findObject("user", "x".repeat(513)), -1);
    assert.notEqual(table.findObject("user", "Ann\uFFFD"), -1);
  });
});

function assertHolds(table: SymbolTable, subjects: readonly Subject[]): void {
  const symbols = subjects.map((one) => {
    const symbol = table.findSubject(one);
    assert(symbol !== -1, formatSubject(one));
    assert.equal(formatSubject(table.subjectOf(symbol)), formatSubject(one));
    assert.equal(table.kindOf(symbol), one.kind);
    return symbol;
  });
  assert.equal(new Set(symbols).size, subjects.length);
  for (const [at, left] of symbols.entries()) {
    for (const [other, right] of symbols.entries()) {
      const [first, second] = [subjects[at], subjects[other]];
      assert(first !== undefined && second !== undefined);
      assert.equal(
        Math.sign(table.compare(left, right)),
        Math.sign(compareSubjects(first, second)),
      );
    }
  }
}

function nameAt(at: number) {
  const name = names[at];
  assert(name !== undefined);
  return name;
}
