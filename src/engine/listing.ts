import type { RelationTuple, TupleFilter } from "../core/tuple.ts";
import type { Evaluated } from "./graph.ts";
import type { EngineError, View } from "./view.ts";

/** One part of a list in canonical order; without `next` nothing is left. */
export interface Slice<Element> {
  readonly kind: "slice";
  /** Perhaps none, as long as candidates are searched for. */
  readonly elements: readonly Element[];
  /** The key after which the next slice begins. */
  readonly next?: string;
}

/** Stored tuples that no page of the graph lists: those of the filter that follow `after`. */
export interface TupleRange {
  readonly filter: TupleFilter;
  readonly after: RelationTuple | undefined;
}

/**
 * A list that is made slice by slice, each of little work, in ticks of their own, all at one revision
 * and model. Between slices it keeps texts alone, no symbol. A slice that misses pages leaves it as
 * it was, so that the evaluation can run again.
 */
export interface Listing<Element> {
  /** Where set, the next tuples of the range are to be supplied before the next slice. */
  readonly wanted: TupleRange | undefined;
  /** The first tuples of the wanted range, as of the list's revision; `isLast`: it has no more. */
  supply(tuples: readonly RelationTuple[], isLast: boolean): void;
  /** At most `limit` elements. */
  slice(view: View, limit: number): Evaluated<Slice<Element> | EngineError>;
  /** How many candidates and goals it keeps: its memory is some 100 bytes for each. */
  readonly weight: number;
}

/**
 * Slices within one evaluation, until there are `limit` elements or no more, for graphs that are small
 * or whole: `unsupplied` is the answer where tuples are wanted.
 */
export function takeSlices<Element>(
  listing: Listing<Element>,
  view: View,
  limit: number,
  unsupplied: EngineError,
): Evaluated<Slice<Element> | EngineError> {
  const elements: Element[] = [];
  for (;;) {
    if (listing.wanted !== undefined) return { kind: "decided", value: unsupplied };
    const evaluated = listing.slice(view, limit - elements.length);
    if (evaluated.kind === "missing" || evaluated.value.kind === "error") return evaluated;
    elements.push(...evaluated.value.elements);
    const { next } = evaluated.value;
    if (next === undefined) return { kind: "decided", value: { kind: "slice", elements } };
    if (elements.length < limit) continue;
    return { kind: "decided", value: { kind: "slice", elements, next } };
  }
}
