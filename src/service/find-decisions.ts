import { setImmediate as immediate } from "node:timers/promises";
import { parseDecisionId } from "../audit/decision-id.ts";
import { objectText } from "../audit/decision-row.ts";
import type { SegmentPart } from "../audit/log-part.ts";
import { parseRow, textOf, type ReadRow } from "../audit/log-row.ts";
import { termsOfRow } from "../audit/segment-index.ts";
import { hashTerm, termText, type TermKind } from "../audit/terms.ts";
import type { Json } from "../core/json.ts";
import type { ObjectRef } from "../core/object.ts";
import type { SegmentKey } from "../store/log-segments.ts";
import { formatLogPage, parseLogPage } from "./log-page.ts";
import type { LogStorage } from "./log-reader.ts";
import { pageSizeOf } from "./page-token.ts";
import type { PageRequest, RequestContext } from "./request.ts";

/** Which decisions are looked for. What is absent matches all. */
export interface DecisionQuery {
  readonly sinceMs?: number;
  /** Not included. */
  readonly untilMs?: number;
  readonly principal?: ObjectRef;
  /** Anywhere in the chain. */
  readonly actor?: ObjectRef;
  readonly tool?: ObjectRef;
  readonly resource?: ObjectRef;
  readonly session?: ObjectRef;
  readonly delegationId?: string;
  readonly callerId?: string;
  readonly outcome?: "allowed" | "denied" | "error";
  readonly newestFirst: boolean;
}

/** Rows of decisions, as they were read: nothing in them has been verified. */
export interface LogPage<Item> {
  readonly items: readonly Item[];
  readonly nextPageToken?: string;
}

const segmentsAtOnce = 5;
/** Clocks of nodes differ: a row of now may be of a little later. */
const clockAheadMs = 60_000;

/** In the order of segments' beginnings, then of rows: stable, for what is written is never moved. */
export async function findDecisions(
  storage: LogStorage,
  context: RequestContext,
  query: DecisionQuery,
  page: PageRequest,
  nowMs: number,
): Promise<LogPage<ReadRow>> {
  const request = requestOf(query);
  const size = pageSizeOf(page);
  const start = parseLogPage(page.pageToken, request, 4);
  const untilMs = start?.untilMs ?? Math.min(query.untilMs ?? Infinity, nowMs + clockAheadMs);
  const found: FoundRow[] = [];
  const begin = start === undefined ? undefined : placeOf(start.after);
  for await (const one of matchingRows(storage, context, { ...query, untilMs }, begin)) {
    found.push(one);
    if (found.length > size) break;
  }
  const items = found.slice(0, size).map(({ row }) => row);
  const last = found[size - 1];
  if (found.length <= size || last === undefined) return { items };
  const { fromMs, chain, firstSeq } = last.key;
  const after = [fromMs, chain, firstSeq, last.row.place.seq];
  return { items, nextPageToken: formatLogPage({ untilMs, after }, request) };
}

/** One decision by its id; `undefined` where there is none. */
export async function findDecision(
  storage: LogStorage,
  tenant: string,
  id: string,
): Promise<ReadRow | undefined> {
  const decision = parseDecisionId(id);
  if (decision === undefined) return undefined;
  const segments = await storage.findDecision(tenant, decision);
  const needle = JSON.stringify(id);
  return segments
    .flatMap((segment) => decisionsOf(segment, [needle]))
    .find(({ members }) => textOf(members, "decision") === id);
}

interface FoundRow {
  readonly row: ReadRow;
  readonly key: SegmentKey;
}

/** A row that was given out, and the segment that has it. */
interface GivenRow {
  readonly key: SegmentKey;
  readonly seq: number;
}

async function* matchingRows(
  storage: LogStorage,
  { tenant, signal }: RequestContext,
  query: DecisionQuery & { readonly untilMs: number },
  begin: GivenRow | undefined,
): AsyncGenerator<FoundRow, void, undefined> {
  const { sinceMs = 0, untilMs, newestFirst } = query;
  const wanted = termsOf(query);
  const terms = wanted.map(({ kind, value }) => hashTerm(termText(kind, value)));
  let from = begin?.key;
  let given = begin;
  for (;;) {
    const limit = segmentsAtOnce + 1;
    const which = { sinceMs, untilMs, terms, newestFirst, limit };
    const segments = await storage.find(tenant, from === undefined ? which : { ...which, from });
    for (const segment of segments) {
      signal.throwIfAborted();
      // A segment takes milliseconds: others want to be answered in between.
      await immediate();
      const key = keyOf(segment);
      const rows = decisionsOf(
        segment,
        wanted.map(({ value }) => JSON.stringify(value)),
      ).filter((row) => matches(row, query, wanted) && !isGiven(row, key, given, newestFirst));
      for (const row of newestFirst ? rows.toReversed() : rows) yield { row, key };
    }
    const last = segments.at(-1);
    if (last === undefined || segments.length < limit) return;
    // The next batch begins with the last segment of this one, all of whose rows were given.
    from = keyOf(last);
    given = { key: from, seq: newestFirst ? -Infinity : Infinity };
  }
}

function matches(
  row: ReadRow,
  { sinceMs = 0, untilMs, outcome }: DecisionQuery & { readonly untilMs: number },
  wanted: readonly Term[],
): boolean {
  if (row.atMs < sinceMs || row.atMs >= untilMs) return false;
  if (outcome !== undefined && textOf(row.members, "verdict") !== outcome) return false;
  const terms = new Set(termsOfRow(row));
  return wanted.every(({ kind, value }) => terms.has(termText(kind, value)));
}

function isGiven(
  { place }: ReadRow,
  key: SegmentKey,
  given: GivenRow | undefined,
  newestFirst: boolean,
): boolean {
  if (given === undefined || !sameKey(given.key, key)) return false;
  return newestFirst ? place.seq >= given.seq : place.seq <= given.seq;
}

/** The rows that have all these texts in them, somewhere: only those are worth reading. */
function decisionsOf({ rows = [] }: SegmentPart, needles: readonly string[]): readonly ReadRow[] {
  return rows
    .filter((text) => needles.every((needle) => text.includes(needle)))
    .flatMap((text) => parseRow(text) ?? [])
    .filter(({ kind }) => kind === "decision");
}

interface Term {
  readonly kind: TermKind;
  readonly value: string;
}

function termsOf(query: DecisionQuery): readonly Term[] {
  const { principal, actor, tool, resource, session, delegationId, callerId } = query;
  const objects = { principal, actor, tool, resource, session };
  const terms: Term[] = [];
  for (const kind of ["principal", "actor", "tool", "resource", "session"] as const) {
    const object = objects[kind];
    if (object !== undefined) terms.push({ kind, value: objectText(object) });
  }
  if (delegationId !== undefined) terms.push({ kind: "delegation", value: delegationId });
  if (callerId !== undefined) terms.push({ kind: "caller", value: callerId });
  return terms;
}

function requestOf(query: DecisionQuery): Json {
  const { sinceMs = null, untilMs = null, outcome = null, newestFirst } = query;
  const terms = termsOf(query).map(({ kind, value }) => termText(kind, value));
  return { list: "decisions", sinceMs, untilMs, outcome, newestFirst, terms };
}

function keyOf({ chain, firstSeq, index }: SegmentPart): SegmentKey {
  return { chain, firstSeq, fromMs: index?.fromMs ?? 0 };
}

function sameKey(left: SegmentKey, right: SegmentKey): boolean {
  return left.chain === right.chain && left.firstSeq === right.firstSeq;
}

function placeOf([fromMs, chain, firstSeq, seq]: readonly (string | number)[]): GivenRow {
  const key = { fromMs: Number(fromMs), chain: String(chain), firstSeq: Number(firstSeq) };
  return { key, seq: Number(seq) };
}
