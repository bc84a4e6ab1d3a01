import { compareBytes } from "../core/byte-order.ts";
import type { Subject } from "../core/subject.ts";
import type { NameNumber, SubjectSymbol } from "../core/symbols.ts";
import { compareSubjects, type StoredCondition } from "../core/tuple.ts";
import type { ObjectPage, SubjectPage } from "./graph.ts";

/** One contextual tuple in numbers. It counts as stored, and it hides the stored tuple of its key. */
export interface ContextualTuple {
  readonly object: SubjectSymbol;
  readonly relation: NameNumber;
  readonly subject: SubjectSymbol;
  readonly condition: StoredCondition | undefined;
  readonly expiresAtMs: number;
}

/** What an overlay must know of symbols to keep the canonical order. */
export interface Describer {
  subjectOf(symbol: SubjectSymbol): Subject;
  idOf(symbol: SubjectSymbol): string;
  isUserset(symbol: SubjectSymbol): boolean;
}

/** The stored page with the contextual tuples of the same object#relation merged in. */
export function overlaySubjects(
  stored: SubjectPage,
  added: readonly ContextualTuple[],
  describer: Describer,
): SubjectPage {
  const rows: Row[] = [];
  const hidden = new Set<number>(added.map(({ subject }) => subject));
  for (let position = 0; position < stored.count; position += 1) {
    const symbol = stored.subjectAt(position);
    if (hidden.has(symbol)) continue;
    rows.push({
      symbol,
      condition: stored.conditionAt(position),
      expiresAtMs: stored.expiresAtMsAt(position),
    });
  }
  for (const { subject, condition, expiresAtMs } of added) {
    rows.push({ symbol: subject, condition, expiresAtMs });
  }
  rows.sort((left, right) =>
    compareSubjects(describer.subjectOf(left.symbol), describer.subjectOf(right.symbol)),
  );
  const positions = new Map<number, number>(rows.map(({ symbol }, position) => [symbol, position]));
  return {
    complete: stored.complete,
    count: rows.length,
    usersets: [...rows.keys()].filter((position) => describer.isUserset(symbolAt(rows, position))),
    indexOf: (subject) => positions.get(subject) ?? -1,
    subjectAt: (position) => symbolAt(rows, position),
    conditionAt: (position) => rows[position]?.condition,
    expiresAtMsAt: (position) => rows[position]?.expiresAtMs ?? 0,
  };
}

/** The stored page with the contextual tuples of the same subject, type and relation merged in. */
export function overlayObjects(
  stored: ObjectPage,
  added: readonly ContextualTuple[],
  describer: Describer,
): ObjectPage {
  const rows: Row[] = [];
  const hidden = new Set<number>(added.map(({ object }) => object));
  for (let position = 0; position < stored.count; position += 1) {
    const symbol = stored.objectAt(position);
    if (hidden.has(symbol)) continue;
    rows.push({
      symbol,
      condition: stored.conditionAt(position),
      expiresAtMs: stored.expiresAtMsAt(position),
    });
  }
  for (const { object, condition, expiresAtMs } of added) {
    rows.push({ symbol: object, condition, expiresAtMs });
  }
  rows.sort((left, right) =>
    compareBytes(describer.idOf(left.symbol), describer.idOf(right.symbol)),
  );
  return {
    count: rows.length,
    objectAt: (position) => symbolAt(rows, position),
    conditionAt: (position) => rows[position]?.condition,
    expiresAtMsAt: (position) => rows[position]?.expiresAtMs ?? 0,
  };
}

interface Row {
  readonly symbol: SubjectSymbol;
  readonly condition: StoredCondition | undefined;
  readonly expiresAtMs: number;
}

function symbolAt(rows: readonly Row[], position: number): SubjectSymbol {
  const row = rows[position];
  if (row === undefined) throw new RangeError(`no tuple at position ${position}`);
  return row.symbol;
}
