import type { JsonObject } from "./json.ts";
import type { Name, ObjectRef } from "./object.ts";
import type { Revision, Timeline } from "./revision.ts";
import type { RelationTuple } from "./tuple.ts";

/** A question: may the last actor, acting for the principal, call the tool on these resources? */
export interface Call {
  readonly principal: ObjectRef;
  /** From the first delegate to the caller of the tool; 1 to 8. */
  readonly actors: readonly ObjectRef[];
  readonly tool: ObjectRef;
  readonly accesses: readonly Access[];
  readonly context: JsonObject;
  readonly session?: ObjectRef;
  /** Pins the last delegation of the chain. */
  readonly delegationId?: string;
  /** `actors` names the last delegate alone, and any chain that ends there will do. */
  readonly partialChain: boolean;
  /** Facts about where a resource lies, from a caller that may supply them. */
  readonly contextualTuples: readonly RelationTuple[];
  /** What named principal and actors, where it was no plain naming. No decision rests on it. */
  readonly shownToken?: ShownToken;
  /** Whoever asks the same again shows this very object: what follows from it may be kept with it. */
  readonly isShared?: true;
}

/** What is kept of a verified token, which is never the token. */
export interface ShownToken {
  readonly issuer: string;
  /** `jti` */
  readonly id?: string;
  /** `cnf.jkt`: the key that the token is bound to (RFC 9449). Passed on, not verified here. */
  readonly keyThumbprint?: string;
}

/** One resource that the call touches. */
export interface Access {
  readonly resource: ObjectRef;
  readonly role?: string;
  /** A relation on the resource that the principal must have, beside what the tool requires. */
  readonly permission?: Name;
  readonly context: JsonObject;
}

/** Why a call is denied. The order is the order in which reasons are given. */
export const reasons = [
  "suspended",
  "tool_unregistered",
  "access_unregistered",
  "access_missing",
  "principal_lacks_permission",
  "no_delegation",
  "delegation_expired",
  "delegation_suspended",
  "chain_broken",
  "tool_not_covered",
  "resource_not_covered",
  "split_coverage",
  "condition_failed",
  "context_missing",
  "session_mismatch",
  "not_eligible",
] as const;

export type Reason = (typeof reasons)[number];

/** What the engine says of a call, a function of (revision, now, call) alone. */
export type Verdict = Allowed | Denied;

export interface Allowed {
  readonly kind: "allowed";
  /** The canonical chain: D1 first. */
  readonly delegationIds: readonly string[];
  /**
   * Earliest time, in milliseconds since 1970, at which an expiry could change the answer; the
   * judging instant itself if a condition read `current_time`; `undefined` where nothing expires.
   * It is not a cache lifetime: a revocation ends it sooner.
   */
  readonly validUntilMs?: number;
}

export interface Denied {
  readonly kind: "denied";
  readonly reason: Reason;
  /** With `context_missing`: the parameters that could turn the answer. Sorted. */
  readonly missingNames: readonly string[];
  /** The chain that got furthest, where there is one. */
  readonly delegationIds: readonly string[];
  /** One line for people: what object or link the reason is about. */
  readonly detail: string;
}

/** A verdict as it leaves the service. */
export interface Decision {
  readonly id: string;
  readonly verdict: Verdict;
  readonly tenant: string;
  readonly timeline: Timeline;
  readonly revision: Revision;
  readonly modelId: string;
  readonly explanation?: Explanation;
}

/** How a decision came about, for people: each node a question, its outcome, and what it rests on. */
export interface Explanation {
  readonly label: string;
  readonly outcome: "yes" | "no" | "needs_context" | "unknown";
  readonly tuple?: RelationTuple;
  readonly detail?: string;
  readonly children: readonly Explanation[];
  /** Children were left out because the tree met its limit. */
  readonly truncated?: boolean;
}
