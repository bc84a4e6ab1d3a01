import type { JsonObject } from "../core/json.ts";
import type { Name, ObjectRef } from "../core/object.ts";
import type { Subject } from "../core/subject.ts";
import type { SubjectSymbol } from "../core/symbols.ts";
import type { RelationTuple, StoredCondition } from "../core/tuple.ts";
import type { Evaluated, SubjectPage } from "./graph.ts";
import type { EngineLimits } from "./limits.ts";
import { granting, modeCount, notMember, subtracted, type Mode } from "./membership.ts";
import { findRelation, relationOf, type RelationPlan, type RewritePlan } from "./plan.ts";
import { Run } from "./run.ts";
import { unknownRelation } from "./unknown-relation.ts";
import type { EngineError, View } from "./view.ts";

/** Zanzibar's question: of what is this userset made? */
export interface ExpandQuery {
  readonly object: ObjectRef;
  readonly relation: Name;
  /** Levels of usersets that are followed, at least 1: with 1 only the relation itself is taken apart. */
  readonly depth: number;
  /** Tuples are shown with their conditions, whether true or not. */
  readonly context: JsonObject;
  readonly contextualTuples: readonly RelationTuple[];
}

export type ExpandAnswer = { readonly kind: "tree"; readonly tree: UsersetTree } | EngineError;

/** One userset, taken apart unless it lies below the depth, or in itself. */
export interface UsersetTree {
  readonly object: ObjectRef;
  readonly relation: Name;
  readonly node?: ExpandNode;
}

export type ExpandNode =
  | { readonly kind: "leaf"; readonly subjects: readonly ExpandedSubject[] }
  | { readonly kind: "computed_userset"; readonly of: UsersetTree }
  | {
      readonly kind: "tuple_to_userset";
      readonly tupleset: Name;
      readonly of: readonly UsersetTree[];
    }
  | { readonly kind: "union" | "intersection"; readonly of: readonly ExpandNode[] }
  | { readonly kind: "exclusion"; readonly base: ExpandNode; readonly subtract: ExpandNode };

/** The subject of one live tuple. */
export interface ExpandedSubject {
  readonly subject: Subject;
  readonly condition?: StoredCondition;
  readonly expiresAtMs?: number;
  /** Set where the subject is a userset. */
  readonly userset?: UsersetTree;
}

/** The tree of live tuples in canonical order. Too large a tree is an error: nothing is cut off silently. */
export function expand(
  view: View,
  query: ExpandQuery,
  limits: EngineLimits,
): Evaluated<ExpandAnswer> {
  const relation = findRelation(view.plan, query.object.type, query.relation);
  if (relation === undefined) {
    const { object, relation: name } = query;
    return { kind: "decided", value: unknownRelation(view.plan, object.type, name) };
  }
  const run = new Run(view, limits, query.contextualTuples);
  const depth = Math.min(query.depth, limits.depthMax);
  const expander = new Expander(run);
  const tree = expander.userset(run.scope.object(query.object), relation, granting, depth);
  return run.finish(run.problem === undefined ? { kind: "tree", tree } : run.error());
}

class Expander {
  readonly #run: Run;
  /** Usersets above the one in hand. */
  readonly #path = new Set<number>();
  #nodes = 0;

  constructor(run: Run) {
    this.#run = run;
  }

  userset(object: SubjectSymbol, relation: RelationPlan, mode: Mode, depth: number): UsersetTree {
    const { scope, plan } = this.#run;
    const tree = { object: scope.refOf(object), relation: relation.relationName };
    const key = (object * plan.relations.length + relation.index) * modeCount + mode;
    if (depth === 0 || this.#path.has(key) || !this.#count()) return tree;
    this.#path.add(key);
    const node = this.#apply(relation.rewrite, object, relation, mode, depth);
    this.#path.delete(key);
    return { ...tree, node };
  }

  #apply(
    rewrite: RewritePlan,
    object: SubjectSymbol,
    relation: RelationPlan,
    mode: Mode,
    depth: number,
  ): ExpandNode {
    switch (rewrite.kind) {
      case "this":
        return { kind: "leaf", subjects: this.#subjects(object, relation, mode, depth) };
      case "computed_userset":
        return { kind: rewrite.kind, of: this.userset(object, rewrite.relation, mode, depth - 1) };
      case "tuple_to_userset":
        return {
          kind: rewrite.kind,
          tupleset: rewrite.tupleset.relationName,
          of: this.#through(object, rewrite, mode, depth),
        };
      case "union":
      case "intersection":
        return {
          kind: rewrite.kind,
          of: rewrite.of.map((operand) => this.#apply(operand, object, relation, mode, depth)),
        };
      case "exclusion":
        return {
          kind: rewrite.kind,
          base: this.#apply(rewrite.base, object, relation, mode, depth),
          subtract: this.#apply(rewrite.subtract, object, relation, subtracted(mode), depth),
        };
    }
  }

  #subjects(
    object: SubjectSymbol,
    relation: RelationPlan,
    mode: Mode,
    depth: number,
  ): readonly ExpandedSubject[] {
    const { scope, plan } = this.#run;
    const subjects: ExpandedSubject[] = [];
    this.#eachTuple(object, relation, mode, (page, position) => {
      const symbol = page.subjectAt(position);
      const condition = page.conditionAt(position);
      const expiresAtMs = page.expiresAtMsAt(position);
      const name = scope.relationOf(symbol);
      const target = name === -1 ? undefined : relationOf(plan, scope.typeOf(symbol), name);
      subjects.push({
        subject: scope.subjectOf(symbol),
        ...(condition === undefined ? {} : { condition }),
        ...(expiresAtMs === Number.POSITIVE_INFINITY ? {} : { expiresAtMs }),
        ...(target === undefined
          ? {}
          : { userset: this.userset(scope.objectOf(symbol), target, mode, depth - 1) }),
      });
    });
    return subjects;
  }

  #through(
    object: SubjectSymbol,
    rewrite: Extract<RewritePlan, { readonly kind: "tuple_to_userset" }>,
    mode: Mode,
    depth: number,
  ): readonly UsersetTree[] {
    const { scope, plan } = this.#run;
    const trees: UsersetTree[] = [];
    this.#eachTuple(object, rewrite.tupleset, mode, (page, position) => {
      const target = page.subjectAt(position);
      if (scope.kindOf(target) !== "object") return;
      const relation = relationOf(plan, scope.typeOf(target), rewrite.relation);
      if (relation !== undefined) trees.push(this.userset(target, relation, mode, depth - 1));
    });
    return trees;
  }

  #eachTuple(
    object: SubjectSymbol,
    relation: RelationPlan,
    mode: Mode,
    take: (page: SubjectPage, position: number) => void,
  ): void {
    const run = this.#run;
    const page = run.scope.forward(object, relation.relation);
    if (page === undefined) return;
    if (!page.complete) {
      run.fail(
        "budget_exceeded",
        `\`${relation.relationName}\` of one object is too large to expand`,
      );
      return;
    }
    for (let position = 0; position < page.count; position += 1) {
      const held = run.hold(
        relation,
        page.subjectAt(position),
        page.conditionAt(position),
        page.expiresAtMsAt(position),
        mode,
        undefined,
      );
      if (held === notMember) continue;
      if (!this.#count()) return;
      take(page, position);
    }
  }

  #count(): boolean {
    this.#nodes += 1;
    if (this.#nodes <= this.#run.limits.expandNodesMax) return true;
    const { expandNodesMax } = this.#run.limits;
    this.#run.fail(
      "budget_exceeded",
      `the tree has more than ${expandNodesMax} subjects and usersets`,
    );
    return false;
  }
}
