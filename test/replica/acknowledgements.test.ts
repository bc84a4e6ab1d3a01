import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { parseRevision, parseTimeline, type Revision } from "../../src/core/revision.ts";
import { Acknowledgements } from "../../src/replica/acknowledgements.ts";
import { Scheduler } from "../support/simulation/scheduler.ts";
import { pass, timersOf } from "./timers.ts";

interface Sent {
  readonly atMs: number;
  readonly applied: number;
  readonly askedBy: readonly string[];
}

suite("Acknowledgements", () => {
  test("one is under way, and what was applied meanwhile goes with the next", async () => {
    const { acknowledgements, sent, apply, run } = startedWith();
    apply(1);
    acknowledgements.send();
    apply(2);
    acknowledgements.send();
    apply(3);
    acknowledgements.send();
    await run(50);
    assert.deepEqual(
      sent.map(({ applied }) => applied),
      [1, 3],
    );
    assert.equal(acknowledgements.upTo, 3);
  });

  test("one without an answer is sent again, and says what is applied by then", async () => {
    const { acknowledgements, sent, apply, run } = startedWith((index) => index > 0);
    apply(1);
    acknowledgements.send();
    apply(2);
    await run(150);
    assert.deepEqual(
      sent.map(({ atMs, applied }) => [atMs, applied]),
      [
        [0, 1],
        [100, 2],
      ],
    );
    assert.equal(acknowledgements.upTo, 2);
  });

  test("tells whoever waits for what it acknowledges, once, and no others", async () => {
    const { acknowledgements, sent, apply, run } = startedWith();
    acknowledgements.ask("now", parseRevision(1));
    acknowledgements.ask("later", parseRevision(2));
    apply(1);
    acknowledgements.send();
    await run(50);
    apply(2);
    acknowledgements.send();
    await run(50);
    acknowledgements.ask("late", parseRevision(2));
    apply(3);
    acknowledgements.send();
    await run(50);
    assert.deepEqual(
      sent.map(({ askedBy }) => askedBy),
      [["now"], ["later"], []],
    );
  });

  test("takes its time over what nobody waits for, until somebody does", async () => {
    const { acknowledgements, sent, apply, run } = startedWith();
    apply(1);
    acknowledgements.sendSoon();
    apply(2);
    acknowledgements.sendSoon();
    await run(20);
    apply(3);
    acknowledgements.sendSoon();
    acknowledgements.ask("other", parseRevision(3));
    await run(20);
    assert.deepEqual(
      sent.map(({ atMs, applied }) => [atMs, applied]),
      [
        [5, 2],
        [20, 3],
      ],
    );
  });

  test("nothing is acknowledged under a lease that is lost, nor counted as if it were", async () => {
    const { acknowledgements, sent, apply, run, setLease } = startedWith();
    apply(5);
    acknowledgements.send();
    setLease(undefined);
    acknowledgements.startOver();
    await run(50);
    assert.equal(acknowledgements.upTo, 0);
    acknowledgements.send();
    assert.equal(sent.length, 1);
    setLease("second");
    acknowledgements.send();
    await run(50);
    assert.equal(acknowledgements.upTo, 5);
  });
});

function startedWith(isAnswered: (index: number) => boolean = () => true): {
  readonly acknowledgements: Acknowledgements;
  readonly sent: readonly Sent[];
  readonly apply: (revision: number) => void;
  readonly setLease: (leaseId: string | undefined) => void;
  readonly run: (ms: number) => Promise<void>;
} {
  const scheduler = new Scheduler();
  const sent: Sent[] = [];
  let applied: Revision = parseRevision(0);
  let leaseId: string | undefined = "first";
  const acknowledgements = new Acknowledgements({
    db: {
      acknowledge(_, { revision }, askedBy) {
        const index = sent.length;
        sent.push({ atMs: scheduler.nowMs, applied: revision, askedBy });
        return new Promise<void>((resolve) => {
          if (isAnswered(index)) scheduler.after(1, resolve);
        });
      },
    },
    timers: timersOf(scheduler),
    parameters: { hedgeMs: 100, retryMs: 100 },
    report: () => {},
    tenant: "acme",
    leaseId: () => leaseId,
    timeline: () => parseTimeline("00000001"),
    applied: () => applied,
    isCrowded: () => false,
    answered: () => {},
  });
  return {
    acknowledgements,
    sent,
    apply: (revision) => {
      applied = parseRevision(revision);
    },
    setLease: (id) => {
      leaseId = id;
    },
    run: (ms) => pass(scheduler, ms),
  };
}
