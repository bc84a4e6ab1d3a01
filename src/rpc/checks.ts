import type { MessageInitShape } from "@bufbuild/protobuf";
import { chainLinksMax, toolType } from "../core/delegation.ts";
import type { Access, Call, Decision, Explanation, Reason } from "../core/decision.ts";
import { DomainError } from "../core/error.ts";
import type { JsonObject } from "../core/json.ts";
import { parseName, type ObjectRef } from "../core/object.ts";
import {
  ExplanationOutcome,
  Mode,
  Reason as ReasonProto,
  Verdict as VerdictProto,
  type Access as AccessProto,
  type CheckItem,
  type CheckRequest,
  type CheckResponseSchema,
  type ExplanationSchema,
} from "../gen/prokura/v1/authorization_pb.ts";
import type { Object$ as ObjectProto } from "../gen/prokura/v1/core_pb.ts";
import { contextFromProto } from "./context.ts";
import { atMost, malformed, textFromProto } from "./field.ts";
import { contractLimits, type RequestLimits } from "./limits.ts";
import {
  contextualTuplesFromProto,
  objectFromProto,
  optionalObjectFromProto,
  tupleToProto,
} from "./nouns.ts";
import { derivedOf } from "./shared-messages.ts";
import { timestampToProto } from "./time.ts";

const sessionType = "session";
const delegationIdBytesMax = 512;
const noContext: JsonObject = {};
const noTuples: Call["contextualTuples"] = [];

/** Reads a call; `prefix` stands before the names of fields, as in `items[3].`. */
export function callFromProto(
  request: CheckRequest | CheckItem,
  limits: RequestLimits,
  prefix: string,
): Call {
  const derived = derivedOf(request);
  if (derived === undefined) return readCall(request, limits, prefix);
  derived.call ??= { ...readCall(request, limits, prefix), isShared: true };
  return derived.call;
}

function readCall(request: CheckRequest | CheckItem, limits: RequestLimits, prefix: string): Call {
  if (request.mode === Mode.SHADOW) {
    throw new DomainError("not_supported", `${prefix}mode must be MODE_ENFORCE for now`, {
      field: `${prefix}mode`,
    });
  }
  const { accesses, contextualTuples } = request;
  atMost(accesses.length, contractLimits.accesses, `${prefix}accesses`);
  const context = conditionContextFromProto(request.context, limits, `${prefix}context`);
  const chain = chainFromProto(request, prefix);
  return {
    principal: chain.principal,
    actors: chain.actors,
    partialChain: chain.partialChain,
    ...(chain.session === undefined ? undefined : { session: chain.session }),
    ...(chain.delegationId === undefined ? undefined : { delegationId: chain.delegationId }),
    tool: toolFromProto(request.tool, `${prefix}tool`),
    accesses: accesses.map((access, index) =>
      accessFromProto(access, context, limits, prefix, index),
    ),
    context,
    contextualTuples:
      contextualTuples.length === 0
        ? noTuples
        : contextualTuplesFromProto(contextualTuples, limits, `${prefix}contextual_tuples`),
  };
}

/** For whom a question about delegations is asked. */
export function chainFromProto(
  request: {
    readonly principal?: ObjectProto | undefined;
    readonly actors: readonly ObjectProto[];
    readonly session?: ObjectProto | undefined;
    readonly delegationId?: string;
    readonly partialChain?: boolean;
  },
  prefix: string,
): Pick<Call, "principal" | "actors" | "session" | "delegationId" | "partialChain"> {
  const { actors, delegationId = "", partialChain = false } = request;
  if (actors.length === 0) throw malformed(`${prefix}actors`, "must name at least one actor");
  atMost(actors.length, chainLinksMax, `${prefix}actors`);
  if (partialChain && actors.length > 1) {
    throw malformed(`${prefix}actors`, "must name the last delegate alone with partial_chain");
  }
  const session = optionalObjectFromProto(request.session, `${prefix}session`);
  if (session !== undefined && session.type !== sessionType) {
    throw malformed(`${prefix}session.type`, `must be \`${sessionType}\``);
  }
  return {
    principal: objectFromProto(request.principal, `${prefix}principal`),
    actors: actors.map((actor, index) => objectFromProto(actor, `${prefix}actors[${index}]`)),
    partialChain,
    ...(session === undefined ? undefined : { session }),
    ...(delegationId === ""
      ? undefined
      : {
          delegationId: textFromProto(delegationId, delegationIdBytesMax, `${prefix}delegation_id`),
        }),
  };
}

/** A context of a request. The time in it would be the client's: it is refused. */
export function conditionContextFromProto(
  context: Parameters<typeof contextFromProto>[0],
  limits: RequestLimits,
  field: string,
): JsonObject {
  if (context === undefined) return noContext;
  const parsed = contextFromProto(context, limits.contextBytesMax, field);
  if (Object.hasOwn(parsed, "current_time")) {
    throw malformed(`${field}.current_time`, "is the server's own and must not be given");
  }
  return parsed;
}

/** `token` is empty where a whole batch has one. */
export function decisionToProto(
  { id: decisionId, modelId, verdict, explanation }: Decision,
  token: string,
): MessageInitShape<typeof CheckResponseSchema> {
  const delegationIds = [...verdict.delegationIds];
  // Most are this, and objects that are put together of others cost more.
  if (
    verdict.kind === "allowed" &&
    verdict.validUntilMs === undefined &&
    explanation === undefined
  ) {
    return { verdict: VerdictProto.ALLOWED, delegationIds, token, decisionId, modelId };
  }
  const shared = { delegationIds, token, decisionId, modelId };
  const shown = explanation === undefined ? undefined : explanationToProto(explanation);
  switch (verdict.kind) {
    case "allowed":
      return {
        verdict: VerdictProto.ALLOWED,
        ...shared,
        ...(verdict.validUntilMs === undefined
          ? undefined
          : { validUntil: timestampToProto(verdict.validUntilMs) }),
        ...(shown === undefined ? undefined : { explanation: shown }),
      };
    case "denied":
      return {
        verdict: VerdictProto.DENIED,
        ...shared,
        reason: reasonToProto[verdict.reason],
        detail: verdict.detail,
        missingContext: [...verdict.missingNames],
        ...(shown === undefined ? undefined : { explanation: shown }),
      };
  }
}

/** What lies deeper than clients can decode is left out, and marked so. */
export function explanationToProto(
  explanation: Explanation,
  depth = 0,
): MessageInitShape<typeof ExplanationSchema> {
  const { label, outcome, tuple, detail, truncated, children } = explanation;
  const deepest = depth === contractLimits.treeDepth && children.length > 0;
  return {
    label,
    outcome: outcomeToProto[outcome],
    children: deepest ? [] : children.map((child) => explanationToProto(child, depth + 1)),
    detail: detail ?? "",
    truncated: deepest || (truncated ?? false),
    ...(tuple === undefined ? {} : { tuple: tupleToProto(tuple) }),
  };
}

export const reasonToProto: Readonly<Record<Reason, ReasonProto>> = {
  suspended: ReasonProto.SUSPENDED,
  tool_unregistered: ReasonProto.TOOL_UNREGISTERED,
  access_unregistered: ReasonProto.ACCESS_UNREGISTERED,
  access_missing: ReasonProto.ACCESS_MISSING,
  principal_lacks_permission: ReasonProto.PRINCIPAL_LACKS_PERMISSION,
  no_delegation: ReasonProto.NO_DELEGATION,
  delegation_expired: ReasonProto.DELEGATION_EXPIRED,
  delegation_suspended: ReasonProto.DELEGATION_SUSPENDED,
  chain_broken: ReasonProto.CHAIN_BROKEN,
  tool_not_covered: ReasonProto.TOOL_NOT_COVERED,
  resource_not_covered: ReasonProto.RESOURCE_NOT_COVERED,
  split_coverage: ReasonProto.SPLIT_COVERAGE,
  condition_failed: ReasonProto.CONDITION_FAILED,
  context_missing: ReasonProto.CONTEXT_MISSING,
  session_mismatch: ReasonProto.SESSION_MISMATCH,
  not_eligible: ReasonProto.NOT_ELIGIBLE,
};

const outcomeToProto: Readonly<Record<Explanation["outcome"], ExplanationOutcome>> = {
  yes: ExplanationOutcome.YES,
  no: ExplanationOutcome.NO,
  needs_context: ExplanationOutcome.NEEDS_CONTEXT,
  unknown: ExplanationOutcome.UNKNOWN,
};

function toolFromProto(tool: ObjectProto | undefined, field: string): ObjectRef {
  const parsed = objectFromProto(tool, field);
  if (parsed.type !== toolType) throw malformed(`${field}.type`, `must be \`${toolType}\``);
  return parsed;
}

function accessFromProto(
  { context: given, resource, role, permission }: AccessProto,
  callContext: JsonObject,
  limits: RequestLimits,
  prefix: string,
  index: number,
): Access {
  const field = `${prefix}accesses[${index}]`;
  const context = conditionContextFromProto(given, limits, `${field}.context`);
  for (const name in context) {
    if (Object.hasOwn(callContext, name)) {
      throw malformed(`${field}.context.${name}`, "stands in the context of the call as well");
    }
  }
  return {
    resource: objectFromProto(resource, `${field}.resource`),
    context,
    ...(role === "" ? undefined : { role: parseName(role, `${field}.role`) }),
    ...(permission === ""
      ? undefined
      : { permission: parseName(permission, `${field}.permission`) }),
  };
}
