import { parseDecisionId } from "./decision-id.ts";
import type { DecisionRange, SegmentIndex, SegmentPart } from "./log-part.ts";
import { textOf, textsOf, type ReadRow } from "./log-row.ts";
import { hashTerm, termText } from "./terms.ts";

/** Whether all that a segment is found by follows from its rows, and nothing of it is left out. */
export function isWellFiled(
  { firstSeq }: SegmentPart,
  index: SegmentIndex,
  rows: readonly (ReadRow | undefined)[],
): boolean {
  const known = rows.filter((row) => row !== undefined);
  const times = known.map(({ atMs }) => atMs);
  const range = rangeOf(known.map(({ members }) => textOf(members, "decision")));
  const terms = new Set(known.flatMap(termsOfRow).map((term) => hashTerm(term)));
  return (
    known.length === rows.length &&
    known[0]?.place.seq === firstSeq &&
    known.at(-1)?.place.seq === index.lastSeq &&
    index.fromMs === times.reduce((least, atMs) => Math.min(least, atMs), Infinity) &&
    index.toMs === times.reduce((most, atMs) => Math.max(most, atMs), -Infinity) &&
    JSON.stringify(index.decisions) === JSON.stringify(range) &&
    index.terms.length === terms.size &&
    index.terms.every((term) => terms.has(term))
  );
}

/** From the least to the greatest, of ids that are all of one source: a process has but one. */
export function rangeOf(ids: readonly string[]): DecisionRange | undefined {
  let range: DecisionRange | undefined;
  for (const id of ids) {
    const decision = id === "" ? undefined : parseDecisionId(id);
    if (decision === undefined) continue;
    const { source, count } = decision;
    range = {
      source,
      first: Math.min(range?.first ?? count, count),
      last: Math.max(range?.last ?? count, count),
    };
  }
  return range;
}

/** What a row that was read back is found by. */
export function termsOfRow({ kind, members }: ReadRow): readonly string[] {
  if (kind !== "decision") return [];
  const session = textOf(members, "session");
  const accesses = members["accesses"];
  const resources = (Array.isArray(accesses) ? accesses : []).flatMap((access) =>
    typeof access === "object" && access !== null && "resource" in access
      ? [String(access["resource"])]
      : [],
  );
  return [
    termText("principal", textOf(members, "principal")),
    ...textsOf(members, "actors").map((actor) => termText("actor", actor)),
    termText("tool", textOf(members, "tool")),
    ...resources.map((resource) => termText("resource", resource)),
    ...(session === "" ? [] : [termText("session", session)]),
    ...textsOf(members, "delegations").map((id) => termText("delegation", id)),
    termText("caller", textOf(members, "caller")),
  ];
}
