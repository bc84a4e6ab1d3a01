import { compareBytes } from "./byte-order.ts";
import { formatObject, type Name, type ObjectRef } from "./object.ts";
import { formatSubject, type Subject } from "./subject.ts";
import type { RelationTuple } from "./tuple.ts";

/**
 * A unit of the graph that is loaded, held and dropped as one.
 * - `forward`: all tuples of object#relation.
 * - `point`: the one tuple object#relation@subject, where the forward page is too large to hold.
 * - `object`: all tuples of an object, every relation of it.
 * - `reverse`: all tuples relation@subject on objects of a type.
 * - `pair`: the delegations with this principal and this delegate.
 */
export type PageKey =
  | { readonly kind: "forward"; readonly object: ObjectRef; readonly relation: Name }
  | {
      readonly kind: "point";
      readonly object: ObjectRef;
      readonly relation: Name;
      readonly subject: Subject;
    }
  | { readonly kind: "object"; readonly object: ObjectRef }
  | {
      readonly kind: "reverse";
      readonly subject: Subject;
      readonly type: Name;
      readonly relation: Name;
    }
  | { readonly kind: "pair"; readonly principal: ObjectRef; readonly delegate: ObjectRef };

/** A page as it was read at one revision. Having no tuples is knowledge too. */
export interface LoadedPage {
  readonly key: PageKey;
  /**
   * In canonical order, expired ones included. Of a `pair` page: the `principal` tuples of its
   * delegations. Tuples that the active model does not allow are included; the engine ignores them.
   */
  readonly tuples: readonly RelationTuple[];
  /**
   * Relations of which only usersets, wildcards and tuples with a condition were read, because there
   * are more than `pageTuplesMax`: direct members are asked for by `point` pages.
   * `reverse` and `pair` pages are always whole.
   */
  readonly partialRelations: readonly Name[];
}

/**
 * Takes the next tuples of a page that is too large to be handled in one tick of the event loop. They
 * come in canonical order; the loaded page then has those that are left.
 */
export type TakePart = (key: PageKey, tuples: readonly RelationTuple[]) => void;

/** A relation with more tuples than this is held in part. */
export const pageTuplesMax = 10_000;

/** The canonical text of a key: equal if and only if the keys are. */
export function formatPageKey(key: PageKey): string {
  switch (key.kind) {
    case "forward":
      return `forward ${formatObject(key.object)}#${key.relation}`;
    case "point":
      return `point ${formatObject(key.object)}#${key.relation}@${formatSubject(key.subject)}`;
    case "object":
      return `object ${formatObject(key.object)}`;
    case "reverse":
      return `reverse ${formatSubject(key.subject)} ${key.type}#${key.relation}`;
    case "pair":
      return `pair ${formatObject(key.principal)} ${formatObject(key.delegate)}`;
  }
}

/** Keys once each, in canonical order. */
export function sortPageKeys(keys: Iterable<PageKey>): PageKey[] {
  const unique = new Map<string, PageKey>();
  for (const key of keys) unique.set(formatPageKey(key), key);
  return [...unique].toSorted(([left], [right]) => compareBytes(left, right)).map(([, key]) => key);
}
