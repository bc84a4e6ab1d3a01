import { compareBytes } from "../core/byte-order.ts";
import type { Run } from "./run.ts";

/** One part of a list in canonical order; without `next` nothing is left. */
export interface Slice<Element> {
  readonly elements: readonly Element[];
  /** The key after which the next slice begins. */
  readonly next?: string;
}

/** What a candidate is known by and ordered by, and the candidate. */
export interface Keyed<Candidate> {
  readonly key: string;
  readonly candidate: Candidate;
}

/**
 * Verifies candidates in the order of their keys, from the first after `after`, until `limit` of them
 * are elements or the steps of a slice are used; one candidate at least is verified.
 */
export function takeSlice<Candidate, Element>(
  run: Run,
  candidates: readonly Keyed<Candidate>[],
  after: string | undefined,
  limit: number,
  verify: (candidate: Candidate) => Element | undefined,
): Slice<Element> {
  const ordered = candidates
    .filter(({ key }) => after === undefined || compareBytes(key, after) > 0)
    .toSorted((left, right) => compareBytes(left.key, right.key));
  const elements: Element[] = [];
  let last: string | undefined;
  for (const { key, candidate } of ordered) {
    const isFull = elements.length >= limit || run.steps >= run.limits.sliceStepsMax;
    if (isFull && last !== undefined) return { elements, next: last };
    const element = verify(candidate);
    if (element !== undefined) elements.push(element);
    last = key;
  }
  return { elements };
}
