import type { RevisionChange } from "../core/change.ts";
import { delegationType } from "../core/delegation.ts";
import { formatTuple, type RelationTuple } from "../core/tuple.ts";
import type { SubjectSymbol } from "../core/symbols.ts";
import type { PairUnit } from "./page-unit.ts";
import type { SymbolTable } from "./symbol-table.ts";
import { plainFacts } from "./tuple-page.ts";
import type { UnitIndex } from "./unit-index.ts";

interface Pairs {
  readonly symbols: SymbolTable;
  readonly index: UnitIndex;
  readonly edited: (unit: PairUnit) => void;
  readonly drop: (unit: PairUnit) => void;
}

/**
 * Brings the held pair pages to the end of a revision, where all other pages are already. A
 * delegation is in the page of (U, A) while it has both tuples, principal@U and delegate@A; it never
 * has two of either (the store refuses them), so that one half found elsewhere is the half.
 */
export function applyToPairs(change: RevisionChange, pairs: Pairs): void {
  const created = change.created.filter(isHalf);
  const deleted = change.deleted.filter(isHalf);
  if (created.length + deleted.length === 0) return;
  // A touch is both, and moves nothing.
  const before = new Set(deleted.map(formatTuple));
  const after = new Set(created.map(formatTuple));
  for (const tuple of deleted) if (!after.has(formatTuple(tuple))) removeHalf(tuple, pairs);
  const halves = new Map(created.map((tuple) => [halfKey(tuple), tuple]));
  for (const tuple of created) {
    if (!before.has(formatTuple(tuple))) addHalf(tuple, halves, pairs);
  }
}

function isHalf(tuple: RelationTuple): boolean {
  return (
    tuple.object.type === delegationType &&
    (tuple.relation === "principal" || tuple.relation === "delegate") &&
    tuple.subject.kind === "object"
  );
}

function halfKey(tuple: RelationTuple): string {
  return `${tuple.relation} ${tuple.object.id}`;
}

/** Held pages in which the delegation may stand, by this half. */
function pagesOf(tuple: RelationTuple, { symbols, index }: Pairs): readonly PairUnit[] {
  const subject = symbols.findSubject(tuple.subject);
  if (subject === -1) return [];
  return tuple.relation === "principal"
    ? index.pairsOfPrincipal(subject)
    : index.pairsOfDelegate(subject);
}

function removeHalf(tuple: RelationTuple, pairs: Pairs): void {
  const delegation = pairs.symbols.findObject(tuple.object.type, tuple.object.id);
  if (delegation === -1) return;
  for (const unit of pagesOf(tuple, pairs)) {
    unit.page.remove(delegation);
    pairs.edited(unit);
  }
}

function addHalf(
  tuple: RelationTuple,
  halves: ReadonlyMap<string, RelationTuple>,
  pairs: Pairs,
): void {
  const { symbols } = pairs;
  for (const unit of pagesOf(tuple, pairs)) {
    const wanted = tuple.relation === "principal" ? unit.delegate : unit.principal;
    const other = otherHalf(tuple, wanted, halves, pairs);
    if (other === "unknown") {
      pairs.drop(unit);
    } else if (other === "yes") {
      unit.page.insert(symbols.retainObject(tuple.object), plainFacts);
      pairs.edited(unit);
    }
  }
}

/** Whether the delegation's other half names the wanted object. */
function otherHalf(
  tuple: RelationTuple,
  wanted: SubjectSymbol,
  halves: ReadonlyMap<string, RelationTuple>,
  { symbols, index }: Pairs,
): "yes" | "no" | "unknown" {
  const name = tuple.relation === "principal" ? "delegate" : "principal";
  const inRevision = halves.get(`${name} ${tuple.object.id}`);
  if (inRevision !== undefined) {
    return symbols.findSubject(inRevision.subject) === wanted ? "yes" : "no";
  }
  const delegation = symbols.findObject(tuple.object.type, tuple.object.id);
  const unit = delegation === -1 ? undefined : index.object(delegation);
  if (unit === undefined) return "unknown";
  const relation = symbols.findName(name);
  const page = relation === -1 ? undefined : unit.pages[unit.relations.indexOf(relation)];
  if (page === undefined) return unit.whole ? "no" : "unknown";
  if (page.indexOf(wanted) >= 0) return "yes";
  return page.complete ? "no" : "unknown";
}
