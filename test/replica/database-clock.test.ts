import assert from "node:assert/strict";
import { suite, test } from "node:test";
import fc from "fast-check";
import { DatabaseClock } from "../../src/replica/database-clock.ts";

suite("DatabaseClock", () => {
  test("the database's time lies between the bounds, and neither ever goes back", () => {
    const renewal = fc.record({
      pauseMs: fc.nat({ max: 8000 }),
      requestMs: fc.nat({ max: 500 }),
      replyMs: fc.nat({ max: 500 }),
    });
    const rate = fc.double({ min: 0.96, max: 1.04, noNaN: true });
    fc.assert(
      fc.property(
        fc.array(renewal, { minLength: 1, maxLength: 10 }),
        rate,
        rate,
        (renewals, own, database) => {
          const clock = new DatabaseClock();
          assert.equal(clock.at(0), undefined);
          let trueMs = 1_000_000;
          let before = { earliestMs: 0, latestMs: 0 };
          for (const { pauseMs, requestMs, replyMs } of renewals) {
            const sentMs = trueMs;
            const readMs = sentMs + requestMs;
            trueMs = readMs + replyMs;
            clock.observe(readMs * database, sentMs * own, trueMs * own);
            for (const step of [0, pauseMs / 2, pauseMs / 2]) {
              trueMs += step;
              const now = clock.at(trueMs * own);
              assert(now !== undefined);
              assert(now.earliestMs <= trueMs * database && trueMs * database <= now.latestMs);
              assert(now.earliestMs >= before.earliestMs && now.latestMs >= before.latestMs);
              before = now;
            }
          }
        },
      ),
    );
  });
});
