import {
  DelegationService,
  RevokedBecause,
  RevokeOutcome,
  type DelegateRequest,
  type GetDelegationRequest,
  type ListDelegationsRequest,
  type OffboardRequest,
  type RenewDelegationRequest,
  type ResumeRequest,
  type RevokeRequest,
  type SuspendRequest,
} from "../gen/prokura/v1/delegation_pb.ts";
import type { DelegationFilter, Delegations, Revoked } from "../service/delegations.ts";
import { inTenant, type CallContext, type Handlers } from "./call.ts";
import {
  consentFromProto,
  coverageFromProto,
  delegationIdFromProto,
  delegationToProto,
  entryToProto,
  labelsFromProto,
  lifetimeFromProto,
  selectorFromProto,
} from "./delegations.ts";
import { atMost, malformed, requiredTextFromProto, textFromProto } from "./field.ts";
import { contractLimits, type RequestLimits } from "./limits.ts";
import { objectFromProto, optionalObjectFromProto, subjectFromProto } from "./nouns.ts";
import {
  consistencyFromProto,
  optionsFromProto,
  optionsWithoutKeyFromProto,
  pageFromProto,
  resultToProto,
  tenantFromProto,
} from "./request.ts";

const suspensionIdBytesMax = 512;
const callerIdBytesMax = 512;

export function delegationHandlers(delegations: Delegations, limits: RequestLimits): Handlers {
  const { method } = DelegationService;
  return (transport) => {
    transport.unary(method.delegate, (request, call) =>
      delegate(delegations, limits, request, call),
    );
    transport.unary(method.renewDelegation, (request, call) => renew(delegations, request, call));
    transport.unary(method.revoke, (request, call) => revoke(delegations, request, call));
    transport.unary(method.getDelegation, (request, call) => get(delegations, request, call));
    transport.unary(method.listDelegations, (request, call) =>
      list(delegations, limits, request, call),
    );
    transport.unary(method.suspend, (request, call) => suspend(delegations, request, call));
    transport.unary(method.resume, (request, call) => resume(delegations, request, call));
    transport.unary(method.offboard, (request, call) => offboard(delegations, request, call));
  };
}

async function delegate(
  delegations: Delegations,
  limits: RequestLimits,
  request: DelegateRequest,
  call: CallContext,
) {
  const { pairs, parentId } = request;
  const principal = optionalObjectFromProto(request.principal, "principal");
  const delegator = optionalObjectFromProto(request.delegator, "delegator");
  if (principal === undefined && parentId === "") {
    throw malformed("principal", "must be set where there is no parent");
  }
  if (pairs.length === 0) throw malformed("pairs", "must have at least one pair");
  atMost(pairs.length, contractLimits.pairs, "pairs");
  const answer = await delegations.delegate(
    inTenant(call, tenantFromProto(request.tenant), request.proofToken),
    {
      ...(principal === undefined ? {} : { principal }),
      ...(delegator === undefined ? {} : { delegator }),
      delegate: objectFromProto(request.delegate, "delegate"),
      ...(parentId === "" ? {} : { parentId: delegationIdFromProto(parentId, "parent_id") }),
      pairs: pairs.map((pair, index) => coverageFromProto(pair, limits, `pairs[${index}]`)),
      sessions: request.sessions.map((session, index) =>
        subjectFromProto(session, `sessions[${index}]`),
      ),
      delegableTo: request.delegableTo.map((agent, index) =>
        subjectFromProto(agent, `delegable_to[${index}]`),
      ),
      lifetime: lifetimeFromProto(request.expiry),
      purpose: textFromProto(request.purpose, contractLimits.noteBytes, "purpose"),
      ...(request.consent === undefined ? {} : { consent: consentFromProto(request.consent) }),
      labels: labelsFromProto(request.labels),
    },
    optionsFromProto(request.options),
  );
  return {
    delegations: answer.delegations.map(delegationToProto),
    result: resultToProto(answer.result),
  };
}

async function renew(delegations: Delegations, request: RenewDelegationRequest, call: CallContext) {
  const answer = await delegations.renew(
    inTenant(call, tenantFromProto(request.tenant), request.proofToken),
    {
      delegationId: delegationIdFromProto(request.delegationId, "delegation_id"),
      lifetime: lifetimeFromProto(request.expiry),
    },
    optionsFromProto(request.options),
  );
  return {
    delegation: delegationToProto(answer.delegation),
    result: resultToProto(answer.result),
  };
}

async function revoke(delegations: Delegations, request: RevokeRequest, call: CallContext) {
  const revoked = await delegations.revoke(
    inTenant(call, tenantFromProto(request.tenant), request.proofToken),
    { selector: selectorFromProto(request.selector), dryRun: request.dryRun },
    optionsFromProto(request.options),
  );
  return revokedToProto(revoked);
}

function revokedToProto(revoked: Revoked) {
  const { total, delegations, remaining, result } = revoked;
  const listedMax = contractLimits.revokedListed;
  return {
    outcome: outcomeToProto[revoked.outcome],
    revoked: delegations.slice(0, listedMax).map((one) => ({
      delegation: delegationToProto(one.delegation),
      because: becauseToProto[one.because],
      lostBeyondSelector: {
        tools: one.lostTools.map(entryToProto),
        resources: one.lostResources.map(entryToProto),
      },
    })),
    revokedCount: BigInt(total),
    remaining: remaining.slice(0, listedMax).map((one) => ({
      delegation: delegationToProto(one.delegation),
      stillCovered: {
        tools: one.stillCoveredTools.map(entryToProto),
        resources: one.stillCoveredResources.map(entryToProto),
      },
    })),
    remainingCount: BigInt(remaining.length),
    ...(result === undefined ? {} : { result: resultToProto(result) }),
  };
}

const outcomeToProto: Readonly<Record<Revoked["outcome"], RevokeOutcome>> = {
  revoked: RevokeOutcome.REVOKED,
  nothing_matched: RevokeOutcome.NOTHING_MATCHED,
  dry_run: RevokeOutcome.DRY_RUN,
};

const becauseToProto: Readonly<Record<"selected" | "descendant", RevokedBecause>> = {
  selected: RevokedBecause.SELECTED,
  descendant: RevokedBecause.DESCENDANT,
};

async function get(delegations: Delegations, request: GetDelegationRequest, call: CallContext) {
  const { delegation, token } = await delegations.get(
    inTenant(call, tenantFromProto(request.tenant), request.proofToken),
    delegationIdFromProto(request.delegationId, "delegation_id"),
    consistencyFromProto(request.consistency),
  );
  return { delegation: delegationToProto(delegation), token };
}

async function list(
  delegations: Delegations,
  limits: RequestLimits,
  request: ListDelegationsRequest,
  call: CallContext,
) {
  const page = await delegations.list(
    inTenant(call, tenantFromProto(request.tenant), request.proofToken),
    filterFromProto(request),
    pageFromProto(request, limits),
    consistencyFromProto(request.consistency),
  );
  return {
    delegations: page.items.map(delegationToProto),
    nextPageToken: page.nextPageToken ?? "",
    token: page.token,
  };
}

function filterFromProto(request: ListDelegationsRequest): DelegationFilter {
  const { parentId } = request;
  const principal = optionalObjectFromProto(request.principal, "principal");
  const delegated = optionalObjectFromProto(request.delegate, "delegate");
  const tool = optionalObjectFromProto(request.tool, "tool");
  const resource = optionalObjectFromProto(request.resource, "resource");
  return {
    ...(principal === undefined ? {} : { principal }),
    ...(delegated === undefined ? {} : { delegate: delegated }),
    ...(parentId === "" ? {} : { parentId: delegationIdFromProto(parentId, "parent_id") }),
    ...(tool === undefined ? {} : { tool }),
    ...(resource === undefined ? {} : { resource }),
    labels: labelsFromProto(request.labels),
    includeExpired: request.includeExpired,
  };
}

async function suspend(delegations: Delegations, request: SuspendRequest, call: CallContext) {
  const { suspensionId, result } = await delegations.suspend(
    inTenant(call, tenantFromProto(request.tenant)),
    objectFromProto(request.target, "target"),
    optionsFromProto(request.options),
  );
  return { suspensionId, result: resultToProto(result) };
}

async function resume(delegations: Delegations, request: ResumeRequest, call: CallContext) {
  const { liftedIds, remainingIds, result } = await delegations.resume(
    inTenant(call, tenantFromProto(request.tenant)),
    { target: objectFromProto(request.target, "target"), ...suspensionFromProto(request) },
    optionsFromProto(request.options),
  );
  return {
    resumedIds: [...liftedIds],
    remainingIds: [...remainingIds],
    result: resultToProto(result),
  };
}

function suspensionFromProto({ suspension }: ResumeRequest): { readonly suspensionId?: string } {
  switch (suspension.case) {
    case "suspensionId":
      return {
        suspensionId: requiredTextFromProto(
          suspension.value,
          suspensionIdBytesMax,
          "suspension_id",
        ),
      };
    case "all":
      if (!suspension.value) throw malformed("all", "must be true where it is set");
      return {};
    case undefined:
      throw malformed("suspension_id", "must be set, or all");
  }
}

async function offboard(delegations: Delegations, request: OffboardRequest, call: CallContext) {
  const { callerIds } = request;
  atMost(callerIds.length, contractLimits.offboardedCallers, "caller_ids");
  const offboarded = await delegations.offboard(
    inTenant(call, tenantFromProto(request.tenant)),
    {
      principal: objectFromProto(request.principal, "principal"),
      callerIds: callerIds.map((id, index) =>
        requiredTextFromProto(id, callerIdBytesMax, `caller_ids[${index}]`),
      ),
    },
    optionsWithoutKeyFromProto(request.options, "to ask again is safe"),
  );
  const { suspensionId, revoked, deleted, withdrawn, revokedKeyIds, result } = offboarded;
  return {
    suspensionId,
    revokedCount: BigInt(revoked),
    deletedCount: BigInt(deleted),
    withdrawnCount: BigInt(withdrawn),
    revokedKeyIds: [...revokedKeyIds],
    result: resultToProto(result),
  };
}
