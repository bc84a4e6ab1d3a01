import type { JsonObject } from "./json.ts";
import type { ObjectRef } from "./object.ts";
import type { Subject } from "./subject.ts";
import type { StoredCondition } from "./tuple.ts";

/** The names that the engine knows of a model; everything else is the user's own. */
export const delegationType = "delegation";
export const toolType = "tool";
export const permissionType = "permission";

/** Relations of a delegation that hold one plain object each. A deletion of any of them retires the id. */
export const identityRelations = ["principal", "delegator", "delegate", "parent"] as const;

export const chainLinksMax = 8;

/** One subject of a coverage relation: an object, `type:*` or a userset, with its condition. */
export interface Covered {
  readonly subject: Subject;
  readonly condition?: StoredCondition;
  readonly expiresAtMs?: number;
}

/** A delegation as it is stored, read whole at one revision. */
export interface Delegation {
  readonly id: string;
  readonly principal?: ObjectRef;
  readonly delegator?: ObjectRef;
  readonly delegate?: ObjectRef;
  readonly parentId?: string;
  readonly tools: readonly Covered[];
  readonly resources: readonly Covered[];
  readonly sessions: readonly Covered[];
  readonly delegableTo: readonly Covered[];
  /** Ids of the live suspensions on the delegation itself. */
  readonly suspensionIds: readonly string[];
  /** `undefined`: it does not expire. */
  readonly expiresAtMs?: number;
  readonly state: DelegationState;
  readonly record?: DelegationRecord;
}

/** `broken`: not exactly one principal, delegator and delegate, at most one parent. */
export type DelegationState = "live" | "expired" | "suspended" | "broken";

/** What is kept beside the tuples of a delegation: it decides nothing, and it answers "who let it?". */
export interface DelegationRecord {
  readonly id: string;
  readonly purpose: string;
  readonly consent?: Consent;
  readonly labels: Readonly<Record<string, string>>;
  readonly createdBy: string;
  readonly createdAtMs: number;
}

/** Evidence of the principal's consent, as the caller gave it. */
export interface Consent {
  readonly issuer: string;
  readonly subject: string;
  readonly tokenId: string;
  readonly authenticatedAtMs?: number;
  readonly claims: JsonObject;
}
