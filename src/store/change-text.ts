import type { RevisionChange } from "../core/change.ts";
import { parseRevision } from "../core/revision.ts";
import type { RelationTuple } from "../core/tuple.ts";
import type { TupleRow } from "./schema.ts";
import { rowOfTuple, tupleOfRow } from "./tuple-row.ts";

/** Cheap to tell before it is written: so many tuples never fit. */
const tuplesMax = 200;

/** The changes for another node of the same version or later, or `undefined` where that is too long. */
export function textOfChanges(
  changes: readonly RevisionChange[],
  bytesMax: number,
): string | undefined {
  const tuples = changes.reduce(
    (sum, { deleted, created }) => sum + deleted.length + created.length,
    0,
  );
  if (tuples > tuplesMax) return undefined;
  const text = JSON.stringify(changes.map(writtenOf));
  return Buffer.byteLength(text, "utf8") > bytesMax ? undefined : text;
}

/**
 * Inverse of `textOfChanges`; the text must be a node's own. What a node of another version wrote in
 * another way is as if it had not come: whoever hears the hint polls.
 */
export function changesOfText(text: string): readonly RevisionChange[] {
  try {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- sealed by `textOfChanges`
    return (JSON.parse(text) as readonly WrittenChange[]).map(changeOf);
  } catch {
    return [];
  }
}

/** A revision as it is written, its tuples as rows. */
type WrittenChange = Omit<RevisionChange, "revision" | "deleted" | "created"> & {
  readonly revision: number;
  readonly deleted: readonly TupleRow[];
  readonly created: readonly TupleRow[];
};

function writtenOf(change: RevisionChange): WrittenChange {
  const rows = (tuples: readonly RelationTuple[]): readonly TupleRow[] => tuples.map(rowOfTuple);
  return { ...change, deleted: rows(change.deleted), created: rows(change.created) };
}

function changeOf(written: WrittenChange): RevisionChange {
  return {
    ...written,
    revision: parseRevision(written.revision),
    deleted: written.deleted.map(tupleOfRow),
    created: written.created.map(tupleOfRow),
  };
}
