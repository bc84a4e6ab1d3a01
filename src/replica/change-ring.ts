import type { RevisionChange } from "../core/change.ts";
import type { Revision } from "../core/revision.ts";

/** The latest revisions that were applied, so that a load which was read before them still serves. */
export class ChangeRing {
  readonly #tuplesMax: number;
  #changes: RevisionChange[] = [];
  #tuples = 0;

  constructor(tuplesMax: number) {
    this.#tuplesMax = tuplesMax;
  }

  /** Appends revisions that follow the last one. */
  append(changes: readonly RevisionChange[]): void {
    for (const change of changes) {
      this.#changes.push(change);
      this.#tuples += weightOf(change);
    }
    let gone = 0;
    while (this.#tuples > this.#tuplesMax) this.#tuples -= weightOf(this.#changes[gone++]);
    if (gone > 0) this.#changes = this.#changes.slice(gone);
  }

  clear(): void {
    this.#changes = [];
    this.#tuples = 0;
  }

  /** All of (after, upTo], or `undefined` where the ring does not reach back. */
  since(after: Revision, upTo: Revision): readonly RevisionChange[] | undefined {
    const wanted = this.#changes.filter(({ revision }) => revision > after && revision <= upTo);
    return wanted.length === upTo - after ? wanted : undefined;
  }
}

/** Whole revisions, together of about so many tuples in each part, and at least one. */
export function inParts(
  changes: readonly RevisionChange[],
  tuplesMax: number,
): readonly (readonly RevisionChange[])[] {
  const parts: RevisionChange[][] = [];
  let tuples = Infinity;
  for (const change of changes) {
    const more = changedTuples([change]);
    if (tuples + more > tuplesMax) {
      parts.push([]);
      tuples = 0;
    }
    parts.at(-1)?.push(change);
    tuples += more;
  }
  return parts;
}

/** Whether these are all the revisions of (after, upTo], in order. */
export function isContiguous(
  changes: readonly RevisionChange[],
  after: Revision,
  upTo: Revision,
): boolean {
  return (
    changes.length === upTo - after &&
    changes.every((change, index) => change.revision === after + index + 1)
  );
}

/** Tuples that the revisions delete and create. */
export function changedTuples(changes: readonly RevisionChange[]): number {
  return changes.reduce((sum, change) => sum + change.deleted.length + change.created.length, 0);
}

// An empty revision takes room as well.
function weightOf(change: RevisionChange | undefined): number {
  return change === undefined ? 0 : 1 + change.deleted.length + change.created.length;
}
