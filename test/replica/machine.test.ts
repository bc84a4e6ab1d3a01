import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { parseName, parseObject } from "../../src/core/object.ts";
import { parseRevision, parseTimeline } from "../../src/core/revision.ts";
import type { PageKey } from "../../src/core/page.ts";
import { parseTupleText } from "../../src/core/tuple.ts";
import type { Evaluation } from "../../src/replica/replica.ts";
import { startCalmNode } from "../support/simulation/calm.ts";
import { readPage } from "../support/simulation/reading.ts";

const one: Evaluation<number> = () => ({ kind: "decided", value: 1 });

suite("ReplicaMachine", () => {
  test("loads a page once, however many evaluations miss it", async () => {
    const { machine, get } = await startCalmNode();
    const asked = Array.from({ length: 50 }, async () =>
      machine.evaluate("alpha", reads(page("x")), {}),
    );
    await get(Promise.all(asked));
    assert.equal(machine.counters.loads, 1);
    assert.equal(machine.counters.pagesLoaded, 1);
  });

  test("loads what is missing in rounds of bounded size", async () => {
    const { machine, get } = await startCalmNode({ pagesPerRoundMax: 10 });
    const pages = Array.from({ length: 35 }, (_, index) => page(`d${index}`));
    await get(machine.evaluate("alpha", reads(...pages), {}));
    assert.equal(machine.counters.loads, 4);
    assert.equal(machine.counters.pagesLoaded, 35);
  });

  test("answers from memory without a promise once it has the pages", async () => {
    const { machine, get } = await startCalmNode();
    await get(machine.evaluate("alpha", reads(page("x")), {}));
    assert.deepEqual(machine.evaluate("alpha", reads(page("x")), {}), ["0"]);
  });

  test("ends an evaluation that asks for ever more pages", async () => {
    const { machine, refusal } = await startCalmNode({ roundsMax: 5 });
    let asked = 0;
    const greedy: Evaluation<number> = () => ({
      kind: "missing",
      pages: [page(`d${(asked += 1)}`)],
    });
    assert.equal(await refusal(machine.evaluate("alpha", greedy, {})), "budget_exceeded");
    assert.equal(machine.counters.loads, 5);
  });

  test("ends an evaluation whose pages take too much memory", async () => {
    const { machine, refusal } = await startCalmNode({ evaluationBytes: 1000 });
    const pages = Array.from({ length: 20 }, (_, index) => page(`d${index}`));
    assert.equal(await refusal(machine.evaluate("alpha", reads(...pages), {})), "budget_exceeded");
  });

  test("ends an evaluation when pages that are waited for fill the memory, and gives them up", async () => {
    const { machine, refusal, get } = await startCalmNode({ memoryBytes: 600 });
    const pages = Array.from({ length: 20 }, (_, index) => page(`d${index}`));
    assert.equal(await refusal(machine.evaluate("alpha", reads(...pages), {})), "limit_exceeded");
    await get(machine.evaluate("alpha", reads(page("x")), {}));
    assert(machine.heldBytes <= 600);
  });

  test("admits so many waiting evaluations and no more", async () => {
    const { machine, refusal, get } = await startCalmNode({ waitingMax: 3 });
    const waiting = [1, 2, 3].map(async (id) =>
      machine.evaluate("alpha", reads(page(`d${id}`)), {}),
    );
    assert.equal(await refusal(machine.evaluate("alpha", reads(page("x")), {})), "limit_exceeded");
    await get(Promise.all(waiting));
    assert.equal(await refusal(machine.evaluate("alpha", reads(page("x")), {})), undefined);
  });

  test("follows so many tenants and no more", async () => {
    const { machine, refusal, get } = await startCalmNode({ tenantsMax: 1 });
    await get(machine.evaluate("alpha", one, {}));
    assert.equal(await refusal(machine.evaluate("beta", one, {})), "limit_exceeded");
  });

  test("answers not serving when the lease has lapsed and the database is away", async () => {
    const { machine, node, scheduler, pass, refusal, get } = await startCalmNode();
    await get(machine.evaluate("alpha", one, {}));
    node.link.requestsCutUntilMs = scheduler.nowMs + 60_000;
    await pass(5000);
    // Within its term it rides the outage out.
    assert.equal(machine.evaluate("alpha", one, {}), 1);
    await pass(6000);
    assert.equal(machine.serving, false);
    assert.equal(await refusal(machine.evaluate("alpha", one, {})), "not_serving");
  });

  test("serves again after an outage without being asked", async () => {
    const { machine, node, scheduler, pass, get } = await startCalmNode();
    await get(machine.evaluate("alpha", one, {}));
    node.link.requestsCutUntilMs = scheduler.nowMs + 20_000;
    await pass(19_000);
    assert.equal(machine.serving, false);
    await pass(8000);
    assert.equal(machine.evaluate("alpha", one, {}), 1);
  });

  for (const byMs of [-2000, 2000]) {
    test(`does not trust a lease across a wall clock that was set by ${byMs} ms`, async () => {
      const { machine, node, get } = await startCalmNode();
      await get(machine.evaluate("alpha", one, {}));
      node.stepWallClock(byMs);
      assert.equal(machine.serving, false);
      // The request itself renews, and is then answered.
      assert.equal(await get(machine.evaluate("alpha", one, {})), 1);
    });
  }

  test("stops waiting when the request is cancelled, and keeps no page pinned for it", async () => {
    const { machine, pass, refusal, get } = await startCalmNode({ memoryBytes: 600 });
    await get(machine.evaluate("alpha", one, {}));
    const controller = new AbortController();
    const pages = [page("a"), page("b")];
    const asked = machine.evaluate("alpha", reads(...pages), { signal: controller.signal });
    controller.abort();
    assert.equal(await refusal(asked), "cancelled");
    await pass(100);
    for (const id of ["p", "q", "r", "s", "t"]) {
      await get(machine.evaluate("alpha", reads(page(id)), {}));
    }
    assert(machine.heldBytes <= 600);
  });

  test("a deadline that passes while pages load is no decision", async () => {
    const { machine, node, scheduler, get, refusal } = await startCalmNode();
    await get(machine.evaluate("alpha", one, {}));
    node.link.repliesCutUntilMs = scheduler.nowMs + 3000;
    const controller = new AbortController();
    const asked = machine.evaluate("alpha", reads(page("x")), { signal: controller.signal });
    controller.abort(new DOMException("late", "TimeoutError"));
    assert.equal(await refusal(asked), "deadline_exceeded");
  });

  test("closing ends what waits, and nothing is answered afterwards", async () => {
    const { machine, refusal, get } = await startCalmNode();
    await get(machine.evaluate("alpha", one, {}));
    await get(machine.close());
    assert.equal(await refusal(machine.evaluate("alpha", one, {})), "not_serving");
    assert.equal(machine.leaseId, undefined);
  });

  test("refuses terms that would let a lease be killed while it serves", async () => {
    await assert.rejects(startCalmNode({ serveMs: 8000, killMs: 9000 }), /killMs/);
    await assert.rejects(startCalmNode({ renewMs: 4000 }), /renewMs/);
    await assert.rejects(startCalmNode({ wallToleranceMs: 5000 }), /wallToleranceMs/);
  });

  test("applies what it missed in parts, each a tick and whole revisions, before it answers", async () => {
    const { machine, database, scheduler, pass, get } = await startCalmNode({
      tickTuplesMax: 4,
      pollMs: 50_000,
      renewMs: 2000,
    });
    const write = async (...ids: readonly string[]): Promise<void> => {
      const tuples = ids.map((id) => parseTupleText(`document:x#viewer@user:${id}`, "tuple"));
      database.write(
        "alpha",
        [],
        tuples,
        "w",
        () => {},
        () => {},
      );
      await pass(25);
    };
    await write("first");
    await get(machine.evaluate("alpha", reads(page("x")), {}));
    await write("a", "b");
    await write("c", "d");
    await write("e", "f", "g", "h", "i", "j");
    await write("k");
    const applied: (readonly [number, number, readonly string[]])[] = [];
    machine.onApplied((_, revision) => {
      scheduler.after(0, () => {
        const seen = machine.evaluate("alpha", reads(page("x")), {});
        assert(!(seen instanceof Promise));
        applied.push([scheduler.nowMs, revision, seen]);
      });
    });
    const freshness = { kind: "head" } as const;
    assert.deepEqual(await get(machine.evaluate("alpha", reads(page("x")), { freshness })), ["12"]);
    await pass(5);
    assert.deepEqual(
      applied.map(([, revision, seen]) => [revision, ...seen]),
      [
        [3, "5"],
        [4, "11"],
        [5, "12"],
      ],
    );
    assert.equal(new Set(applied.map(([atMs]) => atMs)).size, 3);
  });

  test("enforces on a node that follows nothing", async () => {
    const { machine, get } = await startCalmNode();
    const timeline = parseTimeline("00000001");
    const enforced = await get(machine.enforce("alpha", timeline, parseRevision(0), 1000));
    assert.equal(enforced.nodesAcknowledged, 0);
  });
});

function page(id: string): PageKey {
  const object = parseObject("document", id, "object");
  return { kind: "forward", object, relation: parseName("viewer", "relation") };
}

/** How many tuples each page has, as text. */
function reads(...keys: readonly PageKey[]): Evaluation<readonly string[]> {
  return ({ graph }) => {
    const read = keys.map((key) => readPage(graph, key));
    const pages = keys.filter((_, index) => read[index] === undefined);
    if (pages.length > 0) return { kind: "missing", pages };
    return { kind: "decided", value: read.map((tuples) => String(tuples?.length)) };
  };
}
