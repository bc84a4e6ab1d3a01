import type { RevisionChange } from "../core/change.ts";
import { delegationType } from "../core/delegation.ts";
import { sameObject } from "../core/object.ts";
import type { LoadedPage, PageKey } from "../core/page.ts";
import { sameSubject } from "../core/subject.ts";
import { compareTuples, formatTuple, type RelationTuple } from "../core/tuple.ts";

/**
 * The page as it would have been read after these revisions, which follow the one at which it was
 * read (C4). `undefined` where they do not tell: it must be loaded again.
 */
export function rollForward(
  page: LoadedPage,
  changes: readonly RevisionChange[],
): LoadedPage | undefined {
  // Who is in a pair page hangs on two tuples, of which the other may be anywhere.
  if (page.key.kind === "pair" && changes.some(touchesPairs)) return undefined;
  if (!changes.some((change) => isConcerned(page.key, change))) return page;
  const tuples = new Map(page.tuples.map((tuple) => [formatTuple(tuple), tuple]));
  for (const change of changes) {
    for (const tuple of change.deleted) {
      if (!concerns(page.key, tuple)) continue;
      tuples.delete(formatTuple(tuple));
    }
    for (const tuple of change.created) {
      if (!concerns(page.key, tuple)) continue;
      const partial = page.partialRelations.includes(tuple.relation);
      if (!partial || isListedInPart(tuple)) tuples.set(formatTuple(tuple), tuple);
    }
  }
  return { ...page, tuples: [...tuples.values()].toSorted(compareTuples) };
}

/** Whether a partial page lists the tuple; others are asked for by point. */
export function isListedInPart(tuple: RelationTuple): boolean {
  return tuple.subject.kind !== "object" || tuple.condition !== undefined;
}

function isConcerned(key: PageKey, { deleted, created }: RevisionChange): boolean {
  return (
    deleted.some((tuple) => concerns(key, tuple)) || created.some((tuple) => concerns(key, tuple))
  );
}

function touchesPairs(change: RevisionChange): boolean {
  return [...change.deleted, ...change.created].some(
    ({ object, relation }) =>
      object.type === delegationType && (relation === "principal" || relation === "delegate"),
  );
}

/** Whether the tuple is one of the page, which is no pair page. */
export function concerns(key: PageKey, tuple: RelationTuple): boolean {
  switch (key.kind) {
    case "forward":
      return tuple.relation === key.relation && sameObject(tuple.object, key.object);
    case "object":
      return sameObject(tuple.object, key.object);
    case "point":
      return (
        tuple.relation === key.relation &&
        sameObject(tuple.object, key.object) &&
        sameSubject(tuple.subject, key.subject)
      );
    case "reverse":
      return (
        tuple.relation === key.relation &&
        tuple.object.type === key.type &&
        sameSubject(tuple.subject, key.subject)
      );
    case "pair":
      return false;
  }
}
