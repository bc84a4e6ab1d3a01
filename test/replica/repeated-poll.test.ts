import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { RepeatedPoll } from "../../src/replica/repeated-poll.ts";
import { Scheduler } from "../support/simulation/scheduler.ts";
import { pass, timersOf } from "./timers.ts";

suite("RepeatedPoll", () => {
  test("serves all who come while one is under way with the next one", async () => {
    const { polls, sentMs, run } = pollsThat((index) => index);
    const first = polls.poll();
    const second = polls.poll();
    assert.equal(polls.poll(), second);
    await run(50);
    assert.deepEqual([await first, await second], [0, 1]);
    assert.deepEqual(sentMs, [0, 10]);
  });

  test("sends another where the one under way is without an answer", async () => {
    const { polls, sentMs, run } = pollsThat((index) => (index === 0 ? "lost" : index));
    void polls.poll();
    const second = polls.poll();
    await run(150);
    assert.equal(await second, 1);
    assert.deepEqual(sentMs, [0, 100]);
  });

  test("asks a database that does not answer more and more seldom, until it does", async () => {
    let isAway = true;
    const { polls, sentMs, run } = pollsThat((index) => (isAway ? "lost" : index));
    for (let time = 0; time < 200; time += 1) {
      void polls.poll();
      await run(10);
    }
    assert.deepEqual(sentMs, [0, 110, 310, 710, 1510]);
    isAway = false;
    await run(10_000);
    sentMs.length = 0;
    isAway = true;
    const startedMs = await run(0);
    void polls.poll();
    void polls.poll();
    await run(150);
    assert.deepEqual(
      sentMs.map((ms) => ms - startedMs),
      [0, 100],
    );
  });
});

function pollsThat(answer: (index: number) => number | "lost"): {
  readonly polls: RepeatedPoll<number>;
  readonly sentMs: number[];
  readonly run: (ms: number) => Promise<number>;
} {
  const scheduler = new Scheduler();
  const sentMs: number[] = [];
  const send = (): Promise<number> => {
    const index = sentMs.length;
    sentMs.push(scheduler.nowMs);
    return new Promise((resolve) => {
      const answered = answer(index);
      if (answered !== "lost") scheduler.after(10, () => resolve(answered));
    });
  };
  return {
    polls: new RepeatedPoll(send, { timers: timersOf(scheduler), parameters: { hedgeMs: 100 } }),
    sentMs,
    async run(ms) {
      await pass(scheduler, ms);
      return scheduler.nowMs;
    },
  };
}
