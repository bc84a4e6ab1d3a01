import type { MessageInitShape } from "@bufbuild/protobuf";
import { numberOf, textOf, textsOf, type ReadRow } from "../audit/log-row.ts";
import { reasons } from "../core/decision.ts";
import { isJsonObject, type Json, type JsonObject } from "../core/json.ts";
import { formatToken, parseRevision, parseTimeline } from "../core/revision.ts";
import { Outcome, type LoggedDecisionSchema } from "../gen/prokura/v1/audit_pb.ts";
import { Reason as ReasonProto } from "../gen/prokura/v1/authorization_pb.ts";
import type { ObjectSchema } from "../gen/prokura/v1/core_pb.ts";
import { reasonToProto } from "./checks.ts";
import { contextToProto } from "./context.ts";
import { durationToProto, timestampToProto } from "./time.ts";

export const outcomeNames = ["allowed", "denied", "error"] as const;

const outcomeToProto: Readonly<Record<(typeof outcomeNames)[number], Outcome>> = {
  allowed: Outcome.ALLOWED,
  denied: Outcome.DENIED,
  error: Outcome.ERROR,
};

/** A row as it was read. Whoever could write to the database chose what stands in it: it is no verdict. */
export function loggedDecisionToProto({
  place,
  atMs,
  members,
}: ReadRow): MessageInitShape<typeof LoggedDecisionSchema> {
  const verdict = outcomeNames.find((name) => name === textOf(members, "verdict"));
  const reasonText = textOf(members, "reason");
  const reason = reasons.find((name) => name === reasonText);
  const context = members["context"];
  const session = textOf(members, "session");
  const accesses = members["accesses"];
  return {
    decisionId: textOf(members, "decision"),
    time: timestampToProto(atMs),
    chain: place.chain,
    seq: BigInt(place.seq),
    callerId: textOf(members, "caller"),
    principal: objectText(textOf(members, "principal")),
    actors: textsOf(members, "actors").map(objectText),
    ...(session === "" ? {} : { session: objectText(session) }),
    tool: objectText(textOf(members, "tool")),
    accesses: (Array.isArray(accesses) ? accesses : []).map(accessToProto),
    contextHash: textOf(members, "context_hash"),
    ...(isObject(context) ? { context: contextToProto(context) } : {}),
    outcome: verdict === undefined ? Outcome.UNSPECIFIED : outcomeToProto[verdict],
    reason:
      verdict === "denied" && reason !== undefined
        ? reasonToProto[reason]
        : ReasonProto.UNSPECIFIED,
    errorCode: verdict === "error" ? reasonText : "",
    delegationIds: [...textsOf(members, "delegations")],
    token: tokenOf(place.tenant, members),
    modelId: textOf(members, "model"),
    latency: durationToProto((numberOf(members, "latency_us") ?? 0) / 1_000),
    tokenId: textOf(members, "token_id"),
    tokenIssuer: textOf(members, "token_issuer"),
    keyThumbprint: textOf(members, "key_thumbprint"),
    traceId: textOf(members, "trace_id"),
    missingContext: [...textsOf(members, "missing")],
    partialChain: members["partial_chain"] === true,
    pinnedDelegationId: textOf(members, "delegation"),
  };
}

function tokenOf(tenant: string, members: JsonObject): string {
  const revision = numberOf(members, "revision");
  if (revision === undefined) return "";
  const timeline = parseTimeline(textOf(members, "timeline"));
  return formatToken({ tenant, timeline, revision: parseRevision(revision) });
}

function accessToProto(access: Json) {
  const members = isJsonObject(access) ? access : {};
  return {
    resource: objectText(textOf(members, "resource")),
    role: textOf(members, "role"),
    permission: textOf(members, "permission"),
  };
}

/** The type ends at the first colon. */
function objectText(text: string): MessageInitShape<typeof ObjectSchema> {
  const colon = text.indexOf(":");
  return { type: text.slice(0, Math.max(colon, 0)), id: text.slice(colon + 1) };
}

function isObject(value: Json | undefined): value is JsonObject {
  return value !== undefined && isJsonObject(value);
}
