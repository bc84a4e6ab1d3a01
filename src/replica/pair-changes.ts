import type { RevisionChange } from "../core/change.ts";
import { delegationType } from "../core/delegation.ts";
import type { SubjectSymbol } from "../core/symbols.ts";
import { formatTuple, type RelationTuple } from "../core/tuple.ts";
import { plainFacts } from "./packed-page.ts";
import type { PageNumber, PageTable } from "./page-table.ts";
import type { PairIndex } from "./pair-index.ts";
import type { SymbolTable } from "./symbol-table.ts";
import type { TupleLists } from "./tuple-lists.ts";

interface Pairs {
  readonly symbols: SymbolTable;
  readonly table: PageTable;
  readonly lists: TupleLists;
  readonly pairs: PairIndex;
  readonly drop: (page: PageNumber) => void;
}

type Halves = ReadonlyMap<string, RelationTuple>;

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
  const gone = halvesOf(deleted);
  for (const tuple of deleted) if (!after.has(formatTuple(tuple))) removeHalf(tuple, gone, pairs);
  const come = halvesOf(created);
  for (const tuple of created) if (!before.has(formatTuple(tuple))) addHalf(tuple, come, pairs);
}

function isHalf(tuple: RelationTuple): boolean {
  return (
    tuple.object.type === delegationType &&
    (tuple.relation === "principal" || tuple.relation === "delegate") &&
    tuple.subject.kind === "object"
  );
}

function halvesOf(tuples: readonly RelationTuple[]): Halves {
  return new Map(tuples.map((tuple) => [`${tuple.relation} ${tuple.object.id}`, tuple]));
}

function otherHalfIn(
  halves: Halves,
  { relation, object }: RelationTuple,
): RelationTuple | undefined {
  return halves.get(`${relation === "principal" ? "delegate" : "principal"} ${object.id}`);
}

/**
 * Held pages in which the delegation may stand. An agent may act for very many: where the same
 * revision tells the other half, theirs are not walked.
 */
function pagesOf(
  tuple: RelationTuple,
  other: RelationTuple | undefined,
  { symbols, pairs }: Pairs,
): readonly PageNumber[] {
  const subject = symbols.findSubject(tuple.subject);
  if (subject === -1) return [];
  const isPrincipal = tuple.relation === "principal";
  if (other === undefined) {
    return isPrincipal ? pairs.ofPrincipal(subject) : pairs.ofDelegate(subject);
  }
  const second = symbols.findSubject(other.subject);
  if (second === -1) return [];
  const page = isPrincipal ? pairs.find(subject, second) : pairs.find(second, subject);
  return page === 0 ? [] : [page];
}

function removeHalf(tuple: RelationTuple, gone: Halves, pairs: Pairs): void {
  const pages = pagesOf(tuple, otherHalfIn(gone, tuple), pairs);
  for (const page of pages) {
    const delegation = pairs.symbols.findObject(tuple.object.type, tuple.object.id);
    if (delegation !== -1) pairs.lists.remove(page, delegation);
  }
}

function addHalf(tuple: RelationTuple, come: Halves, pairs: Pairs): void {
  const { symbols, lists, table } = pairs;
  const other = otherHalfIn(come, tuple);
  for (const page of pagesOf(tuple, other, pairs)) {
    const wanted = tuple.relation === "principal" ? table.keyOf(page) : table.ownerOf(page);
    const found = other === undefined ? otherHalf(tuple, wanted, pairs) : "yes";
    if (found === "unknown") pairs.drop(page);
    if (found === "yes") lists.insert(page, symbols.retainObject(tuple.object), plainFacts);
  }
}

/** Whether the delegation's other half, which the revision does not tell, names the wanted object. */
function otherHalf(
  tuple: RelationTuple,
  wanted: number,
  { symbols, table, lists }: Pairs,
): "yes" | "no" | "unknown" {
  const name = symbols.findName(tuple.relation === "principal" ? "delegate" : "principal");
  const delegation = symbols.findObject(tuple.object.type, tuple.object.id);
  const first = delegation === -1 ? 0 : table.firstForward(delegation);
  if (delegation === -1 || first === 0) return "unknown";
  const page = name === -1 ? 0 : table.forward(delegation, name);
  if (page === 0) return table.isWhole(first) ? "no" : "unknown";
  const read = lists.read(page);
  // oxlint-disable-next-line no-unsafe-type-assertion -- the owner or the key of a pair's page
  if (read.indexOf(wanted as SubjectSymbol) >= 0) return "yes";
  return read.complete ? "no" : "unknown";
}
