import assert from "node:assert/strict";
import { suite, test } from "node:test";
import fc from "fast-check";
import type { Call } from "../../src/core/decision.ts";
import type { Now } from "../../src/core/now.ts";
import { authorize, type AuthorizeAnswer } from "../../src/engine/authorize.ts";
import { defaultLimits } from "../../src/engine/limits.ts";
import type { Evaluated } from "../../src/engine/graph.ts";
import { planModel } from "../../src/engine/plan.ts";
import { PageClock } from "../../src/replica/page-clock.ts";
import { zeroCounters } from "../../src/replica/counters.ts";
import { KeptVerdicts, VerdictShelf } from "../../src/replica/kept-verdicts.ts";
import { PageStore } from "../../src/replica/page-store.ts";
import { Pins } from "../../src/replica/pins.ts";
import { delegatedWorld, type DelegatedWorld } from "../support/delegated-worlds.ts";
import { viewOf } from "../support/graphs.ts";
import { holdsFor, lawRuns, type Tally } from "../support/laws.ts";
import { History } from "../support/simulation/history.ts";
import { ask, formatAnswer, formatCall } from "../support/verdicts.ts";
import { breakpointsOf } from "../support/worlds.ts";

/** `n` chooses among what there is. */
interface Step {
  readonly kind: "ask" | "delete" | "restore" | "time" | "drop";
  readonly n: number;
}

const kinds: readonly Step["kind"][] = [
  ...Array.from({ length: 12 }, () => "ask" as const),
  ...(["delete", "delete", "restore", "restore", "time", "time", "drop"] as const),
];
const steps: fc.Arbitrary<readonly Step[]> = fc.array(
  fc.record({ kind: fc.constantFrom(...kinds), n: fc.nat(999) }),
  { minLength: 20, maxLength: 60 },
);

suite("verdicts that are kept", () => {
  for (const [name, bytes] of [
    ["with room for all pages", 10_000_000],
    ["while pages come and go", 3_000],
  ] as const) {
    test(`are those of the whole graph as it is now, ${name}`, (context) => {
      const tally = holdsFor(
        fc.tuple(delegatedWorld, steps),
        ([world, taken], counts) => follow(new Node(world, bytes), taken, counts),
        Math.ceil(lawRuns / 2),
      );
      context.diagnostic(tally.format());
      for (const outcome of ["kept allowed", "kept denied", "turned", "found anew"]) {
        assert.ok(tally.of(outcome) >= lawRuns / 100, `${outcome} is too rare: ${tally.format()}`);
      }
    });
  }
});

function follow(node: Node, taken: readonly Step[], counts: Tally): void {
  const before = new Map<Call, string>();
  for (const { kind, n } of taken) {
    if (kind !== "ask") {
      node.change(kind, n);
      continue;
    }
    const call = node.calls[n % node.calls.length];
    if (call === undefined) continue;
    const { answer, isKept } = node.decide(call);
    const text = formatAnswer(answer);
    assert.equal(text, formatAnswer(node.truth(call)), formatCall(call));
    counts.count(isKept ? `kept ${answer.kind}` : "found anew");
    if (before.has(call) && before.get(call) !== text) counts.count("turned");
    before.set(call, text);
  }
}

/** One tenant's pages as a node has them, and the truth beside. */
class Node {
  readonly calls: readonly Call[];
  readonly #world: DelegatedWorld["world"];
  readonly #history = new History();
  readonly #store: PageStore;
  readonly #verdicts: KeptVerdicts;
  readonly #plan: ReturnType<typeof planModel>;
  readonly #nows: readonly Now[];
  #now: Now;

  constructor({ world, calls }: DelegatedWorld, bytes: number) {
    this.#world = world;
    this.calls = calls.map((call) => ({ ...call, isShared: true }));
    this.#history.commit([], world.tuples);
    this.#store = new PageStore(new PageClock(bytes));
    this.#verdicts = new KeptVerdicts(this.#store, new VerdictShelf(4, zeroCounters()));
    this.#plan = planModel(world.model, this.#store.symbols);
    this.#now = world.now;
    const gapMs = world.now.latestMs - world.now.earliestMs;
    const later = breakpointsOf(world.tuples).map((atMs) => ({
      earliestMs: atMs - gapMs,
      latestMs: atMs,
    }));
    this.#nows = [world.now, ...later];
  }

  /** Time may go back, too. */
  change(kind: Exclude<Step["kind"], "ask">, n: number): void {
    const { tuples } = this.#world;
    const tuple = tuples[n % Math.max(1, tuples.length)];
    if (kind === "time") this.#now = this.#nows[n % this.#nows.length] ?? this.#now;
    else if (kind === "drop") this.#store.drop(); // What is kept must be found stale.
    else if (tuple !== undefined) {
      const [deletes, creates] = kind === "delete" ? [[tuple], []] : [[], [tuple]];
      this.#store.apply([this.#history.commit(deletes, creates)]);
    }
  }

  decide(call: Call): { readonly answer: AuthorizeAnswer; readonly isKept: boolean } {
    const view = { graph: this.#store, plan: this.#plan, now: this.#now };
    let isKept = false;
    const pins = new Pins();
    for (let round = 0; round < 50; round += 1) {
      const verdicts = this.#verdicts;
      const known = verdicts.recall(view, call);
      isKept = known !== undefined;
      const evaluated: Evaluated<AuthorizeAnswer> =
        known === undefined
          ? verdicts.decide(view, call, (seen) => authorize(seen, call, defaultLimits))
          : { kind: "decided", value: known };
      if (evaluated.kind === "decided") {
        pins.release();
        return { answer: evaluated.value, isKept };
      }
      const { head } = this.#history;
      this.#store.install(evaluated.pages.map((key) => this.#history.page(key, head)));
      this.#store.pin(evaluated.pages, pins);
    }
    throw new Error("pages are missed again and again");
  }

  truth(call: Call): AuthorizeAnswer {
    const { model } = this.#world;
    const tuples = this.#history.stateAt(this.#history.head).values();
    return ask(viewOf(model, tuples, this.#now.earliestMs, this.#now.latestMs), call);
  }
}
