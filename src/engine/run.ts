import type { ErrorCode } from "../core/error.ts";
import type { JsonObject } from "../core/json.ts";
import type { Now } from "../core/now.ts";
import type { SubjectSymbol } from "../core/symbols.ts";
import type { RelationTuple, StoredCondition } from "../core/tuple.ts";
import type { Evaluated } from "./graph.ts";
import type { EngineLimits } from "./limits.ts";
import {
  member,
  needs,
  notMember,
  taking,
  unknown,
  type Membership,
  type Mode,
} from "./membership.ts";
import { allows, type Plan, type RelationPlan } from "./plan.ts";
import type { Reach } from "./reach.ts";
import { Scope } from "./scope.ts";
import type { Trace } from "./trace.ts";
import type { EngineError, View } from "./view.ts";

/** Why something is unknown, though every page was there. */
export interface Problem {
  readonly code: ErrorCode;
  readonly detail: string;
}

/**
 * The state of one evaluation: its scope, its budget and what went wrong. Results beside the
 * membership are left in registers (`untilMs`, `names`, `problem`), so that the hot path makes no objects.
 */
export class Run {
  readonly plan: Plan;
  readonly now: Now;
  readonly limits: EngineLimits;
  readonly scope: Scope;
  readonly trace: Trace | undefined;
  readonly #reach: Reach | undefined;
  /** The earliest time at which the tuple or goal judged last could change its value. */
  untilMs: number = Number.POSITIVE_INFINITY;
  /** Parameters that results on the way up hang on: a stack that every result cuts to its own. */
  readonly names: string[] = [];
  /** What first made a result unknown that no other operand has settled. */
  problem: Problem | undefined;
  #steps = 0;
  #stepsBefore = 0;

  constructor(
    view: View,
    limits: EngineLimits,
    contextualTuples: readonly RelationTuple[],
    trace?: Trace,
  ) {
    this.plan = view.plan;
    this.now = view.now;
    this.limits = limits;
    this.scope = new Scope(view.graph, view.plan);
    this.trace = trace;
    this.#reach = view.reach;
    if (contextualTuples.length > 0) this.scope.addContextualTuples(contextualTuples);
  }

  /** Of all elements, where there are several. */
  get steps(): number {
    return this.#stepsBefore + this.#steps;
  }

  /** Begins the next element of a list: each has the whole budget, wherever a slice begins. */
  refill(): void {
    this.#stepsBefore += this.#steps;
    this.#steps = 0;
  }

  /** Counts one goal or tuple; false where the budget is used up. */
  spend(): boolean {
    this.#steps += 1;
    if (this.#steps <= this.limits.stepsMax) return true;
    this.fail("budget_exceeded", `the evaluation takes more than ${this.limits.stepsMax} steps`);
    return false;
  }

  get isExhausted(): boolean {
    return this.#steps >= this.limits.stepsMax;
  }

  /** Forgets the names that were pushed since the mark: they belong to no result on the way up. */
  cutNames(mark: number): void {
    // Setting the length of an array is slow even where it changes nothing.
    if (this.names.length > mark) this.names.length = mark;
  }

  fail(code: ErrorCode, detail: string): Membership {
    this.problem ??= { code, detail };
    return unknown;
  }

  /** The error of an evaluation whose result is unknown. */
  error(): EngineError {
    const { code, detail } = this.problem ?? {
      code: "budget_exceeded",
      detail: "the evaluation met a limit",
    };
    return { kind: "error", code, detail };
  }

  /** Nothing is decided while a page is missing: the answer must not depend on what is in memory. */
  finish<Value>(value: Value): Evaluated<Value> {
    if (this.scope.hasMissed) return { kind: "missing", pages: this.scope.missedPages() };
    return { kind: "decided", value };
  }

  /** Whether the active model allows the tuple. */
  isAllowed(
    relation: RelationPlan,
    subject: SubjectSymbol,
    condition: StoredCondition | undefined,
  ): boolean {
    const { scope } = this;
    const kind = scope.kindOf(subject);
    const usersetRelation = kind === "userset" ? scope.relationOf(subject) : -1;
    return allows(relation, kind, scope.typeOf(subject), usersetRelation, condition?.name);
  }

  /**
   * Whether a tuple counts now: the model allows it, it is not expired, its condition is true. Sets
   * `untilMs`; pushes on `names` where it needs some. Without a context no condition is judged: it may
   * hold or not, above a subtraction as below, and no names are pushed.
   */
  hold(
    relation: RelationPlan,
    subject: SubjectSymbol,
    condition: StoredCondition | undefined,
    expiresAtMs: number,
    mode: Mode,
    context: JsonObject | undefined,
  ): Membership {
    this.untilMs = Number.POSITIVE_INFINITY;
    const { now } = this;
    if (!this.isAllowed(relation, subject, condition)) return notMember;
    if (expiresAtMs !== Number.POSITIVE_INFINITY) this.noteExpiry(expiresAtMs);
    if (expiresAtMs <= (mode === taking ? now.earliestMs : now.latestMs)) return notMember;
    this.untilMs = expiresAtMs;
    if (condition === undefined) return member;
    if (context === undefined) return needs;
    return this.#meet(condition, mode, context);
  }

  /** To be told of every expiry that a result hangs on; `hold` does it itself. */
  noteExpiry(expiresAtMs: number): void {
    this.#reach?.expires(expiresAtMs, this.now);
  }

  #meet(stored: StoredCondition, mode: Mode, context: JsonObject): Membership {
    const condition = this.plan.model.conditions.get(stored.name);
    if (condition === undefined) return notMember;
    if (condition.readsTime) {
      this.untilMs = Math.min(this.untilMs, this.now.latestMs);
      this.#reach?.readsTime();
    }
    const outcome = condition.evaluate(stored.context, context, this.now);
    switch (outcome.kind) {
      case "met":
        return member;
      case "met_at_either":
        return mode === taking ? member : notMember;
      case "not_met":
        // What did not count changes nothing when it expires.
        this.untilMs = condition.readsTime ? this.now.latestMs : Number.POSITIVE_INFINITY;
        return notMember;
      case "needs":
        for (const name of outcome.names) this.names.push(name);
        return needs;
      case "failed":
        return this.fail(
          outcome.code === "cost_exceeded" ? "budget_exceeded" : "malformed",
          `condition \`${stored.name}\`: ${outcome.detail}`,
        );
    }
  }
}

/** Names once each, in order. */
export function sortNames(names: readonly string[]): readonly string[] {
  return [...new Set(names)].toSorted();
}
