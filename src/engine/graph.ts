import type { PageKey } from "../core/page.ts";
import type { NameNumber, SubjectSymbol, Symbols } from "../core/symbols.ts";
import type { StoredCondition } from "../core/tuple.ts";

/**
 * What the engine sees of a tenant's tuples: the pages that are in memory, all at one revision. A
 * page that is not there is `undefined`, which is "not known" and never "empty". Pages, and all that
 * they return, are good for one tick.
 */
export interface Graph {
  readonly symbols: Symbols;
  /** The tuples of object#relation. */
  forward(object: SubjectSymbol, relation: NameNumber): SubjectPage | undefined;
  /** The tuple object#relation@subject; `absent` is knowledge. For pages that are not complete. */
  point(
    object: SubjectSymbol,
    relation: NameNumber,
    subject: SubjectSymbol,
  ): TupleFacts | "absent" | undefined;
  /** The objects of a type to which the subject has the relation by a tuple. */
  reverse(subject: SubjectSymbol, type: NameNumber, relation: NameNumber): ObjectPage | undefined;
  /** The delegations with this principal and this delegate, in canonical order, expired ones included. */
  delegations(
    principal: SubjectSymbol,
    delegate: SubjectSymbol,
  ): readonly SubjectSymbol[] | undefined;
}

/** What a tuple says beside its key. */
export interface TupleFacts {
  readonly condition: StoredCondition | undefined;
  /** Milliseconds since 1970, `Infinity` where it does not expire. */
  readonly expiresAtMs: number;
}

/** The subjects of one forward page in canonical order, by position from 0. */
export interface SubjectPage {
  /** False where the page is too large: then it lists usersets, wildcards and conditions only. */
  readonly complete: boolean;
  readonly count: number;
  /** Positions of the usersets, ascending. */
  readonly usersets: readonly number[];
  /** Position of the tuple with this very subject, or -1. On an incomplete page -1 says nothing of objects. */
  indexOf(subject: SubjectSymbol): number;
  subjectAt(position: number): SubjectSymbol;
  conditionAt(position: number): StoredCondition | undefined;
  /** `Infinity` where the tuple does not expire. */
  expiresAtMsAt(position: number): number;
}

/** The objects of one reverse page in canonical order, by position from 0. Always whole. */
export interface ObjectPage {
  readonly count: number;
  objectAt(position: number): SubjectSymbol;
  conditionAt(position: number): StoredCondition | undefined;
  expiresAtMsAt(position: number): number;
}

/**
 * An evaluation either decides or says which pages it missed, having explored what it could. It is
 * then run again from the start on a graph that has them.
 */
export type Evaluated<Value> =
  | { readonly kind: "decided"; readonly value: Value }
  | { readonly kind: "missing"; readonly pages: readonly PageKey[] };
