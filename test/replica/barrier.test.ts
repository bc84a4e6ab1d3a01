import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { parseRevision, parseTimeline } from "../../src/core/revision.ts";
import { Barrier } from "../../src/replica/barrier.ts";
import { zeroCounters } from "../../src/replica/counters.ts";
import type { Db } from "../../src/replica/db.ts";
import { defaultParameters } from "../../src/replica/parameters.ts";
import { Scheduler } from "../support/simulation/scheduler.ts";

const timeline = parseTimeline("00000001");

suite("Barrier", () => {
  test("waits for the leases of the first scan, however many come later", async () => {
    const scans: (readonly string[] | undefined)[] = [];
    const { barrier, get } = barrierOn((_, __, among) => {
      scans.push(among);
      // Every scan shows another lease that has not acknowledged.
      const waitingFor =
        scans.length < 3 ? ["first", `new${scans.length}`] : [`new${scans.length}`];
      return Promise.resolve({ timeline, waitingFor, leases: 2 });
    });
    const enforced = await get(barrier.wait(token(5), 10_000));
    assert.equal(enforced.nodesAcknowledged, 2);
    assert.deepEqual(scans, [undefined, ["first", "new1"], ["first"]]);
  });

  test("scans for all writes of a tenant together that came while a scan was full", async () => {
    const revisions: number[] = [];
    const { barrier, get } = barrierOn((_, revision) => {
      revisions.push(revision);
      const waitingFor = revisions.length > 40 ? [] : ["slow"];
      return Promise.resolve({ timeline, waitingFor, leases: 1 });
    });
    const writes = Array.from({ length: 50 }, (_, index) => barrier.wait(token(index + 1), 10_000));
    await get(Promise.all(writes));
    assert(Math.max(...revisions) === 50);
    assert(new Set(revisions).size <= 5);
  });

  test("answers shortly before the deadline that the write is not enforced", async () => {
    const { barrier, get, scheduler } = barrierOn(() =>
      Promise.resolve({ timeline, waitingFor: ["dead"], leases: 1 }),
    );
    await assert.rejects(get(barrier.wait(token(5), 1000)), { code: "not_enforced" });
    assert(scheduler.nowMs >= 899 && scheduler.nowMs <= 901);
  });

  test("does not take a database that is away for nobody to wait for", async () => {
    const { barrier, get } = barrierOn(() => Promise.reject(new Error("away")));
    await assert.rejects(get(barrier.wait(token(5), 1000)), { code: "not_enforced" });
  });
});

function token(revision: number): Parameters<Barrier["wait"]>[0] {
  return { tenant: "acme", timeline, revision: parseRevision(revision) };
}

function barrierOn(scan: Db["scan"]): {
  readonly barrier: Barrier;
  readonly scheduler: Scheduler;
  readonly get: <Value>(promise: Promise<Value>) => Promise<Value>;
} {
  const scheduler = new Scheduler();
  const now = (): number => scheduler.nowMs;
  const barrier = new Barrier({
    db: { scan },
    clock: { mono: now, wall: now },
    timers: {
      after: (delayMs, run) => {
        let isCancelled = false;
        scheduler.after(delayMs, () => {
          if (!isCancelled) run();
        });
        return () => {
          isCancelled = true;
        };
      },
    },
    parameters: defaultParameters,
    faults: {},
    counters: zeroCounters(),
    report: () => {},
    looksExpired: () => false,
  });
  return {
    barrier,
    scheduler,
    async get(promise) {
      let isOver = false;
      const settled = promise.finally(() => {
        isOver = true;
      });
      settled.catch(() => {});
      await scheduler.run(60_000, () => isOver);
      return settled;
    },
  };
}
