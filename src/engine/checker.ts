import type { JsonObject } from "../core/json.ts";
import { formatSubject } from "../core/subject.ts";
import type { NameNumber, SubjectKind, SubjectSymbol } from "../core/symbols.ts";
import { Goals, type GoalEvaluator } from "./goals.ts";
import type { SubjectPage } from "./graph.ts";
import {
  granting,
  intersection,
  isCertain,
  complement,
  member,
  needs,
  notMember,
  subtracted,
  union,
  unknown,
  type Membership,
  type Mode,
} from "./membership.ts";
import { relationOf, type RelationPlan, type RewritePlan } from "./plan.ts";
import type { Run } from "./run.ts";

/**
 * Decides memberships of one subject under one context. Operands are taken in canonical order: the
 * rewrite's own; within `this` the direct tuple, the wildcard, then usersets as the page has them.
 *
 * Registers after each call: `run.untilMs`, `run.names`, `run.problem`.
 */
export class Checker implements GoalEvaluator {
  readonly #run: Run;
  readonly #subject: SubjectSymbol;
  readonly #kind: SubjectKind;
  /** Looked up when first asked for: most relations hold none. */
  #wildcard: SubjectSymbol | undefined;
  /** Set where the subject is a userset. */
  readonly #self: { readonly object: SubjectSymbol; readonly relation: NameNumber } | undefined;
  /** `undefined`: no condition is judged, what hangs on one is `needs`. */
  readonly #context: JsonObject | undefined;

  #goals: Goals | undefined;
  /** Subtractions on the path to what is judged. */
  #negations = 0;

  constructor(run: Run, subject: SubjectSymbol, context: JsonObject | undefined) {
    const { scope } = run;
    this.#run = run;
    this.#subject = subject;
    this.#context = context;
    this.#kind = scope.kindOf(subject);
    const relation = scope.relationOf(subject);
    this.#self = relation === -1 ? undefined : { object: scope.objectOf(subject), relation };
  }

  /** Whether the subject has the relation to the object. */
  check(object: SubjectSymbol, relation: RelationPlan, mode: Mode): Membership {
    return this.#visit(object, relation, mode, 0);
  }

  #visit(object: SubjectSymbol, relation: RelationPlan, mode: Mode, depth: number): Membership {
    const run = this.#run;
    if (run.trace === undefined) return this.#decide(object, relation, mode, depth);
    const { scope } = run;
    const label = formatSubject({
      kind: "userset",
      object: scope.refOf(object),
      relation: relation.relationName,
    });
    run.trace.open(`${label}@${formatSubject(scope.subjectOf(this.#subject))}`);
    const value = this.#decide(object, relation, mode, depth);
    run.trace.close(value);
    return value;
  }

  #decide(object: SubjectSymbol, relation: RelationPlan, mode: Mode, depth: number): Membership {
    const run = this.#run;
    run.untilMs = Number.POSITIVE_INFINITY;
    // A userset has itself: document:1#viewer@document:1#viewer is true whatever is stored.
    if (
      this.#self !== undefined &&
      this.#self.object === object &&
      this.#self.relation === relation.relation
    ) {
      return member;
    }
    if (!run.spend()) return unknown;
    if (depth >= run.limits.depthMax) {
      this.#goals?.noteCut();
      return run.fail("budget_exceeded", `a path is longer than ${run.limits.depthMax} usersets`);
    }
    if (relation.rewrite.kind === "this") {
      const page = run.scope.forward(object, relation.relation);
      if (page === undefined) return unknown;
      // Without usersets nothing is asked again below: no goal is kept.
      if (page.usersets.length === 0) {
        const mark = run.names.length;
        const value = this.#direct(object, relation, page, mode);
        if (value !== needs) run.cutNames(mark);
        return value;
      }
    }
    this.#goals ??= new Goals(run, this);
    return this.#goals.decide(object, relation, mode, depth, this.#negations);
  }

  /** Cuts `names` and `problem` to those of a result that hangs on them. */
  evaluate(
    rewrite: RewritePlan,
    object: SubjectSymbol,
    relation: RelationPlan,
    mode: Mode,
    depth: number,
  ): Membership {
    const run = this.#run;
    const mark = run.names.length;
    const { problem } = run;
    const value = this.#apply(rewrite, object, relation, mode, depth);
    if (value !== needs) run.cutNames(mark);
    if (isCertain(value)) run.problem = problem;
    return value;
  }

  #apply(
    rewrite: RewritePlan,
    object: SubjectSymbol,
    relation: RelationPlan,
    mode: Mode,
    depth: number,
  ): Membership {
    switch (rewrite.kind) {
      case "this":
        return this.#stored(object, relation, mode, depth);
      case "computed_userset":
        return this.#visit(object, rewrite.relation, mode, depth + 1);
      case "tuple_to_userset":
        return this.#throughTupleset(object, rewrite.tupleset, rewrite.relation, mode, depth);
      case "union":
        return this.#any(rewrite.of, object, relation, mode, depth);
      case "intersection":
        return this.#all(rewrite.of, object, relation, mode, depth);
      case "exclusion": {
        const run = this.#run;
        const base = this.evaluate(rewrite.base, object, relation, mode, depth);
        if (base === notMember) return notMember;
        const { untilMs } = run;
        const { subtract } = rewrite;
        this.#negations += 1;
        const out = this.evaluate(subtract, object, relation, subtracted(mode), depth);
        this.#negations -= 1;
        run.untilMs = Math.min(run.untilMs, untilMs);
        return intersection(base, complement(out));
      }
    }
  }

  #any(
    operands: readonly RewritePlan[],
    object: SubjectSymbol,
    relation: RelationPlan,
    mode: Mode,
    depth: number,
  ): Membership {
    const run = this.#run;
    let result = notMember;
    let untilMs = Number.POSITIVE_INFINITY;
    for (const operand of operands) {
      const value = this.evaluate(operand, object, relation, mode, depth);
      untilMs = sooner(untilMs, run.untilMs, value, mode);
      result = union(result, value);
      if (result === member) break;
    }
    run.untilMs = untilMs;
    return result;
  }

  #all(
    operands: readonly RewritePlan[],
    object: SubjectSymbol,
    relation: RelationPlan,
    mode: Mode,
    depth: number,
  ): Membership {
    const run = this.#run;
    let result = member;
    let untilMs = Number.POSITIVE_INFINITY;
    for (const operand of operands) {
      const value = this.evaluate(operand, object, relation, mode, depth);
      untilMs = Math.min(untilMs, run.untilMs);
      result = intersection(result, value);
      if (result === notMember) break;
    }
    run.untilMs = untilMs;
    return result;
  }

  /** What the tuples of object#relation say, usersets included. */
  #stored(object: SubjectSymbol, relation: RelationPlan, mode: Mode, depth: number): Membership {
    const run = this.#run;
    const { scope } = run;
    const page = scope.forward(object, relation.relation);
    if (page === undefined) return unknown;
    let result = this.#direct(object, relation, page, mode);
    if (result === member) return member;
    let untilMs = run.untilMs;
    for (const position of page.usersets) {
      if (!run.spend()) return unknown;
      const userset = page.subjectAt(position);
      const target = scope.objectOf(userset);
      const name = scope.relationOf(userset);
      const plan = name === -1 ? undefined : relationOf(run.plan, scope.typeOf(target), name);
      if (plan === undefined) continue;
      const value = this.#follow(object, page, position, relation, target, plan, mode, depth);
      untilMs = sooner(untilMs, run.untilMs, value, mode);
      result = union(result, value);
      if (result === member) break;
    }
    run.untilMs = untilMs;
    return result;
  }

  /** The tuples that name the subject itself, or everyone of its type. */
  #direct(
    object: SubjectSymbol,
    relation: RelationPlan,
    page: SubjectPage,
    mode: Mode,
  ): Membership {
    const run = this.#run;
    run.untilMs = Number.POSITIVE_INFINITY;
    let result = notMember;
    const position = run.scope.positionIn(page, this.#subject);
    if (position >= 0) {
      result = this.#hold(object, relation, page, position, mode);
    } else if (!page.complete && this.#kind === "object") {
      result = this.#point(object, relation, mode);
    }
    if (result === member || !relation.holdsWildcards || this.#kind !== "object") return result;
    this.#wildcard ??= run.scope.wildcard(run.scope.typeOf(this.#subject));
    const wildcard = run.scope.positionIn(page, this.#wildcard);
    if (wildcard < 0) return result;
    const untilMs = run.untilMs;
    const value = this.#hold(object, relation, page, wildcard, mode);
    run.untilMs = sooner(untilMs, run.untilMs, value, mode);
    return union(result, value);
  }

  #point(object: SubjectSymbol, relation: RelationPlan, mode: Mode): Membership {
    const run = this.#run;
    const facts = run.scope.point(object, relation.relation, this.#subject);
    if (facts === undefined) return unknown;
    if (facts === "absent") return notMember;
    const { condition, expiresAtMs } = facts;
    return run.hold(relation, this.#subject, condition, expiresAtMs, mode, this.#context);
  }

  #throughTupleset(
    object: SubjectSymbol,
    tupleset: RelationPlan,
    name: NameNumber,
    mode: Mode,
    depth: number,
  ): Membership {
    const run = this.#run;
    const { scope } = run;
    const page = scope.forward(object, tupleset.relation);
    if (page === undefined) return unknown;
    if (!page.complete) {
      return run.fail(
        "budget_exceeded",
        `\`${tupleset.typeName}#${tupleset.relationName}\` of one object has too many tuples to be followed`,
      );
    }
    let result = notMember;
    let untilMs = Number.POSITIVE_INFINITY;
    for (let position = 0; position < page.count; position += 1) {
      if (!run.spend()) return unknown;
      const target = page.subjectAt(position);
      const plan = relationOf(run.plan, scope.typeOf(target), name);
      if (plan === undefined || scope.kindOf(target) !== "object") continue;
      const value = this.#follow(object, page, position, tupleset, target, plan, mode, depth);
      untilMs = sooner(untilMs, run.untilMs, value, mode);
      result = union(result, value);
      if (result === member) break;
    }
    run.untilMs = untilMs;
    return result;
  }

  /** The tuple must hold, and the subject must be in what it leads to. */
  #follow(
    object: SubjectSymbol,
    page: SubjectPage,
    position: number,
    via: RelationPlan,
    target: SubjectSymbol,
    plan: RelationPlan,
    mode: Mode,
    depth: number,
  ): Membership {
    const run = this.#run;
    const mark = run.names.length;
    const held = this.#hold(object, via, page, position, mode);
    if (held === notMember) return notMember;
    const untilMs = run.untilMs;
    const value = intersection(held, this.#visit(target, plan, mode, depth + 1));
    run.untilMs = Math.min(run.untilMs, untilMs);
    if (value !== needs) run.cutNames(mark);
    return value;
  }

  #hold(
    object: SubjectSymbol,
    relation: RelationPlan,
    page: SubjectPage,
    position: number,
    mode: Mode,
  ): Membership {
    const run = this.#run;
    const subject = page.subjectAt(position);
    const condition = page.conditionAt(position);
    const expiresAtMs = page.expiresAtMsAt(position);
    const value = run.hold(relation, subject, condition, expiresAtMs, mode, this.#context);
    if (run.trace !== undefined && value !== notMember) {
      const detail = condition === undefined ? undefined : `under condition \`${condition.name}\``;
      const named = run.scope.subjectOf(subject);
      run.trace.note(`tuple ${relation.relationName}@${formatSubject(named)}`, value, detail, {
        object: run.scope.refOf(object),
        relation: relation.relationName,
        subject: named,
        ...(condition === undefined ? {} : { condition }),
        ...(expiresAtMs === Number.POSITIVE_INFINITY ? {} : { expiresAtMs }),
      });
    }
    return value;
  }
}

/**
 * The time of a union of which one more operand is known: where it grants, that of the operand that
 * made it; below a subtraction, the earliest of all that was looked at.
 */
function sooner(unionMs: number, operandMs: number, operand: Membership, mode: Mode): number {
  if (mode === granting) return operand === member ? operandMs : Number.POSITIVE_INFINITY;
  return Math.min(unionMs, operandMs);
}
