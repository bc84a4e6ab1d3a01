import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { parseRevision, parseTimeline, type ConsistencyToken } from "../../src/core/revision.ts";
import { Announcer } from "../../src/replica/announcer.ts";
import { Scheduler } from "../support/simulation/scheduler.ts";
import { pass, timersOf } from "./timers.ts";

suite("Announcer", () => {
  test("tells of what is waited for, at once and again and again", async () => {
    const { announcer, told, run } = started();
    const stop = announcer.announce(position("acme", 1), false);
    await run(250);
    stop();
    await run(500);
    assert.deepEqual(told, ["0 acme 1", "100 acme 1", "200 acme 1"]);
  });

  test("leaves out the first time where that is done", async () => {
    const { announcer, told, run } = started();
    announcer.announce(position("acme", 1), true);
    await run(150);
    assert.deepEqual(told, ["100 acme 1"]);
  });

  test("tells of the last of a tenant's positions for all who wait, until none is left", async () => {
    const { announcer, told, run } = started();
    const first = announcer.announce(position("acme", 1), true);
    const second = announcer.announce(position("acme", 3), true);
    const third = announcer.announce(position("acme", 2), true);
    announcer.announce(position("other", 9), true);
    await run(150);
    assert.deepEqual(told, ["100 acme 3", "100 other 9"]);
    for (const stop of [second, third]) stop();
    await run(100);
    assert.deepEqual(told.slice(2), ["200 acme 3", "200 other 9"]);
    first();
    await run(100);
    assert.deepEqual(told.slice(4), ["300 other 9"]);
  });
});

function position(tenant: string, revision: number): ConsistencyToken {
  return { tenant, timeline: parseTimeline("00000001"), revision: parseRevision(revision) };
}

function started(): {
  readonly announcer: Announcer;
  readonly told: readonly string[];
  readonly run: (ms: number) => Promise<void>;
} {
  const scheduler = new Scheduler();
  const told: string[] = [];
  const announcer = new Announcer({
    db: {
      notify({ tenant, revision }) {
        told.push(`${scheduler.nowMs} ${tenant} ${revision}`);
        return Promise.resolve();
      },
    },
    timers: timersOf(scheduler),
    parameters: { notifyMs: 100 },
    report: () => {},
  });
  return { announcer, told, run: (ms) => pass(scheduler, ms) };
}
