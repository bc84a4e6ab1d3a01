import type { Evaluated } from "./graph.ts";
import type { Run } from "./run.ts";
import type { SortedCursor } from "./sorted-runs.ts";
import type { EngineError } from "./view.ts";

/** What became of a candidate. */
export type Verified<Element> =
  | { readonly kind: "listed"; readonly element: Element }
  | typeof leftOut
  | typeof unsure
  | typeof setAside;

/** It does not belong to the list. */
export const leftOut = { kind: "left_out" } as const;
/** It is not known: with all pages there, the list fails. */
export const unsure = { kind: "unsure" } as const;
/** It takes slices of its own: this one ends here. */
export const setAside = { kind: "set_aside" } as const;

/** The candidates of a slice. */
interface VerifiedSlice<Element, Key> {
  readonly kind: "verified";
  readonly elements: readonly Element[];
  /** The last candidate that was listed or left out; absent where there is none. */
  readonly last?: Key;
  /** Whether the candidate after it was set aside. */
  readonly isSetAside: boolean;
}

/**
 * Verifies candidates in their order, until `limit` of them are elements or the steps of a slice are
 * used; one at least. Each has the whole budget of an evaluation. Where pages are missing, the cursor is
 * as it was, and what the other candidates of the slice miss is asked for as well.
 */
export function verifyInOrder<Element, Key extends string>(
  run: Run,
  cursor: SortedCursor<Key>,
  limit: number,
  verify: (candidate: Key) => Verified<Element>,
): Evaluated<VerifiedSlice<Element, Key> | EngineError> {
  cursor.mark();
  const elements: Element[] = [];
  let last: Key | undefined;
  let isFirst = true;
  let isUnsure = false;
  let isSetAside = false;
  while (isFirst || (elements.length < limit && run.steps < run.limits.sliceStepsMax)) {
    const candidate = cursor.take();
    if (candidate === undefined) break;
    isFirst = false;
    run.refill();
    const verified = verify(candidate);
    if (verified.kind === "listed") elements.push(verified.element);
    isSetAside = verified.kind === "set_aside";
    if (isSetAside) break;
    last = candidate;
    if (verified.kind !== "unsure") continue;
    isUnsure = true;
    if (!run.scope.hasMissed) break;
  }
  if (run.scope.hasMissed) cursor.restore();
  if (isUnsure || run.scope.hasMissed) return run.finish(run.error());
  const slice = { kind: "verified" as const, elements, isSetAside };
  return { kind: "decided", value: last === undefined ? slice : { ...slice, last } };
}
