import type { Name } from "../core/object.ts";
import type { Condition } from "./condition.ts";

/**
 * A checked authorization model: every name that a rewrite mentions exists, conditions compile, and
 * the contract of the type `delegation` holds where the model has it. Immutable.
 */
export interface AuthorizationModel {
  readonly schemaVersion: "1.1" | "1.2";
  readonly types: ReadonlyMap<Name, TypeDefinition>;
  readonly conditions: ReadonlyMap<Name, Condition>;
  /** True where the model defines the type `delegation`, so that delegated checks have a meaning. */
  readonly hasDelegations: boolean;
}

export interface TypeDefinition {
  readonly name: Name;
  readonly relations: ReadonlyMap<Name, RelationDefinition>;
}

export interface RelationDefinition {
  readonly name: Name;
  readonly rewrite: Rewrite;
  /** What may be stored in the relation; empty where the rewrite has no `this`. */
  readonly restrictions: readonly Restriction[];
}

/** One entry of `[user, group#member, user:*, user with condition]`. */
export interface Restriction {
  readonly type: Name;
  readonly form: "object" | "wildcard" | "userset";
  /** Set where the form is `userset`. */
  readonly relation?: Name;
  /** Set where only tuples with this condition are allowed; a tuple without one is not. */
  readonly condition?: Name;
}

/** How a relation's members are computed, in Zanzibar's words. */
export type Rewrite =
  | { readonly kind: "this" }
  | { readonly kind: "computed_userset"; readonly relation: Name }
  | { readonly kind: "tuple_to_userset"; readonly tupleset: Name; readonly relation: Name }
  | { readonly kind: "union"; readonly of: readonly Rewrite[] }
  | { readonly kind: "intersection"; readonly of: readonly Rewrite[] }
  | { readonly kind: "exclusion"; readonly base: Rewrite; readonly subtract: Rewrite };
