import type { Caller } from "../core/caller.ts";
import type { RevisionChange } from "../core/change.ts";
import type { DelegationRecord } from "../core/delegation.ts";
import type { DomainError } from "../core/error.ts";
import type { Name, ObjectRef } from "../core/object.ts";
import type { Revision, Timeline } from "../core/revision.ts";
import type { RelationTuple, TupleFilter } from "../core/tuple.ts";
import type { LeaseScan } from "./leases.ts";

/** One atomic write: all of it becomes one revision, or none of it (an empty revision is allotted all the same). */
export interface Mutation {
  readonly tenant: string;
  readonly caller: Caller;
  /** What kind of mutation, as kept with the revision: `write_tuples`, `delegate`, `revoke`, … */
  readonly operation: string;
  /** Why, in the caller's words; may be empty. */
  readonly reason: string;
  /**
   * The model against which the tuples were validated. Where another is active at the commit, the
   * mutation is refused with `write_conflict` and may be validated and sent again.
   */
  readonly validatedModelId?: string;
  readonly steps: readonly TupleStep[];
  readonly preconditions: readonly Precondition[];
  /** Kept beside the delegations that the steps create. */
  readonly records: readonly DelegationRecord[];
  /** Activates this stored model. */
  readonly activateModelId?: string;
  readonly idempotency?: Idempotency;
  /** Revocations go before other writes in the node's queue. */
  readonly urgent: boolean;
}

export type TupleStep =
  /** Refused with `tuple_exists` where the key is live and unexpired. */
  | { readonly kind: "create"; readonly tuple: RelationTuple }
  /** Creates, or replaces condition and expiry. */
  | { readonly kind: "touch"; readonly tuple: RelationTuple }
  /** Deletes by key; nothing to delete is no error. */
  | { readonly kind: "delete"; readonly tuple: RelationTuple }
  /** Deletes by key where the live tuple's expiry lies before the time; else it is no error either. */
  | { readonly kind: "delete_expired"; readonly tuple: RelationTuple; readonly beforeMs: number }
  /**
   * Deletes what matches, in canonical order, up to `limit`; more than that is left and reported. What
   * goes along with a delegation's tuple counts, but for that of the first.
   */
  | { readonly kind: "delete_matching"; readonly filter: TupleFilter; readonly limit: number };

export type Precondition =
  | { readonly kind: "must_exist"; readonly filter: TupleFilter }
  | { readonly kind: "must_not_exist"; readonly filter: TupleFilter }
  /**
   * No tuple of this relation was created or deleted after the revision, on whatever object. Refused
   * with `write_conflict`: what was read must be read again.
   */
  | { readonly kind: "unchanged_since"; readonly revision: Revision; readonly relation: Name }
  | PairRoom;

/**
 * So many delegations of a principal to a delegate, and no more, were made after the revision, those of
 * this mutation included. Refused with `write_conflict`: whoever counted must count again.
 */
export interface PairRoom {
  readonly kind: "pair_room";
  readonly principal: ObjectRef;
  readonly delegate: ObjectRef;
  readonly since: Revision;
  readonly madeMax: number;
}

export interface Idempotency {
  /** 1 to 128 characters, unique per tenant and caller. */
  readonly key: string;
  /** Hash of the request without the key. */
  readonly requestHash: string;
  /** What a replay is answered with, made when it is known what the write does; the token is not in it. */
  readonly respond: (effect: Effect) => Uint8Array;
}

/** What a mutation did. */
export type Effect = Pick<Committed, "created" | "deleted" | "moreToDelete">;

export type MutationResult = Committed | Replayed | Refused;

interface AtRevision {
  /** The barrier is run at this revision whatever the kind (REVOCATION W2). */
  readonly revision: Revision;
  readonly timeline: Timeline;
  /** Chained over all revisions up to this one, in hexadecimal; empty until it is written. */
  readonly digest?: string;
  /** The same as everybody reads of the revision afterwards; absent until it is written. */
  readonly change?: RevisionChange;
  /**
   * Who had not acknowledged it, or what was committed with it, once it was committed (W4); `undefined`
   * where nobody knows. Never rejects. Absent where the other nodes were told nothing.
   */
  readonly scanned?: Promise<LeaseScan | undefined>;
}

export interface Committed extends AtRevision {
  readonly kind: "committed";
  readonly committedAtMs: number;
  readonly created: readonly RelationTuple[];
  readonly deleted: readonly RelationTuple[];
  /** True where a `delete_matching` met its limit with more left. */
  readonly moreToDelete: boolean;
}

export interface Replayed extends AtRevision {
  readonly kind: "replayed";
  readonly response: Uint8Array;
}

/** Nothing was written but an empty revision: `error` says why. */
export interface Refused extends AtRevision {
  readonly kind: "refused";
  readonly error: DomainError;
}
