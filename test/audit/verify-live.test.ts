import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { Findings } from "../../src/audit/finding.ts";
import { hashesOfModel, LiveSum, modelElement, tupleElement } from "../../src/audit/live-sum.ts";
import type { LivePart, TuplesPart } from "../../src/audit/log-part.ts";
import { LiveVerifier, type LiveReport } from "../../src/audit/verify-live.ts";

const model = { id: "m1", sources: "model", parsed: "{}" };
const live: LivePart = { kind: "live", model };
const rows: TuplesPart["rows"] = [
  [1, 0, "doc", "a"],
  [1, 1, "doc", "b"],
  [4, 0, "doc", "c"],
];

const honest = new LiveSum();
honest.add(modelElement(model.id, hashesOfModel(model)));
for (const [createdRev, ord, ...columns] of rows) {
  honest.add(tupleElement({ createdRev: Number(createdRev), ord: Number(ord) }, columns));
}

function verify(
  part: LivePart,
  tuples: TuplesPart["rows"],
  expected: string | undefined = honest.digest,
): LiveReport & { readonly codes: readonly string[] } {
  const findings = new Findings();
  const verifier = new LiveVerifier(part);
  for (const row of tuples) verifier.tuples({ kind: "tuples", rows: [row] });
  const report = verifier.end(4, expected, findings);
  return { ...report, codes: findings.list.map(({ code }) => code) };
}

suite("verifying what counts now", () => {
  test("finds nothing in what the changes left", () => {
    assert.deepEqual(verify(live, rows), { revision: 4, tuples: 3, isBound: true, codes: [] });
  });

  test("finds a tuple added, removed, altered or moved, and another model", () => {
    const altered: readonly (readonly [LivePart, TuplesPart["rows"]])[] = [
      [live, [[0, 0, "doc", "z"], ...rows]],
      [live, rows.slice(1)],
      [live, rows.with(1, [1, 1, "doc", "z"])],
      [live, rows.with(2, [3, 0, "doc", "c"])],
      [{ kind: "live" }, rows],
      [{ kind: "live", model: { ...model, parsed: "[]" } }, rows],
      [{ kind: "live", model: { ...model, id: "m2" } }, rows],
    ];
    for (const [part, tuples] of altered) {
      assert.deepEqual(verify(part, tuples).codes, ["live_altered"], JSON.stringify(tuples));
    }
  });

  test("takes no tuple twice, whatever they add up to", () => {
    const twice = new LiveSum(honest.bytes);
    twice.add(tupleElement({ createdRev: 1, ord: 1 }, ["doc", "b"]));
    const [first = [], second = [], third = []] = rows;
    assert.deepEqual(verify(live, [first, second, second, third], twice.digest).codes, [
      "live_altered",
    ]);
  });

  test("says so where the changes say nothing of it", () => {
    const findings = new Findings();
    const report = new LiveVerifier(live).end(4, undefined, findings);
    assert.deepEqual([report.isBound, findings.count], [false, 0]);
  });
});
