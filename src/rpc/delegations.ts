import type { MessageInitShape } from "@bufbuild/protobuf";
import type { Consent, Covered, Delegation, DelegationState } from "../core/delegation.ts";
import { DomainError } from "../core/error.ts";
import {
  DelegationState as DelegationStateProto,
  type Consent as ConsentProto,
  type ConsentSchema,
  type Coverage as CoverageProto,
  type CoverageEntry as CoverageEntryProto,
  type CoverageEntrySchema,
  type DelegationSchema,
  type Expiry as ExpiryProto,
  type Selector as SelectorProto,
} from "../gen/prokura/v1/delegation_pb.ts";
import type { CoveragePair, Lifetime, Selector } from "../service/delegations.ts";
import { contextFromProto, contextToProto } from "./context.ts";
import { malformed, required, requiredTextFromProto, textFromProto } from "./field.ts";
import { contractLimits, type RequestLimits } from "./limits.ts";
import {
  conditionFromProto,
  conditionToProto,
  objectToProto,
  optionalObjectFromProto,
  subjectFromProto,
  subjectToProto,
} from "./nouns.ts";
import { durationFromProto, timestampFromProto, timestampToProto } from "./time.ts";

const delegationIdBytesMax = 512;

export function delegationIdFromProto(id: string, field: string): string {
  return requiredTextFromProto(id, delegationIdBytesMax, field);
}

export function coverageFromProto(
  coverage: CoverageProto,
  limits: RequestLimits,
  field: string,
): CoveragePair {
  return {
    tools: coverage.tools.map((entry, index) =>
      entryFromProto(entry, limits, `${field}.tools[${index}]`),
    ),
    resources: coverage.resources.map((entry, index) =>
      entryFromProto(entry, limits, `${field}.resources[${index}]`),
    ),
  };
}

export function entryToProto(entry: Covered): MessageInitShape<typeof CoverageEntrySchema> {
  const { condition, expiresAtMs } = entry;
  return {
    subject: subjectToProto(entry.subject),
    ...(condition === undefined ? {} : { condition: conditionToProto(condition) }),
    ...(expiresAtMs === undefined ? {} : { expiresAt: timestampToProto(expiresAtMs) }),
  };
}

export function lifetimeFromProto(expiry: ExpiryProto | undefined): Lifetime {
  const arm = expiry?.expiry;
  switch (arm?.case) {
    case undefined:
      return { kind: "default" };
    case "lifetime": {
      const durationMs = durationFromProto(arm.value, "expiry.lifetime");
      if (durationMs <= 0) throw malformed("expiry.lifetime", "must be over 0 milliseconds");
      return { kind: "for", durationMs };
    }
    case "expiresAt":
      return {
        kind: "until",
        expiresAtMs: timestampFromProto(arm.value, "expiry.expires_at"),
      };
    case "forever":
      if (!arm.value) throw malformed("expiry.forever", "must be true where it is set");
      return { kind: "forever" };
  }
}

export function consentFromProto(consent: ConsentProto): Consent {
  const { noteBytes, consentClaimsBytes } = contractLimits;
  const { authenticatedAt } = consent;
  return {
    issuer: textFromProto(consent.issuer, noteBytes, "consent.issuer"),
    subject: textFromProto(consent.subject, noteBytes, "consent.subject"),
    tokenId: textFromProto(consent.tokenId, noteBytes, "consent.token_id"),
    claims: contextFromProto(consent.claims, consentClaimsBytes, "consent.claims"),
    ...(authenticatedAt === undefined
      ? {}
      : {
          authenticatedAtMs: timestampFromProto(authenticatedAt, "consent.authenticated_at"),
        }),
  };
}

export function labelsFromProto(labels: Readonly<Record<string, string>>): Record<string, string> {
  const { labels: labelsMax, labelNameBytes, labelValueBytes } = contractLimits;
  const entries = Object.entries(labels);
  if (entries.length > labelsMax) {
    throw new DomainError("limit_exceeded", `labels has over ${labelsMax} elements`, {
      field: "labels",
    });
  }
  return Object.fromEntries(
    entries.map(([name, value]) => {
      const parsed = requiredTextFromProto(name, labelNameBytes, "labels");
      if (parsed === "__proto__") throw malformed("labels", "must not have the name `__proto__`");
      return [parsed, textFromProto(value, labelValueBytes, `labels.${parsed}`)];
    }),
  );
}

export function selectorFromProto(selector: SelectorProto | undefined): Selector {
  const { delegationId, ...objects } = required(selector, "selector");
  const principal = optionalObjectFromProto(objects.principal, "selector.principal");
  const actor = optionalObjectFromProto(objects.actor, "selector.actor");
  const tool = optionalObjectFromProto(objects.tool, "selector.tool");
  const resource = optionalObjectFromProto(objects.resource, "selector.resource");
  const session = optionalObjectFromProto(objects.session, "selector.session");
  const parsed: Selector = {
    ...(delegationId === ""
      ? {}
      : { delegationId: delegationIdFromProto(delegationId, "selector.delegation_id") }),
    ...(principal === undefined ? {} : { principal }),
    ...(actor === undefined ? {} : { actor }),
    ...(tool === undefined ? {} : { tool }),
    ...(resource === undefined ? {} : { resource }),
    ...(session === undefined ? {} : { session }),
  };
  if (Object.keys(parsed).length === 0) {
    throw malformed("selector", "must have at least one field set");
  }
  return parsed;
}

export function delegationToProto(
  delegation: Delegation,
): MessageInitShape<typeof DelegationSchema> {
  const { principal, delegator, delegate, expiresAtMs, record } = delegation;
  return {
    id: delegation.id,
    parentId: delegation.parentId ?? "",
    coverage: {
      tools: delegation.tools.map(entryToProto),
      resources: delegation.resources.map(entryToProto),
    },
    sessions: delegation.sessions.map(entryToProto),
    delegableTo: delegation.delegableTo.map(entryToProto),
    suspensionIds: [...delegation.suspensionIds],
    state: stateToProto[delegation.state],
    ...(principal === undefined ? {} : { principal: objectToProto(principal) }),
    ...(delegator === undefined ? {} : { delegator: objectToProto(delegator) }),
    ...(delegate === undefined ? {} : { delegate: objectToProto(delegate) }),
    ...(expiresAtMs === undefined ? {} : { expiresAt: timestampToProto(expiresAtMs) }),
    ...(record === undefined
      ? {}
      : {
          purpose: record.purpose,
          labels: { ...record.labels },
          createdBy: record.createdBy,
          createdAt: timestampToProto(record.createdAtMs),
          ...(record.consent === undefined ? {} : { consent: consentToProto(record.consent) }),
        }),
  };
}

const stateToProto: Readonly<Record<DelegationState, DelegationStateProto>> = {
  live: DelegationStateProto.LIVE,
  expired: DelegationStateProto.EXPIRED,
  suspended: DelegationStateProto.SUSPENDED,
  broken: DelegationStateProto.BROKEN,
};

function consentToProto(consent: Consent): MessageInitShape<typeof ConsentSchema> {
  const { issuer, subject, tokenId, authenticatedAtMs, claims } = consent;
  return {
    issuer,
    subject,
    tokenId,
    claims: contextToProto(claims),
    ...(authenticatedAtMs === undefined
      ? {}
      : { authenticatedAt: timestampToProto(authenticatedAtMs) }),
  };
}

function entryFromProto(entry: CoverageEntryProto, limits: RequestLimits, field: string): Covered {
  const { condition, expiresAt } = entry;
  return {
    subject: subjectFromProto(entry.subject, `${field}.subject`),
    ...(condition === undefined
      ? {}
      : { condition: conditionFromProto(condition, limits, `${field}.condition`) }),
    ...(expiresAt === undefined
      ? {}
      : { expiresAtMs: timestampFromProto(expiresAt, `${field}.expires_at`) }),
  };
}
