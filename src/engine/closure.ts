import type { JsonObject } from "../core/json.ts";
import type { SubjectSymbol } from "../core/symbols.ts";
import { Checker } from "./checker.ts";
import type { SubjectPage } from "./graph.ts";
import { member, notMember, taking, type Membership, type Mode } from "./membership.ts";
import { NumberSet } from "./number-set.ts";
import { relationOf, type RelationPlan, type RewritePlan } from "./plan.ts";
import { sortNames, type Run } from "./run.ts";

/** The plain objects in object#relation, in the order in which they are met. */
export interface Closure {
  readonly elements: readonly ClosureElement[];
  /** False where a page is missing or a limit was met: there may be more. */
  readonly isWhole: boolean;
  /** True where nothing on the way expires or hangs on a rewrite: it is the same in every mode. */
  readonly isTimeless: boolean;
}

export interface ClosureElement {
  readonly object: SubjectSymbol;
  /** Never `notMember`. */
  readonly value: Membership;
  readonly untilMs: number;
  /** With `needs`. */
  readonly names: readonly string[];
}

/**
 * Enumerates what object#relation holds, as the contract's relations `within`, `requires` and
 * `server` are asked. A wildcard there cannot be enumerated: the closure is then not whole.
 */
export function closureOf(
  run: Run,
  object: SubjectSymbol,
  relation: RelationPlan,
  mode: Mode,
  context: JsonObject | undefined,
): Closure {
  // Of what is not simple, first everything that could be in it, then each of them asked.
  const expansion = new Expansion(run, relation.simple ? mode : taking);
  expansion.expand(object, relation, Number.POSITIVE_INFINITY, 0);
  const { elements, isWhole, isTimeless } = expansion;
  if (relation.simple) return { elements, isWhole, isTimeless };
  const verified = elements.flatMap(({ object: candidate }) => {
    const mark = run.names.length;
    const value = new Checker(run, candidate, context).check(object, relation, mode);
    const names = sortNames(run.names.slice(mark));
    run.cutNames(mark);
    return value === notMember ? [] : [{ object: candidate, value, untilMs: run.untilMs, names }];
  });
  return { elements: verified, isWhole, isTimeless: false };
}

const noNames: readonly string[] = [];

/** All objects that tuples lead to, whatever is intersected or subtracted, and whatever conditions say. */
class Expansion {
  readonly elements: ClosureElement[] = [];
  isWhole = true;
  isTimeless = true;
  readonly #run: Run;
  readonly #mode: Mode;
  readonly #seen = new NumberSet();
  readonly #goals = new NumberSet();

  constructor(run: Run, mode: Mode) {
    this.#run = run;
    this.#mode = mode;
  }

  expand(object: SubjectSymbol, relation: RelationPlan, untilMs: number, depth: number): void {
    const run = this.#run;
    const key = object * run.plan.relations.length + relation.index;
    if (!this.#goals.add(key)) return;
    if (depth >= run.limits.depthMax) {
      run.fail("budget_exceeded", `a path is longer than ${run.limits.depthMax} usersets`);
      this.isWhole = false;
      return;
    }
    this.#apply(relation.rewrite, object, relation, untilMs, depth);
  }

  #apply(
    rewrite: RewritePlan,
    object: SubjectSymbol,
    relation: RelationPlan,
    untilMs: number,
    depth: number,
  ): void {
    switch (rewrite.kind) {
      case "this":
        this.#stored(object, relation, untilMs, depth);
        return;
      case "computed_userset":
        this.expand(object, rewrite.relation, untilMs, depth + 1);
        return;
      case "tuple_to_userset":
        this.#throughTupleset(object, rewrite, untilMs, depth);
        return;
      case "union":
      case "intersection":
        for (const operand of rewrite.of) this.#apply(operand, object, relation, untilMs, depth);
        return;
      case "exclusion":
        this.#apply(rewrite.base, object, relation, untilMs, depth);
        return;
    }
  }

  #stored(object: SubjectSymbol, relation: RelationPlan, untilMs: number, depth: number): void {
    const run = this.#run;
    const { scope } = run;
    const page = this.#page(object, relation);
    if (page === undefined) return;
    for (let position = 0; position < page.count; position += 1) {
      if (!this.#holds(page, position, relation)) continue;
      const pathMs = Math.min(untilMs, run.untilMs);
      const subject = page.subjectAt(position);
      switch (scope.kindOf(subject)) {
        case "object":
          this.#add(subject, pathMs);
          break;
        case "wildcard":
          run.fail(
            "budget_exceeded",
            `\`${relation.typeName}#${relation.relationName}\` holds a wildcard, which cannot be enumerated`,
          );
          this.isWhole = false;
          break;
        case "userset":
          this.#follow(scope.objectOf(subject), scope.relationOf(subject), pathMs, depth);
          break;
      }
    }
  }

  #throughTupleset(
    object: SubjectSymbol,
    rewrite: Extract<RewritePlan, { readonly kind: "tuple_to_userset" }>,
    untilMs: number,
    depth: number,
  ): void {
    const run = this.#run;
    const page = this.#page(object, rewrite.tupleset);
    if (page === undefined) return;
    for (let position = 0; position < page.count; position += 1) {
      if (!this.#holds(page, position, rewrite.tupleset)) continue;
      const target = page.subjectAt(position);
      if (run.scope.kindOf(target) !== "object") continue;
      this.#follow(target, rewrite.relation, Math.min(untilMs, run.untilMs), depth);
    }
  }

  #follow(
    target: SubjectSymbol,
    name: RelationPlan["relation"] | -1,
    untilMs: number,
    depth: number,
  ): void {
    const { plan, scope } = this.#run;
    const relation = name === -1 ? undefined : relationOf(plan, scope.typeOf(target), name);
    if (relation !== undefined) this.expand(target, relation, untilMs, depth + 1);
  }

  #page(object: SubjectSymbol, relation: RelationPlan): SubjectPage | undefined {
    const run = this.#run;
    const page = run.scope.forward(object, relation.relation);
    if (page !== undefined && page.complete) return page;
    this.isWhole = false;
    if (page !== undefined) {
      run.fail(
        "budget_exceeded",
        `\`${relation.typeName}#${relation.relationName}\` of one object has too many tuples to be enumerated`,
      );
    }
    return undefined;
  }

  #holds(page: SubjectPage, position: number, relation: RelationPlan): boolean {
    const run = this.#run;
    if (!run.spend()) {
      this.isWhole = false;
      return false;
    }
    const expiresAtMs = page.expiresAtMsAt(position);
    if (expiresAtMs !== Number.POSITIVE_INFINITY) this.isTimeless = false;
    const subject = page.subjectAt(position);
    const condition = page.conditionAt(position);
    return run.hold(relation, subject, condition, expiresAtMs, this.#mode, undefined) !== notMember;
  }

  #add(object: SubjectSymbol, untilMs: number): void {
    if (!this.#seen.add(object)) return;
    this.elements.push({ object, value: member, untilMs, names: noNames });
  }
}
