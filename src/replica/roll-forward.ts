import type { RevisionChange } from "../core/change.ts";
import { delegationType } from "../core/delegation.ts";
import { sameObject } from "../core/object.ts";
import type { LoadedPage, PageKey } from "../core/page.ts";
import { sameSubject } from "../core/subject.ts";
import { compareTuples, formatTuple, type RelationTuple } from "../core/tuple.ts";
import { isListedInPart } from "./page-store.ts";

/**
 * The page as it would have been read after these revisions, which follow the one at which it was
 * read (C4). `undefined` where they do not tell: it must be loaded again.
 */
export function rollForward(
  page: LoadedPage,
  changes: readonly RevisionChange[],
): LoadedPage | undefined {
  const tuples = new Map(page.tuples.map((tuple) => [formatTuple(tuple), tuple]));
  let moved = false;
  for (const change of changes) {
    // Who is in a pair page hangs on two tuples, of which the other may be anywhere.
    if (page.key.kind === "pair" && touchesPairs(change)) return undefined;
    for (const tuple of change.deleted) {
      if (!concerns(page.key, tuple)) continue;
      tuples.delete(formatTuple(tuple));
      moved = true;
    }
    for (const tuple of change.created) {
      if (!concerns(page.key, tuple)) continue;
      const partial = page.partialRelations.includes(tuple.relation);
      if (!partial || isListedInPart(tuple)) tuples.set(formatTuple(tuple), tuple);
      moved = true;
    }
  }
  return moved ? { ...page, tuples: [...tuples.values()].toSorted(compareTuples) } : page;
}

function touchesPairs(change: RevisionChange): boolean {
  return [...change.deleted, ...change.created].some(
    ({ object, relation }) =>
      object.type === delegationType && (relation === "principal" || relation === "delegate"),
  );
}

function concerns(key: PageKey, tuple: RelationTuple): boolean {
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
