import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { newRecording, type CheckRecord, type Recording } from "../../chaos/record.ts";
import type { Truth, Truths } from "../../chaos/truth.ts";
import { verify, type Verified } from "../../chaos/verify.ts";
import { questions } from "../../chaos/world.ts";

// What the checker is worth: it must notice. Nobody may do anything here, so all answers are denials.

const tenant = "red";

function truthOf(...reasons: readonly string[]): Truths {
  const truth: Truth = { head: reasons.length, reasons, committedMs: [], tuples: [] };
  return new Map([[tenant, truth]]);
}

/** A write that was sent at 10 ms times its number, and answered 5 ms later where a place is given. */
function write(recording: Recording, number: number, place?: readonly [string, number]): void {
  const invokedMs = number * 10;
  const [timeline = "", revision = 0] = place ?? [];
  recording.writes.push({
    id: `w${number}`,
    tenant,
    invokedMs,
    ...(place === undefined ? {} : { ok: { returnedMs: invokedMs + 5, timeline, revision } }),
  });
}

function check(recording: Recording, parts: Partial<CheckRecord>): void {
  const invokedMs = parts.invokedMs ?? 1000;
  recording.checks.push({
    tenant,
    invokedMs,
    returnedMs: invokedMs + 1,
    timeline: "T1",
    revision: 1,
    answers: questions.slice(0, 1).map((question) => ({ question, allowed: false })),
    troubled: false,
    node: "one",
    ...parts,
  });
}

function judged(
  timelines: Readonly<Record<string, Truths>>,
  record: (recording: Recording) => void,
): Verified {
  const recording = newRecording();
  record(recording);
  return verify(new Map(Object.entries(timelines)), [tenant], recording);
}

suite("verify", () => {
  test("finds nothing where all is as it was answered, across a failover", () => {
    const timelines = { T1: truthOf("w1", "w2", "lost"), T2: truthOf("w1", "w2", "w3") };
    const found = judged(timelines, (recording) => {
      write(recording, 1, ["T1", 1]);
      write(recording, 2, ["T1", 2]);
      write(recording, 3, ["T2", 3]);
      check(recording, { invokedMs: 16, timeline: "T1", revision: 1 });
      // What the standby lacked was seen, and nobody was told OK of it.
      check(recording, { invokedMs: 27, timeline: "T1", revision: 3 });
      check(recording, { timeline: "T2", revision: 3 });
    });
    assert.deepEqual(found.violations, []);
    assert.deepEqual([found.lost, found.takenBack, found.judged], [0, 1, 3]);
  });

  test("misses an answered write that a failover lost", () => {
    const timelines = { T1: truthOf("w1", "w2"), T2: truthOf("w1") };
    const found = judged(timelines, (recording) => {
      write(recording, 1, ["T1", 1]);
      write(recording, 2, ["T1", 2]);
    });
    assert.equal(found.lost, 1);
    assert.match(found.violations.join(), /w2 was answered with OK as 2, and is not there/);
  });

  test("notices a revision of a timeline that two writes were answered with", () => {
    const found = judged({ T1: truthOf("w1") }, (recording) => {
      write(recording, 1, ["T1", 1]);
      write(recording, 2, ["T1", 1]);
    });
    assert.match(found.violations.join(), /w2 was answered with OK as T1\/1, which is w1/);
  });

  test("notices an answer from before a write that was answered", () => {
    const found = judged({ T1: truthOf("w1", "w2") }, (recording) => {
      write(recording, 1, ["T1", 1]);
      write(recording, 2, ["T1", 2]);
      check(recording, { revision: 1 });
    });
    assert.match(found.violations.join(), /answers at T1\/1, after 2 was answered with OK/);
  });

  test("notices an answer of the former primary at a number that its successor has used", () => {
    const timelines = { T1: truthOf("w1", "phantom"), T2: truthOf("w1", "w2") };
    const found = judged(timelines, (recording) => {
      write(recording, 1, ["T1", 1]);
      write(recording, 2, ["T2", 2]);
      check(recording, { timeline: "T1", revision: 2 });
    });
    assert.match(found.violations.join(), /answers at T1\/2, where 2 is not w2/);
  });

  test("notices an answer from the future, and at a revision that there never was", () => {
    const found = judged({ T1: truthOf("w1", "w2") }, (recording) => {
      write(recording, 1, ["T1", 1]);
      write(recording, 2);
      check(recording, { invokedMs: 16, revision: 2 });
      check(recording, { revision: 3 });
    });
    assert.match(found.violations.join(), /T1\/2 before it was written.*T1\/3, which there never/);
  });

  test("notices an answer that the reference does not give", () => {
    const found = judged({ T1: truthOf("w1") }, (recording) => {
      const [question] = questions;
      assert(question !== undefined);
      check(recording, { answers: [{ question, allowed: true }] });
    });
    assert.match(found.violations.join(), /allows ann, bot, plan at T1\/1: the reference does not/);
  });
});
