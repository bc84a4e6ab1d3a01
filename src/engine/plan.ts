import assert from "node:assert/strict";
import type { Name } from "../core/object.ts";
import type { NameNumber, SubjectKind, Symbols } from "../core/symbols.ts";
import type {
  AuthorizationModel,
  RelationDefinition,
  Restriction,
  Rewrite,
} from "../model/authorization-model.ts";
import { RequiredPermissions } from "./required-permissions.ts";
import { bindContract, type Contract } from "./contract.ts";

/** A model bound to a graph's numbers, made once a model and graph. Immutable. */
export interface Plan {
  readonly model: AuthorizationModel;
  /** Every relation, by `index`. */
  readonly relations: readonly RelationPlan[];
  /** By type number, then relation number; holes where the model defines none. */
  readonly byType: readonly (readonly (RelationPlan | undefined)[] | undefined)[];
  /** Numbers of the names that the model has. */
  readonly numbers: ReadonlyMap<string, NameNumber>;
  /** Absent where the model has no delegations. */
  readonly contract: Contract | undefined;
  readonly permissions: RequiredPermissions;
}

export interface RelationPlan {
  /** Dense from 0 within the plan. */
  readonly index: number;
  readonly type: NameNumber;
  readonly relation: NameNumber;
  readonly typeName: Name;
  readonly relationName: Name;
  readonly restrictions: readonly RestrictionPlan[];
  readonly holdsWildcards: boolean;
  readonly holdsUsersets: boolean;
  readonly rewrite: RewritePlan;
  /**
   * True where nothing that the relation reaches has an intersection, an exclusion or a condition:
   * then its members are just what its tuples lead to.
   */
  readonly simple: boolean;
  /** As `simple`, conditions apart. */
  readonly monotone: boolean;
}

export interface RestrictionPlan {
  readonly kind: SubjectKind;
  readonly type: NameNumber;
  /** -1 unless a userset is allowed. */
  readonly relation: NameNumber | -1;
  /** Set where the tuple must carry this condition; else it must carry none. */
  readonly condition: Name | undefined;
}

export type RewritePlan =
  | { readonly kind: "this" }
  | { readonly kind: "computed_userset"; readonly relation: RelationPlan }
  | {
      readonly kind: "tuple_to_userset";
      readonly tupleset: RelationPlan;
      readonly relation: NameNumber;
    }
  | { readonly kind: "union"; readonly of: readonly RewritePlan[] }
  | { readonly kind: "intersection"; readonly of: readonly RewritePlan[] }
  | { readonly kind: "exclusion"; readonly base: RewritePlan; readonly subtract: RewritePlan };

/** Binds the names of a model to numbers. The model is believed to be checked. */
export function planModel(model: AuthorizationModel, symbols: Symbols): Plan {
  const numbers = new Map<string, NameNumber>();
  const drafts: Draft[] = [];
  const byType: (Draft | undefined)[][] = [];
  for (const [typeName, type] of model.types) {
    const typeNumber = symbols.internName(typeName);
    numbers.set(typeName, typeNumber);
    const ofType: (Draft | undefined)[] = (byType[typeNumber] = []);
    for (const [relationName, definition] of type.relations) {
      const relation = symbols.internName(relationName);
      numbers.set(relationName, relation);
      const draft = draftRelation(
        drafts.length,
        typeNumber,
        relation,
        typeName,
        definition,
        symbols,
      );
      drafts.push(draft);
      ofType[relation] = draft;
    }
  }
  for (const draft of drafts) {
    const definition = model.types.get(draft.typeName)?.relations.get(draft.relationName);
    assert(definition !== undefined);
    draft.rewrite = planRewrite(definition.rewrite, byType[draft.type] ?? [], symbols);
  }
  markReach(drafts, byType, "simple");
  markReach(drafts, byType, "monotone");
  const contract = model.hasDelegations ? bindContract(symbols, byType) : undefined;
  const unbound = { model, relations: drafts, byType, numbers, contract };
  const permissions = new RequiredPermissions(
    (type, relation) => findRelation(unbound, type, relation),
    new Set(contract?.serverTypes.map((type) => symbols.nameOf(type))),
  );
  return { ...unbound, permissions };
}

/** The relation of a type, or `undefined` where the model has none. */
export function relationOf(
  plan: Pick<Plan, "byType">,
  type: NameNumber,
  relation: NameNumber,
): RelationPlan | undefined {
  return plan.byType[type]?.[relation];
}

/** The relation by name, or `undefined` where the model has none. */
export function findRelation(
  plan: Pick<Plan, "numbers" | "byType">,
  type: string,
  relation: string,
): RelationPlan | undefined {
  const typeNumber = plan.numbers.get(type);
  const relationNumber = plan.numbers.get(relation);
  if (typeNumber === undefined || relationNumber === undefined) return undefined;
  return relationOf(plan, typeNumber, relationNumber);
}

/**
 * Whether the model allows a subject of this form, with this condition, in the relation. Tuples that
 * an earlier model allowed and this one does not are as if they were not there.
 */
export function allows(
  relation: RelationPlan,
  kind: SubjectKind,
  type: NameNumber,
  usersetRelation: NameNumber | -1,
  condition: Name | undefined,
): boolean {
  for (const restriction of relation.restrictions) {
    if (
      restriction.type === type &&
      restriction.kind === kind &&
      restriction.relation === usersetRelation &&
      restriction.condition === condition
    ) {
      return true;
    }
  }
  return false;
}

/** A relation whose rewrite is still to come: rewrites refer to relations in cycles. */
interface Draft {
  readonly index: number;
  readonly type: NameNumber;
  readonly relation: NameNumber;
  readonly typeName: Name;
  readonly relationName: Name;
  readonly restrictions: readonly RestrictionPlan[];
  readonly holdsWildcards: boolean;
  readonly holdsUsersets: boolean;
  rewrite: RewritePlan;
  simple: boolean;
  monotone: boolean;
}

function draftRelation(
  index: number,
  type: NameNumber,
  relation: NameNumber,
  typeName: Name,
  definition: RelationDefinition,
  symbols: Symbols,
): Draft {
  const restrictions = definition.restrictions.map((restriction) =>
    planRestriction(restriction, symbols),
  );
  return {
    index,
    type,
    relation,
    typeName,
    relationName: definition.name,
    restrictions,
    holdsWildcards: restrictions.some(({ kind }) => kind === "wildcard"),
    holdsUsersets: restrictions.some(({ kind }) => kind === "userset"),
    rewrite: { kind: "this" },
    simple: true,
    monotone: true,
  };
}

function planRestriction(restriction: Restriction, symbols: Symbols): RestrictionPlan {
  return {
    kind: restriction.form,
    type: symbols.internName(restriction.type),
    relation: restriction.relation === undefined ? -1 : symbols.internName(restriction.relation),
    condition: restriction.condition,
  };
}

function planRewrite(
  rewrite: Rewrite,
  ofType: readonly (RelationPlan | undefined)[],
  symbols: Symbols,
): RewritePlan {
  switch (rewrite.kind) {
    case "this":
      return { kind: "this" };
    case "computed_userset":
      return { kind: "computed_userset", relation: sibling(rewrite.relation) };
    case "tuple_to_userset":
      return {
        kind: "tuple_to_userset",
        tupleset: sibling(rewrite.tupleset),
        relation: symbols.internName(rewrite.relation),
      };
    case "union":
    case "intersection":
      return {
        kind: rewrite.kind,
        of: rewrite.of.map((operand) => planRewrite(operand, ofType, symbols)),
      };
    case "exclusion":
      return {
        kind: "exclusion",
        base: planRewrite(rewrite.base, ofType, symbols),
        subtract: planRewrite(rewrite.subtract, ofType, symbols),
      };
  }

  function sibling(name: Name): RelationPlan {
    const found = ofType[symbols.internName(name)];
    assert(found !== undefined, `the model was not checked: no relation ${name}`);
    return found;
  }
}

/** Spreads "not simple", or "not monotone", backwards along what relations reach. */
function markReach(
  drafts: readonly Draft[],
  byType: Plan["byType"],
  property: "simple" | "monotone",
): void {
  const reachedFrom: number[][] = drafts.map(() => []);
  const open: Draft[] = [];
  for (const draft of drafts) {
    const reached: RelationPlan[] = [];
    const found = collectReached(draft.rewrite, draft, byType, reached);
    for (const { index } of reached) reachedFrom[index]?.push(draft.index);
    if (found[property]) continue;
    draft[property] = false;
    open.push(draft);
  }
  for (let draft = open.pop(); draft !== undefined; draft = open.pop()) {
    for (const index of reachedFrom[draft.index] ?? []) {
      const reacher = drafts[index];
      if (reacher === undefined || !reacher[property]) continue;
      reacher[property] = false;
      open.push(reacher);
    }
  }
}

/** Adds the relations that a rewrite asks, and tells what the rewrite itself is. */
function collectReached(
  rewrite: RewritePlan,
  owner: RelationPlan,
  byType: Plan["byType"],
  reached: RelationPlan[],
): Pick<RelationPlan, "simple" | "monotone"> {
  switch (rewrite.kind) {
    case "this":
      for (const { type, relation } of owner.restrictions) {
        const target = relation === -1 ? undefined : byType[type]?.[relation];
        if (target !== undefined) reached.push(target);
      }
      return { simple: isUnconditional(owner), monotone: true };
    case "computed_userset":
      reached.push(rewrite.relation);
      return { simple: true, monotone: true };
    case "tuple_to_userset":
      for (const { type } of rewrite.tupleset.restrictions) {
        const target = byType[type]?.[rewrite.relation];
        if (target !== undefined) reached.push(target);
      }
      return { simple: isUnconditional(rewrite.tupleset), monotone: true };
    case "union": {
      const all = rewrite.of.map((operand) => collectReached(operand, owner, byType, reached));
      return {
        simple: all.every(({ simple }) => simple),
        monotone: all.every(({ monotone }) => monotone),
      };
    }
    case "intersection":
      for (const operand of rewrite.of) collectReached(operand, owner, byType, reached);
      return { simple: false, monotone: false };
    case "exclusion":
      collectReached(rewrite.base, owner, byType, reached);
      collectReached(rewrite.subtract, owner, byType, reached);
      return { simple: false, monotone: false };
  }
}

function isUnconditional({ restrictions }: RelationPlan): boolean {
  return restrictions.every(({ condition }) => condition === undefined);
}
