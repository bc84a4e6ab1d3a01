import type { Caller } from "../core/caller.ts";
import type { Revision, Timeline } from "../core/revision.ts";

/** What accompanies every use case: who asks, where, and when the asker stops waiting. */
export interface RequestContext {
  readonly caller: Caller;
  readonly tenant: string;
  /** Aborts when the client cancels or its deadline passes; the reason is a `DomainError`. */
  readonly signal: AbortSignal;
  /** Milliseconds left until the client's deadline, as of the arrival; absent: no deadline. */
  readonly deadlineMs?: number;
  /** A token of the one in whose name a delegation is given or taken; not verified yet. */
  readonly proofToken?: string;
  /** Of the client's trace (W3C Trace Context): 32 hexadecimal digits. */
  readonly traceId?: string;
}

/** What every mutation takes beside its own fields. */
export interface MutationOptions {
  /** 1 to 128 characters; the same key with another request is refused. */
  readonly idempotencyKey?: string;
  /** Why: kept with the revision. At most 1,024 characters. */
  readonly reason: string;
  /** The write returns at its commit: the OK then promises nothing about other nodes. */
  readonly skipBarrier: boolean;
}

/** How a mutation ended. */
export interface WriteResult {
  readonly token: string;
  readonly timeline: Timeline;
  readonly revision: Revision;
  /** False only where the caller chose to skip the barrier. */
  readonly enforced: boolean;
  readonly nodesAcknowledged: number;
  readonly waitedMs: number;
}

/** How fresh an answer must be. */
export type Consistency =
  | { readonly kind: "default" }
  | { readonly kind: "at_least_as_fresh"; readonly token: string }
  | { readonly kind: "fully_consistent" }
  | { readonly kind: "at_exact_token"; readonly token: string }
  | { readonly kind: "at_exact_instant"; readonly instantMs: number };

/** One page of a list, and where the next one starts; absent at the end. */
export interface Paged<Item> {
  readonly items: readonly Item[];
  readonly nextPageToken?: string;
  /** The revision that the whole list is read at, as a token. */
  readonly token: string;
}

export interface PageRequest {
  /** 1 to 1,000; 0 takes 100. */
  readonly pageSize: number;
  /** Empty for the first page. */
  readonly pageToken: string;
}
