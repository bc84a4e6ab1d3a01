import assert from "node:assert/strict";
import { suite, test } from "node:test";
import fc from "fast-check";
import type { Call } from "../../src/core/decision.ts";
import type { Now } from "../../src/core/now.ts";
import { parseObject } from "../../src/core/object.ts";
import type { RelationTuple } from "../../src/core/tuple.ts";
import { authorize, type AuthorizeAnswer } from "../../src/engine/authorize.ts";
import { defaultLimits } from "../../src/engine/limits.ts";
import { planModel, type Plan } from "../../src/engine/plan.ts";
import { PageClock } from "../../src/replica/page-clock.ts";
import { zeroCounters } from "../../src/replica/counters.ts";
import { KeptVerdicts, VerdictShelf } from "../../src/replica/kept-verdicts.ts";
import { PageStore } from "../../src/replica/page-store.ts";
import { Pins } from "../../src/replica/pins.ts";
import { delegatedModels } from "../support/delegated-models.ts";
import { delegatedWorld, type DelegatedWorld } from "../support/delegated-worlds.ts";
import { viewOf } from "../support/graphs.ts";
import { holdsFor, lawRuns, type Tally } from "../support/laws.ts";
import { History } from "../support/simulation/history.ts";
import { ask, formatAnswer, formatCall } from "../support/verdicts.ts";
import { breakpointsOf, expiries } from "../support/worlds.ts";

/** `n` chooses among what there is. */
interface Step {
  readonly kind:
    | "ask"
    | "delete"
    | "restore"
    | "touch"
    | "fill"
    | "thin"
    | "time"
    | "model"
    | "drop";
  readonly n: number;
}

const kinds: readonly Step["kind"][] = [
  ...Array.from({ length: 14 }, () => "ask" as const),
  ...(["delete", "delete", "restore", "restore", "touch", "fill", "thin"] as const),
  ...(["time", "time", "model", "drop"] as const),
];
const steps: fc.Arbitrary<readonly Step[]> = fc.array(
  fc.record({ kind: fc.constantFrom(...kinds), n: fc.nat(999) }),
  { minLength: 20, maxLength: 60 },
);

/** Room for pages, how many tuples a page lists at most, and whether pages are large from the start. */
interface Room {
  readonly bytes: number;
  readonly tuplesMax: number;
  readonly isFilled: boolean;
}

suite("verdicts that are kept", () => {
  for (const [name, room] of [
    ["with room for all pages", { bytes: 10_000_000, tuplesMax: 10_000, isFilled: false }],
    ["while pages come and go", { bytes: 3_000, tuplesMax: 10_000, isFilled: false }],
    ["with large pages", { bytes: 10_000_000, tuplesMax: 10_000, isFilled: true }],
    ["with pages that list a part", { bytes: 10_000_000, tuplesMax: 2, isFilled: false }],
  ] as const) {
    test(`are those of the whole graph as it is now, ${name}`, (context) => {
      const tally = holdsFor(
        fc.tuple(delegatedWorld, steps),
        ([world, taken], counts) => follow(new Node(world, room), taken, counts),
        Math.ceil(lawRuns / 4),
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
    // The first is the one that would be allowed, were it not for what was disturbed.
    const call = node.calls[n % 2 === 0 ? 0 : n % node.calls.length];
    if (call === undefined) continue;
    const { answer, isKept } = node.decide(call);
    const text = formatAnswer(answer);
    const truth = node.truth(call);
    if (!node.isInPart) assert.equal(text, formatAnswer(truth), formatCall(call));
    // Of pages that list a part not all is known: it may fail, or be denied for another reason.
    else if (answer.kind === "error") counts.count("not known");
    else assert.equal(answer.kind, truth.kind, formatCall(call));
    counts.count(isKept ? `kept ${answer.kind}` : "found anew");
    if (before.has(call) && before.get(call) !== text) counts.count("turned");
    before.set(call, text);
  }
}

/** Nobody asks about these: they make pages large. */
const fillers = Array.from({ length: 60 }, (_, index) => `filler${String(index).padStart(2, "0")}`);
const unfilled: readonly string[] = ["principal", "delegator", "delegate", "parent", "requires"];

/** One tenant's pages as a node has them, and the truth beside. */
class Node {
  readonly calls: readonly Call[];
  readonly isInPart: boolean;
  readonly #world: DelegatedWorld["world"];
  readonly #history: History;
  readonly #store: PageStore;
  readonly #verdicts: KeptVerdicts;
  readonly #plans: readonly Plan[];
  readonly #nows: readonly Now[];
  #plan: Plan;
  #now: Now;
  /** What was deleted or touched last. */
  #gone: RelationTuple | undefined;

  constructor({ world, calls }: DelegatedWorld, { bytes, tuplesMax, isFilled }: Room) {
    this.#world = world;
    this.calls = calls.map((call) => ({ ...call, isShared: true }));
    this.isInPart = tuplesMax < fillers.length;
    this.#history = new History(tuplesMax);
    const some = world.tuples.filter((_, index) => index % 4 === 1);
    const filling = isFilled ? some.flatMap(fillersOf) : [];
    this.#history.commit([], [...filling, ...world.tuples]);
    this.#store = new PageStore(new PageClock(bytes), tuplesMax);
    this.#verdicts = new KeptVerdicts(this.#store, new VerdictShelf(4, zeroCounters()));
    this.#plan = planModel(world.model, this.#store.symbols);
    const others = delegatedModels.map((model) => planModel(model, this.#store.symbols));
    this.#plans = [this.#plan, ...others];
    this.#now = world.now;
    const gapMs = world.now.latestMs - world.now.earliestMs;
    const later = breakpointsOf(world.tuples).map((atMs) => ({
      earliestMs: atMs - gapMs,
      latestMs: atMs,
    }));
    this.#nows = [world.now, ...later];
  }

  /** Time may go back, too, and what is kept must be found stale after a drop. */
  change(kind: Exclude<Step["kind"], "ask">, n: number): void {
    const { tuples } = this.#world;
    const tuple = tuples[n % Math.max(1, tuples.length)];
    switch (kind) {
      case "time":
        this.#now = this.#nows[n % this.#nows.length] ?? this.#now;
        return;
      case "model":
        // Mostly back to its own.
        this.#plan = this.#plans[n % 3 === 0 ? n % this.#plans.length : 0] ?? this.#plan;
        return;
      case "drop":
        this.#store.drop();
        return;
      case "delete":
      case "restore":
      case "touch":
      case "fill":
      case "thin":
        if (tuple !== undefined) this.#write(kind, tuple, n);
    }
  }

  decide(call: Call): { readonly answer: AuthorizeAnswer; readonly isKept: boolean } {
    const view = { graph: this.#store, plan: this.#plan, now: this.#now };
    const pins = new Pins();
    for (let round = 0; round < 30; round += 1) {
      const known = this.#verdicts.recall(view, call);
      const evaluated = this.#verdicts.decide(view, call, (seen) =>
        authorize(seen, call, defaultLimits),
      );
      if (known !== undefined) {
        // To the last word, and without a page that is missing.
        assert.deepEqual(evaluated, { kind: "decided", value: known }, formatCall(call));
      }
      if (evaluated.kind === "decided") {
        pins.release();
        return { answer: evaluated.value, isKept: known !== undefined };
      }
      const { head } = this.#history;
      this.#store.install(evaluated.pages.map((key) => this.#history.page(key, head)));
      this.#store.pin(evaluated.pages, pins);
    }
    // Of a page that is too large even in part a load would say so.
    assert.ok(this.isInPart, "pages are missed again and again");
    return { answer: { kind: "error", code: "budget_exceeded", detail: "" }, isKept: false };
  }

  truth(call: Call): AuthorizeAnswer {
    const { model } = this.#plan;
    const tuples = this.#history.stateAt(this.#history.head).values();
    return ask(viewOf(model, tuples, this.#now.earliestMs, this.#now.latestMs), call);
  }

  #write(
    kind: "delete" | "restore" | "touch" | "fill" | "thin",
    tuple: RelationTuple,
    n: number,
  ): void {
    switch (kind) {
      case "delete":
        this.#gone = tuple;
        this.#commit([tuple], []);
        return;
      case "restore":
        // Mostly what went last: that it does is what calls that are denied now hang on.
        this.#commit([], [n % 4 === 0 ? tuple : (this.#gone ?? tuple)]);
        return;
      case "touch": {
        this.#gone = tuple;
        const expiresAtMs = expiries[n % expiries.length] ?? 0;
        this.#commit([], [{ ...tuple, expiresAtMs }]);
        return;
      }
      case "fill":
        this.#commit([], fillersOf(tuple));
        return;
      case "thin":
        this.#commit(fillersOf(tuple).slice(n % 40), []);
        return;
    }
  }

  #commit(deletes: readonly RelationTuple[], creates: readonly RelationTuple[]): void {
    this.#store.apply([this.#history.commit(deletes, creates)]);
  }
}

/** Of the tuple's page so many that it is a large one. */
function fillersOf({ object, relation, subject }: RelationTuple): readonly RelationTuple[] {
  if (subject.kind === "wildcard" || unfilled.includes(relation)) return [];
  if (relation === "server" || relation === "suspended") return [];
  const { type } = subject.object;
  return fillers.map((id) => ({
    object,
    relation,
    subject: { kind: "object", object: parseObject(type, id, "subject") },
  }));
}
