import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { parseRevision, parseTimeline } from "../../src/core/revision.ts";
import { Barrier, type BarrierOptions } from "../../src/replica/barrier.ts";
import { zeroCounters } from "../../src/replica/counters.ts";
import type { Db, Scan, WantedScan } from "../../src/replica/db.ts";
import { defaultParameters } from "../../src/replica/parameters.ts";
import { Scheduler } from "../support/simulation/scheduler.ts";

const timeline = parseTimeline("00000001");

suite("Barrier", () => {
  test("waits for the leases of the first scan, however many come later", async () => {
    let scans = 0;
    const waitedFor: (readonly string[])[] = [];
    const { barrier, get } = barrierOn((wanted) => {
      waitedFor.push(barrier.waitedFor());
      scans += 1;
      // Every scan shows another lease that has not acknowledged.
      const waitingFor = scans < 3 ? ["first", `new${scans}`] : [`new${scans}`];
      return scanned(wanted, waitingFor, 2);
    });
    const enforced = await get(barrier.wait(token(5), 10_000));
    assert.equal(enforced.nodesAcknowledged, 2);
    assert.deepEqual(waitedFor, [[], ["first", "new1"], ["first"]]);
  });

  test("scans for all writes of a tenant together that came while a scan was full", async () => {
    const revisions: number[] = [];
    const { barrier, get } = barrierOn((wanted) => {
      revisions.push(...wanted.map(({ revision }) => revision));
      return scanned(wanted, revisions.length > 40 ? [] : ["slow"]);
    });
    const writes = Array.from({ length: 50 }, (_, index) => barrier.wait(token(index + 1), 10_000));
    await get(Promise.all(writes));
    assert(Math.max(...revisions) === 50);
    assert(new Set(revisions).size <= 5);
  });

  test("answers shortly before the deadline that the write is not enforced", async () => {
    const { barrier, get, scheduler } = barrierOn((wanted) => scanned(wanted, ["dead"]));
    await assert.rejects(get(barrier.wait(token(5), 1000)), { code: "not_enforced" });
    assert(scheduler.nowMs >= 899 && scheduler.nowMs <= 901);
  });

  test("does not take a database that is away for nobody to wait for", async () => {
    const { barrier, get } = barrierOn(() => Promise.reject(new Error("away")));
    await assert.rejects(get(barrier.wait(token(5), 1000)), { code: "not_enforced" });
  });

  test("is over as soon as it was told that all have acknowledged, without another scan", async () => {
    let scans = 0;
    const { barrier, get, scheduler } = barrierOn((wanted) => {
      scans += 1;
      return scanned(wanted, ["slow", "quick"]);
    });
    const waiting = barrier.wait(token(5), 10_000);
    scheduler.after(1, () => barrier.acknowledged(token(5), "quick"));
    scheduler.after(2, () => barrier.acknowledged(token(7), "slow"));
    await get(waiting);
    assert.equal(scheduler.nowMs, 2);
    assert.equal(scans, 1);
  });

  test("is told before its first scan is answered, which is waited for all the same", async () => {
    const { barrier, get, scheduler } = barrierOn(async (wanted) => {
      await new Promise<void>((resolve) => scheduler.after(3, resolve));
      return scanned(wanted, ["quick"]);
    });
    const waiting = barrier.wait(token(5), 10_000);
    scheduler.after(1, () => barrier.acknowledged(token(5), "quick"));
    await get(waiting);
    assert.equal(scheduler.nowMs, 3);
  });

  test("begins with the scan that was sent behind the commit, and sends none of its own", async () => {
    let scans = 0;
    const { barrier, get, scheduler } = barrierOn((wanted) => {
      scans += 1;
      return scanned(wanted, ["slow"]);
    });
    const behind = after(scheduler, 1, scanned([token(5)], ["slow"], 3));
    const waiting = barrier.wait(token(5), 10_000, behind);
    scheduler.after(2, () => barrier.acknowledged(token(5), "slow"));
    assert.equal((await get(waiting)).nodesAcknowledged, 3);
    assert.deepEqual([scheduler.nowMs, scans], [2, 0]);
  });

  test("scans by itself where the other scan is late, and where it found nothing out", async () => {
    for (const [behind, overMs] of [
      [Promise.resolve(undefined), 0],
      [new Promise<never>(() => {}), 12],
    ] as const) {
      const { barrier, get, scheduler } = barrierOn((wanted) => scanned(wanted, []));
      await get(barrier.wait(token(5), 10_000, behind));
      assert.equal(scheduler.nowMs, overMs);
    }
  });

  test("adds nobody from a scan that comes after its own", async () => {
    const { barrier, get, scheduler } = barrierOn((wanted) =>
      scanned(wanted, scheduler.nowMs < 20 ? ["slow"] : []),
    );
    const waiting = barrier.wait(
      token(5),
      10_000,
      after(scheduler, 10, scanned([token(5)], ["slow", "new"])),
    );
    scheduler.after(15, () => barrier.acknowledged(token(5), "slow"));
    await get(waiting);
    assert.equal(scheduler.nowMs, 15);
  });

  test("looks more often where so many nodes are not told of", async () => {
    for (const [leases, overMs] of [
      [16, 12],
      [17, 4],
    ] as const) {
      for (const behind of [undefined, scanned([token(5)], ["slow"], leases)]) {
        const { barrier, get, scheduler } = barrierOn((wanted) =>
          scanned(wanted, scheduler.nowMs < 2 ? ["slow"] : [], leases),
        );
        await get(barrier.wait(token(5), 10_000, behind));
        assert.equal(scheduler.nowMs, overMs);
      }
    }
  });

  test("takes neither an earlier revision nor another timeline for an acknowledgement", async () => {
    const { barrier, get, scheduler } = barrierOn((wanted) =>
      scanned(wanted, scheduler.nowMs < 2 ? ["slow"] : []),
    );
    const waiting = barrier.wait(token(5), 10_000);
    const other = { ...token(5), timeline: parseTimeline("00000002") };
    scheduler.after(2, () => {
      barrier.acknowledged(token(4), "slow");
      barrier.acknowledged(other, "slow");
      barrier.acknowledged({ ...token(5), tenant: "other" }, "slow");
    });
    await get(waiting);
    assert(scheduler.nowMs > 2);
  });

  test("is over with the own node's applying of the revision, without another scan", async () => {
    let applied = 4;
    let scans = 0;
    const { barrier, get, scheduler } = barrierOn(
      (wanted) => {
        scans += 1;
        return scanned(wanted, ["own"]);
      },
      (_, { revision }) => applied >= revision,
    );
    const waiting = barrier.wait(token(5), 10_000);
    scheduler.after(2, () => {
      applied = 5;
      barrier.applied("acme");
    });
    await get(waiting);
    assert.equal(scheduler.nowMs, 2);
    assert.equal(scans, 1);
  });

  test("waits for the own node only until that has applied the revision", async () => {
    let applied = 4;
    const { barrier, get, scheduler } = barrierOn(
      (wanted) => scanned(wanted, ["own"]),
      (leaseId, { revision }) => leaseId === "own" && applied >= revision,
    );
    const waiting = barrier.wait(token(5), 10_000);
    scheduler.after(30, () => (applied = 5));
    await get(waiting);
    assert(scheduler.nowMs >= 30);
  });

  test("scans for many tenants together while scans are under way", async () => {
    const asked: number[] = [];
    const { barrier, get, scheduler } = barrierOn(async (wanted) => {
      asked.push(wanted.length);
      await new Promise<void>((resolve) => scheduler.after(1, resolve));
      return scanned(wanted, []);
    });
    const tenants = Array.from({ length: 100 }, (_, index) => `tenant${index}`);
    const writes = tenants.map((tenant) => barrier.wait({ ...token(5), tenant }, 10_000));
    await get(Promise.all(writes));
    assert.deepEqual(asked, [1, 1, 1, 1, 96]);
  });

  test("a scan that is never answered holds up no other write", async () => {
    let scans = 0;
    const { barrier, get } = barrierOn((wanted) =>
      (scans += 1) === 1 ? new Promise(() => {}) : scanned(wanted, []),
    );
    barrier.wait(token(5), 10_000).catch(() => {});
    await get(barrier.wait(token(6), 10_000));
    assert.equal(scans, 2);
  });
});

async function after<Value>(
  scheduler: Scheduler,
  delayMs: number,
  value: Promise<Value>,
): Promise<Value> {
  await new Promise<void>((resolve) => scheduler.after(delayMs, resolve));
  return value;
}

function scanned(
  wanted: readonly WantedScan[],
  waitingFor: readonly string[],
  leases: number = 1,
): Promise<Scan> {
  return Promise.resolve({ timeline, scanned: wanted.map(() => ({ waitingFor, leases })) });
}

function token(revision: number): Parameters<Barrier["wait"]>[0] {
  return { tenant: "acme", timeline, revision: parseRevision(revision) };
}

function barrierOn(
  scan: Db["scan"],
  hasApplied: BarrierOptions["hasApplied"] = () => false,
): {
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
    hasApplied,
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
