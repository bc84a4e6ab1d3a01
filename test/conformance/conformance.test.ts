import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { suite, test } from "node:test";
import { exceptionClasses, ownAbsenceStages } from "../../conformance/exceptions.ts";
import { corpusFolder, readCorpus } from "../../conformance/corpus.ts";
import { isOfClass } from "../../conformance/error-class.ts";
import { reportOf } from "../../conformance/report.ts";
import { shuffle } from "../../conformance/shuffle.ts";
import type { Outcome } from "../../conformance/run.ts";

const main = fileURLToPath(new URL("../../conformance/main.ts", import.meta.url));
const corpus = readCorpus(corpusFolder);

suite("conformance", () => {
  test("says so and succeeds where the corpus is not there", async () => {
    const args = [main, "--corpus=/nowhere"];
    const { stdout } = await promisify(execFile)(process.execPath, args);
    assert.equal(stdout, "SKIPPED: OpenFGA's corpus is not in /nowhere\n");
  });

  test("asks everything that the corpus asks", { skip: corpus === undefined }, () => {
    const tests = corpus ?? [];
    const casesOf = (some: typeof tests) =>
      some.flatMap(({ stages }) => stages.flatMap(({ cases }) => cases));
    assert.equal(casesOf(tests).length, 1_216);
    assert.equal(casesOf(tests.filter(({ stages }) => stages.length === 1)).length, 1_009);
    assert.equal(casesOf(tests).filter(({ expected }) => expected.kind === "error").length, 114);
    const ids = new Set(casesOf(tests).map(({ id }) => id));
    assert.equal(ids.size, 1_216);
    for (const { cases } of exceptionClasses) for (const id of cases) assert.ok(ids.has(id), id);
    const stages = new Set(tests.flatMap(({ stages: some }) => some.map(({ id }) => id)));
    for (const stage of ownAbsenceStages) assert.ok(stages.has(stage), stage);
  });

  test("excepts no more than twenty cases, stored and contextual", () => {
    assert.ok(exceptionClasses.flatMap(({ cases }) => cases).length * 2 <= 20);
  });

  test("counts an exception that passes as a failure", () => {
    const fate = (problem: string | undefined, excepted: readonly string[]) =>
      reportOf(
        [outcome("a", problem), outcome("a+contextual", problem)],
        [{ name: "n", reason: "r", test: "t", cases: excepted }],
      ).summary;
    assert.deepEqual(fate(undefined, []), { total: 2, passed: 2, excepted: 0, failed: 0 });
    assert.deepEqual(fate("wrong", []), { total: 2, passed: 0, excepted: 0, failed: 2 });
    assert.deepEqual(fate("wrong", ["a"]), { total: 2, passed: 0, excepted: 2, failed: 0 });
    assert.deepEqual(fate(undefined, ["a"]), { total: 2, passed: 0, excepted: 0, failed: 2 });
    assert.throws(() => fate("wrong", ["b"]), /exceptions of no case: b/);
  });

  test("takes no error for one of another class", () => {
    assert.ok(isOfClass("context_missing", 2000));
    assert.ok(!isOfClass("not_serving", 2000));
    assert.ok(!isOfClass("unknown_relation", 2021));
    assert.ok(!isOfClass("malformed", 4_711));
  });

  test("shuffles as the seed says", () => {
    const items = Array.from({ length: 20 }, (_, at) => at);
    assert.deepEqual(shuffle(items, 7), shuffle(items, 7));
    assert.notDeepEqual(shuffle(items, 7), shuffle(items, 8));
    assert.deepEqual(
      shuffle(items, 7).toSorted((left, right) => left - right),
      items,
    );
  });
});

function outcome(id: string, problem: string | undefined): Outcome {
  const base = { id, file: "f", kind: "check", delivery: "stored" } as const;
  return problem === undefined ? base : { ...base, problem };
}
