import { hash } from "node:crypto";
import { contextOfCall } from "../audit/decision-row.ts";
import { numberOf, textOf, textsOf, type ReadRow } from "../audit/log-row.ts";
import type { Access, Call, Explanation, Verdict } from "../core/decision.ts";
import { DomainError } from "../core/error.ts";
import { canonicalJson, isJsonObject, type Json, type JsonObject } from "../core/json.ts";
import { parseName, parseObject as parseParts, type ObjectRef } from "../core/object.ts";
import { parseRevision, parseTimeline } from "../core/revision.ts";
import { explainCall } from "../engine/explain.ts";
import type { EngineLimits } from "../engine/limits.ts";
import { errorOf, otherTimeline, type EvaluatePast } from "./evaluator.ts";
import type { RequestContext } from "./request.ts";
import type { Storage } from "./storage.ts";

/** What is given of the contexts, of which the log has but a hash. */
export interface GivenContexts {
  readonly context: JsonObject;
  readonly accessContexts: readonly JsonObject[];
}

export interface ReviewedDecision {
  readonly logged: ReadRow;
  readonly verdict: Verdict;
  readonly explanation: Explanation;
  /** Whether outcome, reason and delegations are those of the log. */
  readonly same: boolean;
  readonly sameContext: boolean;
}

interface Dependencies {
  readonly evaluatePast: EvaluatePast;
  readonly storage: Pick<Storage, "tenants">;
  readonly limits: EngineLimits;
}

/**
 * Judges the call of a row again: at its revision, under its model, at its time. Contextual tuples are
 * not kept: a decision that rested on them comes out otherwise, and `sameContext` is false.
 */
export async function reviewDecision(
  { evaluatePast, storage, limits }: Dependencies,
  { tenant, signal }: RequestContext,
  logged: ReadRow,
  given: GivenContexts,
): Promise<ReviewedDecision> {
  const { members, atMs } = logged;
  const revision = numberOf(members, "revision");
  if (revision === undefined) {
    throw new DomainError("malformed", "no decision was reached, there is nothing to judge again", {
      field: "decision_id",
    });
  }
  const timeline = parseTimeline(textOf(members, "timeline"));
  // Fails where that revision is no longer kept.
  const { head } = await storage.tenants.at(tenant, parseRevision(revision));
  if (head.timeline !== timeline) throw otherTimeline("decision_id");
  const call = callOfRow(members, given);
  const past = {
    timeline,
    revision: parseRevision(revision),
    now: { earliestMs: atMs, latestMs: atMs },
    modelId: textOf(members, "model"),
  };
  const explained = await evaluatePast(
    tenant,
    past,
    (snapshot) => explainCall(snapshot, call, limits),
    signal,
  );
  const { answer, explanation } = explained;
  if (answer.kind === "error") throw errorOf(answer);
  return {
    logged,
    verdict: answer,
    explanation,
    same: outcomeText(answer) === loggedText(members),
    sameContext: contextHashOf(call) === textOf(members, "context_hash"),
  };
}

function outcomeText(verdict: Verdict): string {
  const reason = verdict.kind === "denied" ? verdict.reason : "";
  return JSON.stringify([verdict.kind, reason, verdict.delegationIds]);
}

function loggedText(members: JsonObject): string {
  const parts = [textOf(members, "verdict"), textOf(members, "reason")];
  return JSON.stringify([...parts, textsOf(members, "delegations")]);
}

function contextHashOf(call: Call): string {
  const contexts = [call.context, ...call.accesses.map(({ context }) => context)];
  if (contexts.every((context) => Object.keys(context).length === 0)) return "";
  return hash("sha256", canonicalJson(contextOfCall(call)), "hex");
}

function callOfRow(members: JsonObject, { context, accessContexts }: GivenContexts): Call {
  const session = textOf(members, "session");
  const delegationId = textOf(members, "delegation");
  const accesses = members["accesses"];
  return {
    principal: objectOf(textOf(members, "principal")),
    actors: textsOf(members, "actors").map(objectOf),
    tool: objectOf(textOf(members, "tool")),
    accesses: (Array.isArray(accesses) ? accesses : []).map((access, index) =>
      accessOf(access, accessContexts[index] ?? {}),
    ),
    context,
    partialChain: members["partial_chain"] === true,
    contextualTuples: [],
    ...(session === "" ? {} : { session: objectOf(session) }),
    ...(delegationId === "" ? {} : { delegationId }),
  };
}

function accessOf(value: Json, context: JsonObject): Access {
  const access = isJsonObject(value) ? value : {};
  const [role, permission] = [textOf(access, "role"), textOf(access, "permission")];
  return {
    resource: objectOf(textOf(access, "resource")),
    context,
    ...(role === "" ? {} : { role }),
    ...(permission === "" ? {} : { permission: parseName(permission, "permission") }),
  };
}

/** Inverse of `objectText`. */
function objectOf(text: string): ObjectRef {
  const colon = text.indexOf(":");
  return parseParts(text.slice(0, Math.max(colon, 0)), text.slice(colon + 1), "object");
}
