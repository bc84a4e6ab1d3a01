import type { Consent, Covered, Delegation } from "../core/delegation.ts";
import type { ObjectRef } from "../core/object.ts";
import type { Subject } from "../core/subject.ts";
import type {
  Consistency,
  MutationOptions,
  Paged,
  PageRequest,
  RequestContext,
  WriteResult,
} from "./request.ts";

/** Grants, renews, shows and ends delegations. */
export interface Delegations {
  /**
   * Writes one delegation a pair, all in one revision, and makes their ids. Fails with
   * `attenuation_violated` where a parent does not cover it, `limit_exceeded` at the ninth link or
   * the 1,001st live delegation of a pair, `delegation_not_found` for the parent, `malformed`.
   */
  delegate(
    context: RequestContext,
    request: DelegateRequest,
    options: MutationOptions,
  ): Promise<Delegated>;
  /** Gives principal, delegator and delegate one new expiry. Never beyond the parent's. */
  renew(
    context: RequestContext,
    request: { readonly delegationId: string; readonly lifetime: Lifetime },
    options: MutationOptions,
  ): Promise<{ readonly delegation: Delegation; readonly result: WriteResult }>;
  /** Deletes what the selector covers, whole and with its subtrees. Nothing selected is said, not failed. */
  revoke(
    context: RequestContext,
    request: RevokeRequest,
    options: MutationOptions,
  ): Promise<Revoked>;
  get(
    context: RequestContext,
    delegationId: string,
    consistency: Consistency,
  ): Promise<{ readonly delegation: Delegation; readonly token: string }>;
  list(
    context: RequestContext,
    filter: DelegationFilter,
    page: PageRequest,
    consistency: Consistency,
  ): Promise<Paged<Delegation>>;
  /** Adds one suspension on the object; the id lifts it. */
  suspend(
    context: RequestContext,
    target: ObjectRef,
    options: MutationOptions,
  ): Promise<{ readonly suspensionId: string; readonly result: WriteResult }>;
  /** Lifts one suspension, or all of the object's where no id is given. */
  resume(
    context: RequestContext,
    request: { readonly target: ObjectRef; readonly suspensionId?: string },
    options: MutationOptions,
  ): Promise<{
    readonly liftedIds: readonly string[];
    readonly remainingIds: readonly string[];
    readonly result: WriteResult;
  }>;
  /** Ends all that a principal or agent has, the suspension first. Safe to be asked again. */
  offboard(
    context: RequestContext,
    request: OffboardRequest,
    options: MutationOptions,
  ): Promise<Offboarded>;
}

export interface OffboardRequest {
  readonly principal: ObjectRef;
  /** As which callers it asked: whatever these may do is taken from them in every tenant. */
  readonly callerIds: readonly string[];
}

export interface Offboarded {
  readonly suspensionId: string;
  /** Delegations that are gone. */
  readonly revoked: number;
  /** Tuples of the tenant that are gone beside those. */
  readonly deleted: number;
  /** Permissions that the callers had. */
  readonly withdrawn: number;
  readonly revokedKeyIds: readonly string[];
  readonly result: WriteResult;
}

export interface DelegateRequest {
  /** May be absent with a parent, whose principal it then is. */
  readonly principal?: ObjectRef;
  /** Absent: the principal, or with a parent its delegate; anything else is refused. */
  readonly delegator?: ObjectRef;
  readonly delegate: ObjectRef;
  readonly parentId?: string;
  readonly pairs: readonly CoveragePair[];
  /** Empty: any session, or none. */
  readonly sessions: readonly Subject[];
  /** Empty: the delegate may not delegate on. */
  readonly delegableTo: readonly Subject[];
  readonly lifetime: Lifetime;
  readonly purpose: string;
  readonly consent?: Consent;
  readonly labels: Readonly<Record<string, string>>;
}

/** All these tools on all these resources. */
export interface CoveragePair {
  readonly tools: readonly Covered[];
  readonly resources: readonly Covered[];
}

export type Lifetime =
  | { readonly kind: "default" }
  | { readonly kind: "for"; readonly durationMs: number }
  | { readonly kind: "until"; readonly expiresAtMs: number }
  /** Only in so many words. */
  | { readonly kind: "forever" };

export interface Delegated {
  readonly delegations: readonly Delegation[];
  readonly result: WriteResult;
}

/** At least one field; several must all hold. A tool or resource selects by coverage. */
export interface Selector {
  readonly delegationId?: string;
  readonly principal?: ObjectRef;
  readonly actor?: ObjectRef;
  readonly tool?: ObjectRef;
  readonly resource?: ObjectRef;
  readonly session?: ObjectRef;
}

export interface RevokeRequest {
  readonly selector: Selector;
  readonly dryRun: boolean;
}

export interface Revoked {
  readonly outcome: "revoked" | "nothing_matched" | "dry_run";
  /** How many delegations it is about. */
  readonly total: number;
  /** The first 1,000 of them. */
  readonly delegations: readonly RevokedDelegation[];
  /** Live delegations that still let some actor of the selector's principal do what was selected. */
  readonly remaining: readonly RemainingDelegation[];
  readonly result?: WriteResult;
}

export interface RevokedDelegation {
  readonly delegation: Delegation;
  readonly because: "selected" | "descendant";
  /** What goes with it though the selector did not name it. */
  readonly lostTools: readonly Covered[];
  readonly lostResources: readonly Covered[];
}

/** A delegation that stays, and what of the selection it still covers. */
export interface RemainingDelegation {
  readonly delegation: Delegation;
  readonly stillCoveredTools: readonly Covered[];
  readonly stillCoveredResources: readonly Covered[];
}

export interface DelegationFilter {
  readonly principal?: ObjectRef;
  readonly delegate?: ObjectRef;
  readonly parentId?: string;
  /** By coverage: a delegation that covers it through a folder or a wildcard is listed. */
  readonly tool?: ObjectRef;
  readonly resource?: ObjectRef;
  /** All must be there with these values. */
  readonly labels: Readonly<Record<string, string>>;
  readonly includeExpired: boolean;
}
