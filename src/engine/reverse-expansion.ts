import type { SubjectSymbol } from "../core/symbols.ts";
import type { ObjectPage } from "./graph.ts";
import { notMember, taking } from "./membership.ts";
import { relationOf, type Plan, type RelationPlan, type RewritePlan } from "./plan.ts";
import type { Run } from "./run.ts";

/**
 * The objects to which the subject could have the relation: all that tuples lead to against their
 * direction, whatever is intersected or subtracted, and whatever conditions say. A superset, in no
 * order. Fails by the run's problem where there are more than `candidatesMax`.
 */
export function candidateObjects(
  run: Run,
  subject: SubjectSymbol,
  target: RelationPlan,
): readonly SubjectSymbol[] {
  const expansion = new ReverseExpansion(run, target);
  expansion.start(subject);
  return [...expansion.found];
}

class ReverseExpansion {
  readonly found = new Set<SubjectSymbol>();
  readonly #run: Run;
  readonly #target: RelationPlan;
  readonly #arrows: Arrows;
  readonly #goals = new Set<number>();
  readonly #open: { readonly object: SubjectSymbol; readonly relation: RelationPlan }[] = [];
  #tuples = 0;

  constructor(run: Run, target: RelationPlan) {
    this.#run = run;
    this.#target = target;
    this.#arrows = arrowsTo(run.plan, target);
  }

  start(subject: SubjectSymbol): void {
    const { scope, plan } = this.#run;
    const type = scope.typeOf(subject);
    const kind = scope.kindOf(subject);
    for (const relation of this.#arrows.relations) {
      for (const restriction of relation.restrictions) {
        if (restriction.type !== type) continue;
        if (restriction.kind === kind) this.#against(subject, relation, relation);
        else if (restriction.kind === "wildcard" && kind === "object") {
          this.#against(scope.wildcard(type), relation, relation);
        }
      }
    }
    const name = scope.relationOf(subject);
    const itself = name === -1 ? undefined : relationOf(plan, type, name);
    if (itself !== undefined) this.#reach(scope.objectOf(subject), itself);
    for (let goal = this.#open.pop(); goal !== undefined; goal = this.#open.pop()) {
      this.#spread(goal.object, goal.relation);
    }
  }

  /** From members of object#relation to members of what is computed from it. */
  #spread(object: SubjectSymbol, relation: RelationPlan): void {
    const { scope } = this.#run;
    for (const computed of this.#arrows.computedFrom.get(relation.index) ?? []) {
      this.#reach(object, computed);
    }
    for (const holder of this.#arrows.heldBy.get(relation.index) ?? []) {
      this.#against(scope.userset(object, relation.relation), holder, holder);
    }
    for (const { tupleset, relation: through } of this.#arrows.readThrough.get(relation.index) ??
      []) {
      this.#against(object, tupleset, through);
    }
  }

  /** All objects with a live tuple tupleset@subject have the relation `reached`. */
  #against(subject: SubjectSymbol, tupleset: RelationPlan, reached: RelationPlan): void {
    const run = this.#run;
    const page = run.scope.reverse(subject, tupleset.type, tupleset.relation);
    if (page === undefined) return;
    for (let position = 0; position < page.count; position += 1) {
      this.#tuples += 1;
      if (this.#tuples > run.limits.candidatesMax) {
        run.fail(
          "budget_exceeded",
          `more than ${run.limits.candidatesMax} tuples could lead to the list`,
        );
        return;
      }
      if (this.#counts(page, position, subject, tupleset)) {
        this.#reach(page.objectAt(position), reached);
      }
    }
  }

  #counts(
    page: ObjectPage,
    position: number,
    subject: SubjectSymbol,
    tupleset: RelationPlan,
  ): boolean {
    const condition = page.conditionAt(position);
    const expiresAtMs = page.expiresAtMsAt(position);
    const held = this.#run.hold(tupleset, subject, condition, expiresAtMs, taking, undefined);
    return held !== notMember;
  }

  #reach(object: SubjectSymbol, relation: RelationPlan): void {
    const key = object * this.#run.plan.relations.length + relation.index;
    if (this.#goals.has(key)) return;
    this.#goals.add(key);
    if (relation === this.#target) this.found.add(object);
    this.#open.push({ object, relation });
  }
}

/** How members of one relation become members of another, of those that lead to the target. */
interface Arrows {
  readonly relations: readonly RelationPlan[];
  readonly computedFrom: ReadonlyMap<number, readonly RelationPlan[]>;
  /** Relations that may hold the relation as a userset. */
  readonly heldBy: ReadonlyMap<number, readonly RelationPlan[]>;
  readonly readThrough: ReadonlyMap<number, readonly Through[]>;
}

interface Through {
  readonly tupleset: RelationPlan;
  readonly relation: RelationPlan;
}

/** Walks from the target down its rewrites; what only subtracts leads nowhere. */
function arrowsTo(plan: Plan, target: RelationPlan): Arrows {
  const relations = new Set<RelationPlan>([target]);
  const computedFrom = new Map<number, RelationPlan[]>();
  const heldBy = new Map<number, RelationPlan[]>();
  const readThrough = new Map<number, Through[]>();
  // A set that grows while it is walked: every relation that is reached is walked once.
  for (const relation of relations) walk(relation.rewrite, relation);
  return { relations: [...relations].filter(holdsTuples), computedFrom, heldBy, readThrough };

  function walk(rewrite: RewritePlan, owner: RelationPlan): void {
    switch (rewrite.kind) {
      case "this":
        for (const { type, relation: name } of owner.restrictions) {
          const held = name === -1 ? undefined : relationOf(plan, type, name);
          if (held !== undefined) link(heldBy, held, owner);
        }
        return;
      case "computed_userset":
        link(computedFrom, rewrite.relation, owner);
        return;
      case "tuple_to_userset":
        for (const { type } of rewrite.tupleset.restrictions) {
          const read = relationOf(plan, type, rewrite.relation);
          if (read === undefined) continue;
          link(readThrough, read, { tupleset: rewrite.tupleset, relation: owner });
        }
        return;
      case "union":
      case "intersection":
        for (const operand of rewrite.of) walk(operand, owner);
        return;
      case "exclusion":
        walk(rewrite.base, owner);
        return;
    }
  }

  function link<Value>(map: Map<number, Value[]>, from: RelationPlan, to: Value): void {
    relations.add(from);
    const links = map.get(from.index);
    if (links === undefined) map.set(from.index, [to]);
    else if (!links.includes(to)) links.push(to);
  }
}

/** Whether the relation has a `this`, without which its restrictions are none. */
function holdsTuples({ restrictions }: RelationPlan): boolean {
  return restrictions.length > 0;
}
