import type { MessageInitShape } from "@bufbuild/protobuf";
import { formatTuple } from "../core/tuple.ts";
import {
  AuditService,
  Outcome,
  type ListChangesRequest,
  type ListDecisionsRequest,
  type ListPastToolsRequest,
  type LoggedChangeSchema,
  type ReviewDecisionRequest,
  type VerifyLogRequest,
} from "../gen/prokura/v1/audit_pb.ts";
import { Verdict } from "../gen/prokura/v1/authorization_pb.ts";
import type { Audit, ChangeQuery } from "../service/audit.ts";
import type { DecisionQuery } from "../service/find-decisions.ts";
import { inTenant, type CallContext, type Handlers } from "./call.ts";
import {
  chainFromProto,
  conditionContextFromProto,
  explanationToProto,
  reasonToProto,
} from "./checks.ts";
import { atMost, malformed, requiredTextFromProto, textFromProto } from "./field.ts";
import { contractLimits, type RequestLimits } from "./limits.ts";
import { logPartsToProto, reportToProto } from "./log-parts.ts";
import { loggedDecisionToProto, outcomeNames } from "./logged-decision.ts";
import { objectToProto, optionalObjectFromProto } from "./nouns.ts";
import { consistencyFromProto, pageFromProto, tenantFromProto } from "./request.ts";
import { timestampFromProto, timestampToProto } from "./time.ts";

const idBytesMax = 512;
const callerIdBytesMax = 2_048;
const checkpointsMax = 1_000;
const checkpointBytesMax = 4_096;

export function auditHandlers(audit: Audit, limits: RequestLimits): Handlers {
  const { method } = AuditService;
  return (transport) => {
    transport.unary(method.listDecisions, async (request, call) => {
      const context = inTenant(call, tenantFromProto(request.tenant));
      const query = decisionQueryFromProto(request);
      const page = await audit.listDecisions(context, query, pageFromProto(request, limits));
      return {
        decisions: page.items.map(loggedDecisionToProto),
        nextPageToken: page.nextPageToken ?? "",
      };
    });
    transport.unary(method.listChanges, async (request, call) => {
      const context = inTenant(call, tenantFromProto(request.tenant));
      const query = changeQueryFromProto(request);
      const page = await audit.listChanges(context, query, pageFromProto(request, limits));
      return { changes: page.items.map(changeToProto), nextPageToken: page.nextPageToken ?? "" };
    });
    transport.unary(method.reviewDecision, (request, call) =>
      reviewDecision(audit, limits, request, call),
    );
    transport.unary(method.listPastTools, (request, call) =>
      listPastTools(audit, limits, request, call),
    );
    transport.unary(method.verifyLog, async (request, call) =>
      reportToProto(
        await audit.verify(
          inTenant(call, tenantFromProto(request.tenant)),
          evidenceFromProto(request),
        ),
      ),
    );
    transport.serverStream(method.exportLog, (request, call) =>
      logPartsToProto(audit.export(inTenant(call, tenantFromProto(request.tenant)))),
    );
    transport.unary(method.listCheckpoints, async (request, call) => ({
      checkpoints: (await audit.checkpoints(inTenant(call, tenantFromProto(request.tenant)))).map(
        (signed) => ({ ...signed }),
      ),
    }));
  };
}

async function reviewDecision(
  audit: Audit,
  limits: RequestLimits,
  request: ReviewDecisionRequest,
  call: CallContext,
) {
  const { accessContexts } = request;
  atMost(accessContexts.length, contractLimits.accesses, "access_contexts");
  const reviewed = await audit.review(
    inTenant(call, tenantFromProto(request.tenant)),
    requiredTextFromProto(request.decisionId, idBytesMax, "decision_id"),
    {
      context: conditionContextFromProto(request.context, limits, "context"),
      accessContexts: accessContexts.map((context, index) =>
        conditionContextFromProto(context, limits, `access_contexts[${index}]`),
      ),
    },
  );
  const { verdict, explanation, same, sameContext } = reviewed;
  return {
    logged: loggedDecisionToProto(reviewed.logged),
    verdict: verdict.kind === "allowed" ? Verdict.ALLOWED : Verdict.DENIED,
    ...(verdict.kind === "denied"
      ? { reason: reasonToProto[verdict.reason], detail: verdict.detail }
      : {}),
    delegationIds: [...verdict.delegationIds],
    same,
    sameContext,
    explanation: explanationToProto(explanation),
  };
}

async function listPastTools(
  audit: Audit,
  limits: RequestLimits,
  request: ListPastToolsRequest,
  call: CallContext,
) {
  if (request.at === undefined) throw malformed("at", "must be set: a token or an instant");
  const page = await audit.listPastTools(inTenant(call, tenantFromProto(request.tenant)), {
    ...chainFromProto(request, ""),
    context: {},
    consistency: consistencyFromProto({
      $typeName: "prokura.v1.Consistency",
      mode: { case: "atExact", value: request.at },
    }),
    page: pageFromProto(request, limits),
  });
  return {
    tools: page.items.map(objectToProto),
    nextPageToken: page.nextPageToken ?? "",
    token: page.token,
  };
}

function decisionQueryFromProto(
  request: ListDecisionsRequest,
): DecisionQuery | { readonly decisionId: string } {
  const decisionId = textFromProto(request.decisionId, idBytesMax, "decision_id");
  if (decisionId !== "") return { decisionId };
  const principal = optionalObjectFromProto(request.principal, "principal");
  const actor = optionalObjectFromProto(request.actor, "actor");
  const tool = optionalObjectFromProto(request.tool, "tool");
  const resource = optionalObjectFromProto(request.resource, "resource");
  const session = optionalObjectFromProto(request.session, "session");
  const delegationId = textFromProto(request.delegationId, idBytesMax, "delegation_id");
  const callerId = textFromProto(request.callerId, callerIdBytesMax, "caller_id");
  const outcome = request.outcome === Outcome.UNSPECIFIED ? undefined : outcomeOf(request.outcome);
  return {
    ...timesFromProto(request),
    ...(principal === undefined ? {} : { principal }),
    ...(actor === undefined ? {} : { actor }),
    ...(tool === undefined ? {} : { tool }),
    ...(resource === undefined ? {} : { resource }),
    ...(session === undefined ? {} : { session }),
    ...(delegationId === "" ? {} : { delegationId }),
    ...(callerId === "" ? {} : { callerId }),
    ...(outcome === undefined ? {} : { outcome }),
    newestFirst: request.newestFirst,
  };
}

function outcomeOf(outcome: Outcome): (typeof outcomeNames)[number] {
  const name = outcomeNames[outcome - 1];
  if (name === undefined) throw malformed("outcome", "is none that this version knows");
  return name;
}

function changeQueryFromProto(request: ListChangesRequest): ChangeQuery {
  const object = optionalObjectFromProto(request.object, "object");
  const callerId = textFromProto(request.callerId, callerIdBytesMax, "caller_id");
  const operation = textFromProto(request.operation, idBytesMax, "operation");
  return {
    ...timesFromProto(request),
    ...(object === undefined ? {} : { object }),
    ...(callerId === "" ? {} : { callerId }),
    ...(operation === "" ? {} : { operation }),
    newestFirst: request.newestFirst,
  };
}

function timesFromProto({
  since,
  until,
}: Pick<ListDecisionsRequest, "since" | "until">): Pick<DecisionQuery, "sinceMs" | "untilMs"> {
  return {
    ...(since === undefined ? {} : { sinceMs: timestampFromProto(since, "since") }),
    ...(until === undefined ? {} : { untilMs: timestampFromProto(until, "until") }),
  };
}

function evidenceFromProto({ checkpoints, keys }: VerifyLogRequest) {
  atMost(checkpoints.length, checkpointsMax, "checkpoints");
  atMost(keys.length, checkpointsMax, "keys");
  return {
    checkpoints: checkpoints.map(({ body, signature }, index) => ({
      body: textFromProto(body, checkpointBytesMax, `checkpoints[${index}].body`),
      signature: textFromProto(signature, 128, `checkpoints[${index}].signature`),
    })),
    keys: keys.map((key, index) => textFromProto(key, 64, `keys[${index}]`)),
  };
}

type Change = Awaited<ReturnType<Audit["listChanges"]>>["items"][number];

function changeToProto({
  part,
  created,
  deleted,
}: Change): MessageInitShape<typeof LoggedChangeSchema> {
  const { facts, digest } = part;
  return {
    revision: BigInt(facts.revision),
    committedAt: timestampToProto(facts.committedAtMs),
    callerId: facts.callerId,
    operation: facts.operation,
    reason: facts.reason,
    modelId: facts.modelId ?? "",
    createdCount: facts.createdCount,
    deletedCount: facts.deletedCount,
    created: created.map(formatTuple),
    deleted: deleted.map(formatTuple),
    recordIds: facts.recordIds === null ? [] : facts.recordIds.split(" "),
    digest,
  };
}
