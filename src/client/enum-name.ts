import type { DescEnum } from "@bufbuild/protobuf";
import { Outcome, OutcomeSchema } from "../gen/prokura/v1/audit_pb.ts";
import { ReasonSchema, type Reason } from "../gen/prokura/v1/authorization_pb.ts";
import { SeveritySchema, type Severity } from "../gen/prokura/v1/core_pb.ts";
import { DelegationStateSchema, RevokedBecauseSchema } from "../gen/prokura/v1/delegation_pb.ts";
import type { DelegationState, RevokedBecause } from "../gen/prokura/v1/delegation_pb.ts";
import { RevokeOutcomeSchema, type RevokeOutcome } from "../gen/prokura/v1/delegation_pb.ts";
import { TupleChangeKindSchema, type TupleChangeKind } from "../gen/prokura/v1/tuple_pb.ts";

// Every function gives `unspecified` for a value that is not set, and `unknown` for one that a later
// server knows and this client does not.

/** `error` or `warning`. */
export function severityName(severity: Severity): string {
  return nameOf(SeveritySchema, severity, "SEVERITY_");
}

/** `live`, `expired`, `suspended` or `broken`. */
export function delegationStateName(state: DelegationState): string {
  return nameOf(DelegationStateSchema, state, "DELEGATION_STATE_");
}

/** `revoked`, `nothing_matched` or `dry_run`. */
export function revokeOutcomeName(outcome: RevokeOutcome): string {
  return nameOf(RevokeOutcomeSchema, outcome, "REVOKE_OUTCOME_");
}

/** `selected` or `descendant`. */
export function revokedBecauseName(because: RevokedBecause): string {
  return nameOf(RevokedBecauseSchema, because, "REVOKED_BECAUSE_");
}

/** `created` or `deleted`. */
export function tupleChangeKindName(kind: TupleChangeKind): string {
  return nameOf(TupleChangeKindSchema, kind, "TUPLE_CHANGE_KIND_");
}

/** `allowed`, `denied` or `error`. */
export function outcomeName(outcome: Outcome): string {
  return nameOf(OutcomeSchema, outcome, "OUTCOME_");
}

/** Inverse of `outcomeName`. */
export function outcomeOfName(name: "allowed" | "denied" | "error"): Outcome {
  return { allowed: Outcome.ALLOWED, denied: Outcome.DENIED, error: Outcome.ERROR }[name];
}

/** As in `no_delegation`; empty where there is none. */
export function reasonName(reason: Reason): string {
  return reason === 0 ? "" : nameOf(ReasonSchema, reason, "REASON_");
}

function nameOf(schema: DescEnum, value: number, prefix: string): string {
  return schema.value[value]?.name.slice(prefix.length).toLowerCase() ?? "unknown";
}
