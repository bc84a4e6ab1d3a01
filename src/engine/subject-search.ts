import type { SubjectSymbol } from "../core/symbols.ts";
import { notMember, taking } from "./membership.ts";
import { relationOf, type RelationPlan, type RewritePlan } from "./plan.ts";
import type { Run } from "./run.ts";

/**
 * The subjects that any tuple below object#relation names, and the usersets that lie on the way, what
 * is subtracted included: whoever is not among them is treated as everyone of the type is. In no
 * order. Fails by the run's problem where there are more than `candidatesMax`.
 */
export function candidateSubjects(
  run: Run,
  object: SubjectSymbol,
  relation: RelationPlan,
): ReadonlySet<SubjectSymbol> {
  const search = new SubjectSearch(run);
  search.walk(object, relation);
  return search.found;
}

class SubjectSearch {
  readonly found = new Set<SubjectSymbol>();
  readonly #run: Run;
  readonly #goals = new Set<number>();
  readonly #open: { readonly object: SubjectSymbol; readonly relation: RelationPlan }[] = [];
  #tuples = 0;

  constructor(run: Run) {
    this.#run = run;
  }

  walk(object: SubjectSymbol, relation: RelationPlan): void {
    this.#reach(object, relation);
    for (let goal = this.#open.pop(); goal !== undefined; goal = this.#open.pop()) {
      this.#apply(goal.relation.rewrite, goal.object, goal.relation);
    }
  }

  #reach(object: SubjectSymbol, relation: RelationPlan): void {
    const { scope, plan } = this.#run;
    const key = object * plan.relations.length + relation.index;
    if (this.#goals.has(key)) return;
    this.#goals.add(key);
    this.found.add(scope.userset(object, relation.relation));
    this.#open.push({ object, relation });
  }

  #apply(rewrite: RewritePlan, object: SubjectSymbol, relation: RelationPlan): void {
    const { scope, plan } = this.#run;
    switch (rewrite.kind) {
      case "this":
        this.#eachSubject(object, relation, (subject) => {
          this.found.add(subject);
          const name = scope.relationOf(subject);
          const held = name === -1 ? undefined : relationOf(plan, scope.typeOf(subject), name);
          if (held !== undefined) this.#reach(scope.objectOf(subject), held);
        });
        return;
      case "computed_userset":
        this.#reach(object, rewrite.relation);
        return;
      case "tuple_to_userset":
        this.#eachSubject(object, rewrite.tupleset, (target) => {
          const read = relationOf(plan, scope.typeOf(target), rewrite.relation);
          if (read !== undefined && scope.kindOf(target) === "object") this.#reach(target, read);
        });
        return;
      case "union":
      case "intersection":
        for (const operand of rewrite.of) this.#apply(operand, object, relation);
        return;
      case "exclusion":
        this.#apply(rewrite.base, object, relation);
        this.#apply(rewrite.subtract, object, relation);
        return;
    }
  }

  #eachSubject(
    object: SubjectSymbol,
    relation: RelationPlan,
    take: (subject: SubjectSymbol) => void,
  ): void {
    const run = this.#run;
    const page = run.scope.forward(object, relation.relation);
    if (page === undefined) return;
    if (!page.complete) {
      run.fail(
        "budget_exceeded",
        `\`${relation.typeName}#${relation.relationName}\` of one object has too many tuples to be listed`,
      );
      return;
    }
    for (let position = 0; position < page.count; position += 1) {
      this.#tuples += 1;
      if (this.#tuples > run.limits.candidatesMax) {
        run.fail(
          "budget_exceeded",
          `more than ${run.limits.candidatesMax} tuples could lead to the list`,
        );
        return;
      }
      const subject = page.subjectAt(position);
      const condition = page.conditionAt(position);
      const expiresAtMs = page.expiresAtMsAt(position);
      const held = run.hold(relation, subject, condition, expiresAtMs, taking, undefined);
      if (held !== notMember) take(subject);
    }
  }
}
