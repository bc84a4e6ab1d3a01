import assert from "node:assert/strict";
import { suite, test } from "node:test";
import type { Now } from "../../src/core/now.ts";
import type { RelationTuple } from "../../src/core/tuple.ts";
import { parseName } from "../../src/core/object.ts";
import { authorize, type AuthorizeAnswer } from "../../src/engine/authorize.ts";
import { defaultLimits } from "../../src/engine/limits.ts";
import { planModel } from "../../src/engine/plan.ts";
import { formatModel } from "../../src/model/format-model.ts";
import { parseModel } from "../../src/model/parse-model.ts";
import { PageClock } from "../../src/replica/page-clock.ts";
import { zeroCounters } from "../../src/replica/counters.ts";
import { KeptVerdicts, VerdictShelf } from "../../src/replica/kept-verdicts.ts";
import { PageStore } from "../../src/replica/page-store.ts";
import { TuplePage } from "../../src/replica/tuple-page.ts";
import { call } from "../engine/delegated-call.ts";
import { aliceLetsMailbot, stock } from "../engine/stock-model.ts";
import { expiring, noon, object, tuplesOf } from "../support/graphs.ts";
import { History } from "../support/simulation/history.ts";

const hourMs = 3_600_000;
/** Mailbot may call the tool only while it is early. */
const timed = parseModel(
  `${formatModel(stock).replace("tool with small", "tool with early")}
condition early(until: timestamp, current_time: timestamp) { current_time < until }
`,
);

suite("KeptVerdicts", () => {
  test("keeps an allowed and a denied, and finds neither anew", () => {
    const node = new Node();
    const unknown = { ...call({ tool: object("tool:other") }), isShared: true as const };
    assert.deepEqual(node.ask(), ["allowed", "found"]);
    assert.deepEqual(node.ask(), ["allowed", "kept"]);
    assert.deepEqual(node.ask(unknown), ["tool_unregistered", "found"]);
    assert.deepEqual(node.ask(unknown), ["tool_unregistered", "kept"]);
  });

  test("keeps what other pages' changes do not touch, and no more once one of its own is another", () => {
    const node = new Node();
    node.ask();
    node.write([], tuplesOf("document:other#viewer@user:alice", "group:all#member@user:bob"));
    assert.deepEqual(node.ask(), ["allowed", "kept"]);
    node.write(tuplesOf("delegation:d1#resource@document:plan"), []);
    assert.deepEqual(node.ask(), ["resource_not_covered", "found"]);
  });

  test("sees that a suspension comes where there was none, and goes", () => {
    const node = new Node();
    node.ask();
    node.write([], tuplesOf("agent:mailbot#suspended@suspension:s1"));
    assert.deepEqual(node.ask(), ["suspended", "found"]);
    node.write(tuplesOf("agent:mailbot#suspended@suspension:s1"), []);
    assert.deepEqual(node.ask(), ["allowed", "found"]);
  });

  test("sees the edit of a page that is edited where it lies", () => {
    const many = Array.from({ length: 200 }, (_, index) => `group:all#member@user:u${index}`);
    const node = new Node(stock, [
      ...aliceLetsMailbot.filter(({ relation }) => relation !== "viewer"),
      ...tuplesOf(...many, "group:all#member@user:alice", "document:plan#viewer@group:all#member"),
    ]);
    assert.deepEqual(node.ask(), ["allowed", "found"]);
    assert.deepEqual(node.ask(), ["allowed", "kept"]);
    node.write(tuplesOf("group:all#member@user:alice"), []);
    assert.deepEqual(node.ask(), ["principal_lacks_permission", "found"]);
    node.write([], tuplesOf("group:all#member@user:alice"));
    assert.deepEqual(node.ask(), ["allowed", "found"]);
  });

  test("keeps what expires until it may be over, and not across that", () => {
    const node = new Node(stock, [
      ...aliceLetsMailbot.filter(({ relation }) => relation !== "viewer"),
      expiring("document:plan#viewer@user:alice", noon + hourMs),
    ]);
    node.ask();
    node.now = { earliestMs: noon, latestMs: noon + hourMs - 1 };
    assert.deepEqual(node.ask(), ["allowed", "kept"]);
    node.now = { earliestMs: noon, latestMs: noon + hourMs };
    assert.deepEqual(node.ask(), ["principal_lacks_permission", "found"]);
    // It may not be over: nothing is kept that hangs on which.
    assert.deepEqual(node.ask(), ["principal_lacks_permission", "found"]);
    node.now = { earliestMs: noon + hourMs, latestMs: noon + hourMs };
    assert.deepEqual(node.ask(), ["principal_lacks_permission", "found"]);
    assert.deepEqual(node.ask(), ["principal_lacks_permission", "kept"]);
    node.now = { earliestMs: noon, latestMs: noon + 1 };
    assert.deepEqual(node.ask(), ["allowed", "found"]);
  });

  test("keeps nothing that a condition decided by the time", () => {
    const until = { until: new Date(noon + hourMs).toISOString() };
    const node = new Node(timed, [
      ...aliceLetsMailbot.filter(({ relation }) => relation !== "tool"),
      ...tuplesOf("delegation:d1#tool@tool:read").map((tuple) => ({
        ...tuple,
        condition: { name: parseName("early", "condition"), context: until },
      })),
    ]);
    assert.deepEqual(node.ask(), ["allowed", "found"]);
    assert.deepEqual(node.ask(), ["allowed", "found"]);
    node.now = { earliestMs: noon + hourMs, latestMs: noon + hourMs };
    assert.deepEqual(node.ask(), ["condition_failed", "found"]);
  });

  test("keeps nothing of one tenant for another that asks the very same", () => {
    const shelf = new VerdictShelf(100, zeroCounters());
    const asked = { ...call(), isShared: true as const };
    const allowing = new Node(stock, aliceLetsMailbot, shelf);
    const empty = new Node(stock, [], shelf);
    assert.deepEqual(allowing.ask(asked), ["allowed", "found"]);
    assert.deepEqual(allowing.ask(asked), ["allowed", "kept"]);
    assert.deepEqual(empty.ask(asked), ["tool_unregistered", "found"]);
    assert.deepEqual(empty.ask(asked), ["tool_unregistered", "kept"]);
    assert.deepEqual(allowing.ask(asked), ["allowed", "found"]);
  });

  test("keeps nothing across another model, an eviction of all, or a drop", () => {
    const node = new Node();
    node.ask();
    node.plan = planModel(timed, node.store.symbols);
    assert.deepEqual(node.ask(), ["allowed", "found"]);
    node.store.drop();
    assert.deepEqual(node.ask(), ["allowed", "found"]);
  });
});

suite("VerdictShelf", () => {
  test("has room for fewer verdicts that rest on many pages", () => {
    const { store, verdicts, plan } = new Node();
    for (const [reads, least, most] of [
      [1, 50, 100],
      [64, 50, 100],
      [256, 12, 28],
    ] as const) {
      const shelf = new VerdictShelf(100, zeroCounters());
      const calls = Array.from({ length: 200 }, () => call());
      const pages = Array.from({ length: reads }, () => new TuplePage(store.symbols, true).state);
      const verdict = { kind: "allowed", delegationIds: [] } as const;
      const when = { edits: 0, earliestMs: noon, untilMs: Infinity };
      for (const each of calls) {
        // Nothing is left of what is removed, or put again.
        for (let time = 0; time < 3; time += 1) {
          shelf.put(each, { of: verdicts, plan, verdict, reads: pages, ...when });
        }
        const other = call();
        shelf.put(other, { of: verdicts, plan, verdict, reads: pages, ...when });
        shelf.remove(other);
      }
      const kept = calls.toReversed().findIndex((each) => shelf.find(each) === undefined);
      assert(kept >= least && kept <= most, `${kept} are kept of ${reads} pages each`);
    }
  });
});

function outcomeOf(answer: AuthorizeAnswer): string {
  return answer.kind === "denied" ? answer.reason : answer.kind;
}

class Node {
  readonly store = new PageStore(new PageClock(10_000_000));
  readonly verdicts: KeptVerdicts;
  readonly #history = new History();
  readonly #asked = { ...call(), isShared: true as const };
  plan: ReturnType<typeof planModel>;
  now: Now = { earliestMs: noon, latestMs: noon };

  constructor(
    model = stock,
    tuples: readonly RelationTuple[] = aliceLetsMailbot,
    shelf = new VerdictShelf(100, zeroCounters()),
  ) {
    this.verdicts = new KeptVerdicts(this.store, shelf);
    this.#history.commit([], tuples);
    this.plan = planModel(model, this.store.symbols);
  }

  write(deletes: readonly RelationTuple[], creates: readonly RelationTuple[]): void {
    this.store.apply([this.#history.commit(deletes, creates)]);
  }

  /** What it comes to, and whether it was found by an evaluation. */
  ask(asked = this.#asked): readonly [string, "found" | "kept"] {
    const view = { graph: this.store, plan: this.plan, now: this.now };
    const { verdicts } = this;
    for (;;) {
      const known = verdicts.recall(view, asked);
      if (known !== undefined) return [outcomeOf(known), "kept"];
      const evaluated = verdicts.decide(view, asked, (seen) =>
        authorize(seen, asked, defaultLimits),
      );
      if (evaluated.kind === "decided") return [outcomeOf(evaluated.value), "found"];
      const { head } = this.#history;
      this.store.install(evaluated.pages.map((key) => this.#history.page(key, head)));
    }
  }
}
