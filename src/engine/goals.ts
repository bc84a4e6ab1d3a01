import type { SubjectSymbol } from "../core/symbols.ts";
import {
  isCertain,
  member,
  modeCount,
  needs,
  notMember,
  type Membership,
  type Mode,
} from "./membership.ts";
import type { RelationPlan, RewritePlan } from "./plan.ts";
import { sortNames, type Problem, type Run } from "./run.ts";

/** Evaluates a rewrite of an object's relation; asks `Goals` for what lies below it. */
export interface GoalEvaluator {
  evaluate(
    rewrite: RewritePlan,
    object: SubjectSymbol,
    relation: RelationPlan,
    mode: Mode,
    depth: number,
  ): Membership;
}

/**
 * What is known of the goals (object, relation, mode) of one subject: the least fixpoint. A goal met
 * again below itself counts as what is known of it so far, at first not_member. Results that rest on
 * such an assumption are provisional until the goal that was assumed is done; where an assumption
 * turned out too low, that goal is evaluated again. Values only rise, so this ends, after at most
 * one pass for each rise.
 */
export class Goals {
  readonly #run: Run;
  readonly #evaluator: GoalEvaluator;
  readonly #goals = new Map<number, Goal>();
  /** Provisional goals, in the order in which they were closed. */
  readonly #provisional: Goal[] = [];
  /** Depth of the highest open goal that the result in hand rests on. */
  #lowest: number = Number.POSITIVE_INFINITY;
  /** How many assumptions turned out too low and are not repaired yet. */
  #raised = 0;
  /** How often the depth limit cut something off: such results hold at that depth only. */
  #cuts = 0;

  constructor(run: Run, evaluator: GoalEvaluator) {
    this.#run = run;
    this.#evaluator = evaluator;
  }

  noteCut(): void {
    this.#cuts += 1;
  }

  /**
   * Leaves the goal's registers in the run, as the evaluator does. `negations`: how many subtractions
   * lie on the path. What is met again below itself and a subtraction hangs on its own absence: it is
   * unknown, which is above whatever it may be, and holds on this path only.
   */
  decide(
    object: SubjectSymbol,
    relation: RelationPlan,
    mode: Mode,
    depth: number,
    negations: number,
  ): Membership {
    const base = (object * this.#run.plan.relations.length + relation.index) * modeCount;
    const key = base + mode;
    let goal = this.#goals.get(key);
    if (negations > 0 && this.#isOpenAbove(base, negations)) {
      this.noteCut();
      return this.#run.fail(
        "model_mismatch",
        `the tuples make \`${relation.typeName}#${relation.relationName}\` of an object depend on its own absence`,
      );
    }
    if (goal === undefined) {
      goal = newGoal();
      this.#goals.set(key, goal);
    }
    switch (goal.state) {
      case "final":
        return this.#recall(goal);
      case "open":
        goal.assumed = true;
        this.#lowest = Math.min(this.#lowest, goal.depth);
        return this.#recall(goal);
      case "provisional":
        this.#lowest = Math.min(this.#lowest, goal.lowest);
        return this.#recall(goal);
      case "closed":
      case "cut":
        break;
    }
    goal.negations = negations;
    return this.#solve(goal, object, relation, mode, depth);
  }

  /** Whether the same is asked further up, with fewer subtractions on the way. */
  #isOpenAbove(base: number, negations: number): boolean {
    for (let mode = 0; mode < modeCount; mode += 1) {
      const goal = this.#goals.get(base + mode);
      if (goal?.state === "open" && goal.negations < negations) return true;
    }
    return false;
  }

  /** Evaluates the goal until what was assumed of it, and below it, proved true. */
  #solve(
    goal: Goal,
    object: SubjectSymbol,
    relation: RelationPlan,
    mode: Mode,
    depth: number,
  ): Membership {
    const run = this.#run;
    const lowestAbove = this.#lowest;
    const provisionalAbove = this.#provisional.length;
    const raisedAbove = this.#raised;
    const cutsAbove = this.#cuts;
    if (goal.state === "cut") goal.value = notMember;
    goal.depth = depth;
    for (;;) {
      this.#evaluateGoal(goal, object, relation, mode, depth);
      if (goal.value === member) {
        // A proof rests on no assumption of absence; what was left half-done below it does.
        this.#reopen(provisionalAbove, "closed");
        goal.state = "final";
        this.#raised = raisedAbove;
        this.#lowest = lowestAbove;
        return this.#recall(goal);
      }
      if (this.#lowest < depth) {
        goal.state = "provisional";
        goal.lowest = this.#lowest;
        this.#lower(provisionalAbove, this.#lowest);
        this.#provisional.push(goal);
        this.#lowest = Math.min(this.#lowest, lowestAbove);
        return this.#recall(goal);
      }
      if (this.#raised === raisedAbove || run.isExhausted) break;
      this.#raised = raisedAbove;
      this.#reopen(provisionalAbove, "closed");
    }
    if (this.#cuts === cutsAbove) {
      goal.state = "final";
      this.#settle(provisionalAbove);
    } else {
      goal.state = isCertain(goal.value) ? "final" : "cut";
      this.#reopen(provisionalAbove, "cut");
    }
    this.#lowest = lowestAbove;
    return this.#recall(goal);
  }

  #evaluateGoal(
    goal: Goal,
    object: SubjectSymbol,
    relation: RelationPlan,
    mode: Mode,
    depth: number,
  ): void {
    const run = this.#run;
    goal.state = "open";
    goal.assumed = false;
    this.#lowest = Number.POSITIVE_INFINITY;
    const mark = run.names.length;
    const value = this.#evaluator.evaluate(relation.rewrite, object, relation, mode, depth);
    const names = value === needs ? sortNames(run.names.slice(mark)) : noNames;
    run.cutNames(mark);
    const rose = value !== goal.value || names.length !== goal.names.length;
    if (rose && goal.assumed) this.#raised += 1;
    goal.value = value;
    goal.names = names;
    goal.untilMs = run.untilMs;
    goal.problem = run.problem;
  }

  #settle(from: number): void {
    for (const goal of this.#takeProvisional(from)) goal.state = "final";
  }

  /**
   * What rested on a goal that is now provisional rests on what that one rests on: its depth on the
   * path will be another goal's.
   */
  #lower(from: number, lowest: number): void {
    for (let index = from; index < this.#provisional.length; index += 1) {
      const goal = this.#provisional[index];
      if (goal !== undefined) goal.lowest = Math.min(goal.lowest, lowest);
    }
  }

  /** Their values stay as lower bounds; they are evaluated again when asked. */
  #reopen(from: number, state: "closed" | "cut"): void {
    for (const goal of this.#takeProvisional(from)) {
      if (goal.state === "provisional") goal.state = state;
    }
  }

  #takeProvisional(from: number): readonly Goal[] {
    // Mostly there are none, and a splice makes an array of them.
    return this.#provisional.length === from ? noGoals : this.#provisional.splice(from);
  }

  #recall(goal: Goal): Membership {
    this.#run.untilMs = goal.untilMs;
    this.#run.problem ??= goal.problem;
    for (const name of goal.names) this.#run.names.push(name);
    return goal.value;
  }
}

/**
 * `open`: on the path. `provisional`: rests on an open goal. `final`: known.
 * `closed`: a lower bound, to be evaluated again. `cut`: so at its depth only.
 */
interface Goal {
  state: "closed" | "open" | "provisional" | "final" | "cut";
  value: Membership;
  untilMs: number;
  names: readonly string[];
  problem: Problem | undefined;
  depth: number;
  /** True once it was met below itself in this pass. */
  assumed: boolean;
  lowest: number;
  /** Subtractions on the path to it, while it is open. */
  negations: number;
}

const noNames: readonly string[] = [];
const noGoals: readonly Goal[] = [];

function newGoal(): Goal {
  return {
    state: "closed",
    value: notMember,
    untilMs: Number.POSITIVE_INFINITY,
    names: noNames,
    problem: undefined,
    depth: 0,
    assumed: false,
    lowest: 0,
    negations: 0,
  };
}
