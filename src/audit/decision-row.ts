import { hash } from "node:crypto";
import type { Call, Decision } from "../core/decision.ts";
import { DomainError } from "../core/error.ts";
import { canonicalJson, type Json, type JsonObject } from "../core/json.ts";
import type { ObjectRef } from "../core/object.ts";
import { formatTuple, type RelationTuple } from "../core/tuple.ts";

/** One decision, or the failure to reach one, as it waits to be written. */
export interface LoggedDecision {
  readonly atMs: number;
  readonly callerId: string;
  readonly call: Call;
  readonly outcome: Decision | DomainError;
  readonly latencyUs: number;
  /** Of the client's trace; 32 hexadecimal digits. */
  readonly traceId?: string;
  /** Members of the row that were made of a context already; the call has none any more. */
  readonly contextMembers?: string;
}

/** Where a row stands. */
export interface RowPlace {
  readonly tenant: string;
  readonly chain: string;
  readonly seq: number;
}

/** What is copied of contexts: of these parameters the values, of all others no more than a hash. */
export type KeptParameters = ReadonlySet<string>;

/**
 * The row as canonical JSON (RFC 8785), put together by hand: this is most of what a decision costs
 * in the log. A law holds it against `canonicalJson`.
 */
export function formatDecisionRow(
  logged: LoggedDecision,
  place: RowPlace,
  kept: KeptParameters,
): string {
  const { atMs, outcome, latencyUs, traceId } = logged;
  const { beforeAt, beforeId, beforeLatency, beforeRevision, beforeSeq, beforeTrace, end } =
    piecesOf(logged, place, kept);
  const isDecision = !(outcome instanceof DomainError);
  const id = isDecision ? quoteText(outcome.id) : "";
  const revision = isDecision ? outcome.revision : "";
  const trace = traceId === undefined ? "" : `,"trace_id":${quoteText(traceId)}`;
  return `${beforeAt}${atMs}${beforeId}${id}${beforeLatency}${Math.round(latencyUs)}${beforeRevision}${revision}${beforeSeq}${place.seq}${beforeTrace}${trace}${end}`;
}

/** A row without what is another in each: what stands between. */
interface Pieces {
  readonly beforeAt: string;
  readonly beforeId: string;
  readonly beforeLatency: string;
  readonly beforeRevision: string;
  readonly beforeSeq: string;
  readonly beforeTrace: string;
  readonly end: string;
}

/** Pieces, and of what they were made beside the call, whose contexts never come again. */
interface KeptPieces {
  readonly pieces: Pieces;
  readonly callerId: string;
  readonly chain: string;
  readonly outcome: Decision;
}

const piecesOfShared = new WeakMap<Call, KeptPieces>();

/** A call that comes again is mostly decided as before, in words that were made already. */
function piecesOf(logged: LoggedDecision, place: RowPlace, kept: KeptParameters): Pieces {
  const { call, callerId, outcome } = logged;
  if (call.isShared !== true || outcome instanceof DomainError) {
    return formatPieces(logged, place, kept);
  }
  const known = piecesOfShared.get(call);
  if (
    known !== undefined &&
    known.outcome.verdict === outcome.verdict &&
    known.callerId === callerId &&
    known.chain === place.chain &&
    known.outcome.tenant === place.tenant &&
    known.outcome.modelId === outcome.modelId &&
    known.outcome.timeline === outcome.timeline
  ) {
    return known.pieces;
  }
  const pieces = formatPieces(logged, place, kept);
  // What is kept of a context is the log's to say, and pieces may be another log's.
  const isPlain = logged.contextMembers === undefined && formatContext(call, kept) === "";
  if (isPlain && outcome.tenant === place.tenant) {
    piecesOfShared.set(call, { pieces, callerId, chain: place.chain, outcome });
  }
  return pieces;
}

function formatPieces(
  logged: LoggedDecision,
  { tenant, chain }: RowPlace,
  kept: KeptParameters,
): Pieces {
  const { callerId, call, outcome } = logged;
  const { principal, actors, tool, session, delegationId, shownToken } = call;
  const failed = outcome instanceof DomainError;
  const verdict = failed ? undefined : outcome.verdict;
  const denied = verdict?.kind === "denied" ? verdict : undefined;
  const context = logged.contextMembers ?? formatContext(call, kept);
  return {
    beforeAt: `{"accesses":${formatAccesses(call)},"actors":[${actors.map(quoteObject).join(",")}],"at":`,
    beforeId:
      `,"caller":${quoteText(callerId)},"chain":${quoteText(chain)}${context}` +
      (failed ? "" : `,"decision":`),
    beforeLatency:
      (delegationId === undefined ? "" : `,"delegation":${quoteText(delegationId)}`) +
      (verdict === undefined ? "" : `,"delegations":[${quoteAll(verdict.delegationIds)}]`) +
      (shownToken?.keyThumbprint === undefined
        ? ""
        : `,"key_thumbprint":${quoteText(shownToken.keyThumbprint)}`) +
      `,"kind":"decision","latency_us":`,
    beforeRevision:
      (denied === undefined || denied.missingNames.length === 0
        ? ""
        : `,"missing":[${quoteAll(denied.missingNames)}]`) +
      (failed ? "" : `,"model":${quoteText(outcome.modelId)}`) +
      (call.partialChain ? `,"partial_chain":true` : "") +
      `,"principal":${quoteObject(principal)}` +
      (failed ? `,"reason":"${outcome.code}"` : denied ? `,"reason":"${denied.reason}"` : "") +
      (failed ? "" : `,"revision":`),
    beforeSeq: `,"seq":`,
    beforeTrace:
      (session === undefined ? "" : `,"session":${quoteObject(session)}`) +
      `,"tenant":${quoteText(tenant)}` +
      (failed ? "" : `,"timeline":${quoteText(outcome.timeline)}`) +
      (shownToken?.id === undefined ? "" : `,"token_id":${quoteText(shownToken.id)}`) +
      (shownToken === undefined ? "" : `,"token_issuer":${quoteText(shownToken.issuer)}`) +
      `,"tool":${quoteObject(tool)}`,
    end: `,"verdict":"${verdict?.kind ?? "error"}"}`,
  };
}

/** The same decision without what its contexts weigh: what waits in memory must be small. */
export function withoutContext<Logged extends LoggedDecision>(
  logged: Logged,
  kept: KeptParameters,
): Logged {
  const { call } = logged;
  const contextMembers = formatContext(call, kept);
  if (contextMembers === "") return logged;
  const accesses = call.accesses.map((access) => ({ ...access, context: {} }));
  return {
    ...logged,
    call: { ...call, accesses, context: {}, contextualTuples: [] },
    contextMembers,
  };
}

function formatAccesses({ accesses }: Call): string {
  const texts = accesses.map(
    ({ resource, role, permission }) =>
      `{${permission === undefined ? "" : `"permission":${quoteText(permission)},`}` +
      `"resource":${quoteObject(resource)}` +
      `${role === undefined ? "" : `,"role":${quoteText(role)}`}}`,
  );
  return `[${texts.join(",")}]`;
}

/** The members `context`, as far as it is kept, and `context_hash`; empty where there is none. */
function formatContext(call: Call, kept: KeptParameters): string {
  const { context, accesses, contextualTuples } = call;
  const isEmpty =
    isBare(context) &&
    contextualTuples.length === 0 &&
    accesses.every((access) => isBare(access.context));
  if (isEmpty) return "";
  const whole: Json = contextOfCall(call);
  const copy = kept.size === 0 ? "" : `,"context":${canonicalJson(redacted(whole, kept))}`;
  return `${copy},"context_hash":"${hash("sha256", canonicalJson(whole), "hex")}"`;
}

/** What the hash of the context is made of. */
export function contextOfCall({ context, accesses, contextualTuples }: Call): JsonObject {
  return {
    accesses: accesses.map((access) => access.context),
    call: context,
    contextual_tuples: contextualTuples.map(factText),
  };
}

function factText(tuple: RelationTuple): string {
  const { condition } = tuple;
  const suffix =
    condition === undefined ? "" : ` with ${condition.name} ${canonicalJson(condition.context)}`;
  return `${formatTuple(tuple)}${suffix}`;
}

/** Of a call's contexts only the parameters that are kept. Contextual tuples are ids: they are. */
function redacted(whole: JsonObject, kept: KeptParameters): Json {
  const keep = (context: Json | undefined): Json =>
    Object.fromEntries(Object.entries(context ?? {}).filter(([name]) => kept.has(name)));
  const { accesses, call, contextual_tuples: tuples = [] } = whole;
  return {
    accesses: Array.isArray(accesses) ? accesses.map(keep) : [],
    call: keep(call),
    contextual_tuples: tuples,
  };
}

function isBare(context: JsonObject): boolean {
  for (const _ in context) return false;
  return true;
}

/** Type and id as they are: the type ends at the first colon. */
export function objectText({ type, id }: ObjectRef): string {
  return `${type}:${id}`;
}

function quoteObject(object: ObjectRef): string {
  return quoteText(objectText(object));
}

// Most texts need no escape, and then the quotes are all that there is to add.
// eslint-disable-next-line no-control-regex
const escaped = /["\\\u0000-\u001f\ud800-\udfff]/;

function quoteAll(texts: readonly string[]): string {
  const [only = ""] = texts;
  return texts.length === 1 ? quoteText(only) : texts.map(quoteText).join(",");
}

function quoteText(text: string): string {
  return escaped.test(text) ? JSON.stringify(text) : `"${text}"`;
}
