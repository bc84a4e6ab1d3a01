import { modelElement, tupleElement, type LiveSum, type ModelHashes } from "../audit/live-sum.ts";
import type { DelegationRecord } from "../core/delegation.ts";
import { delegationType, identityRelations } from "../core/delegation.ts";
import type { ObjectRef } from "../core/object.ts";
import type { TupleFilter } from "../core/tuple.ts";
import type { PairRoom, Precondition, TupleStep } from "./mutation.ts";
import type { TupleRow } from "./schema.ts";
import { keyText, sealedTuple } from "./tuple-row.ts";

/** A tuple that is live at some point of a batch: stored before it, or created in it. */
export interface LiveTuple {
  readonly row: TupleRow;
  readonly createdRev: number;
  readonly ord: number;
  readonly stored: boolean;
}

/** What a batch reads, under the lock and before it writes. */
export interface BatchFacts {
  readonly nowMs: number;
  readonly horizon: number;
  /** The head before the batch. */
  readonly headBefore: number;
  readonly activeModelId: string | undefined;
  /** Live tuples under every key and on every delegation that the batch names. */
  readonly live: readonly LiveTuple[];
  readonly retiredIds: ReadonlySet<string>;
  /** Of the models that the batch activates, and then of the one that was active before, what they are. */
  readonly storedModels: ReadonlyMap<string, ModelHashes>;
  /** Over all that counts before the batch; absent where nobody summed it up. */
  readonly liveSum: LiveSum | undefined;
  readonly replies: ReadonlyMap<string, StoredReply>;
  /** Of each step and precondition with a filter: enough live tuples, whatever the batch deletes before. */
  readonly matches: ReadonlyMap<FilterOwner, readonly LiveTuple[]>;
  /** Relations, by `unchangedKey`, of which a tuple was created or deleted after the revision. */
  readonly changedSince: ReadonlySet<string>;
  /** How many delegations were made before the batch. */
  readonly pairsMade: ReadonlyMap<PairRoom, number>;
}

/** Who asks. Not the filter itself: one may be shared by a step and a precondition, which ask differently. */
export type FilterOwner =
  | Extract<TupleStep, { readonly kind: "delete_matching" }>
  | Extract<Precondition, { readonly filter: TupleFilter }>;

export interface StoredReply {
  readonly requestHash: string;
  readonly response: Uint8Array;
}

/** A reply that this batch is to store. */
export interface NewReply extends StoredReply {
  readonly callerId: string;
  readonly key: string;
}

/** A row to insert; one that a later mutation of the batch deleted has its `deletedRev` already. */
export interface PendingTuple {
  readonly row: TupleRow;
  readonly createdRev: number;
  readonly ord: number;
  deletedRev: number | null;
}

/** A stored row that the batch deleted. */
export interface Deletion {
  readonly createdRev: number;
  readonly ord: number;
  readonly deletedRev: number;
}

/**
 * The tenant as it stands between two mutations of a batch: what is stored, and on top of it what the
 * batch did so far. It ends as the list of rows to write.
 */
export class BatchState {
  readonly facts: BatchFacts;
  readonly created: PendingTuple[] = [];
  readonly deleted: Deletion[] = [];
  readonly retired: Map<string, number> = new Map();
  readonly records: DelegationRecord[] = [];
  readonly replies: Map<string, NewReply> = new Map();
  readonly activations: { readonly revision: number; readonly modelId: string }[] = [];
  readonly #live = new Map<string, LiveTuple>();
  readonly #identity = new Map<string, Map<string, LiveTuple>>();
  readonly #pending = new Map<LiveTuple, PendingTuple>();
  /** Keys that the batch changed: for them, what a filter read before counts no longer. */
  readonly #changedKeys = new Set<string>();
  readonly #changedRelations = new Set<string>();

  constructor(facts: BatchFacts) {
    this.facts = facts;
    for (const tuple of facts.live) this.#add(tuple);
    for (const tuples of facts.matches.values()) {
      for (const tuple of tuples) this.#add(tuple);
    }
  }

  /** Of the sum over all that counts now; absent where nobody summed it up. */
  get liveDigest(): string | undefined {
    return this.facts.liveSum?.digest;
  }

  get activeModelId(): string | undefined {
    return this.activations.at(-1)?.modelId ?? this.facts.activeModelId;
  }

  /** The live tuple of the key, expired or not. */
  find(key: string): LiveTuple | undefined {
    return this.#live.get(key);
  }

  isExpired(tuple: LiveTuple): boolean {
    return tuple.row.expires_at_ms !== null && tuple.row.expires_at_ms <= this.facts.nowMs;
  }

  /** The live tuples of one identity relation of a delegation: at most one, expired or not. */
  identityOf(row: TupleRow): readonly LiveTuple[] {
    return [...(this.#identity.get(identityKey(row))?.values() ?? [])];
  }

  /** The live identity tuples of a delegation. */
  identitiesOf(delegationId: string): readonly LiveTuple[] {
    return identityRelations.flatMap((relation) => [
      ...(this.#identity.get(`${relation}\n${delegationId}`)?.values() ?? []),
    ]);
  }

  isRetired(delegationId: string): boolean {
    return this.retired.has(delegationId) || this.facts.retiredIds.has(delegationId);
  }

  /** Whether an unexpired tuple matches now. The filter's matches are among the facts. */
  hasMatch(owner: FilterOwner): boolean {
    const { filter } = owner;
    const stored = this.facts.matches.get(owner) ?? [];
    if (
      stored.some((tuple) => !this.#changedKeys.has(keyText(tuple.row)) && !this.isExpired(tuple))
    ) {
      return true;
    }
    return [...this.#changedKeys].some((key) => {
      const tuple = this.#live.get(key);
      return tuple !== undefined && !this.isExpired(tuple) && matchesFilter(tuple.row, filter);
    });
  }

  /** How many delegations of the pair were made after the revision, before the mutation. */
  countMade(room: PairRoom): number {
    const { principal, delegate } = room;
    const made = this.created.filter(
      ({ row, deletedRev }) =>
        row.relation === "delegate" &&
        deletedRev === null &&
        isTo(row, delegate) &&
        this.#isNamed("principal", row.object_id, principal),
    );
    return (this.facts.pairsMade.get(room) ?? 0) + made.length;
  }

  #isNamed(relation: string, delegationId: string, subject: ObjectRef): boolean {
    const tuples = this.#identity.get(`${relation}\n${delegationId}`)?.values() ?? [];
    return [...tuples].some(({ row }) => isTo(row, subject));
  }

  isRelationChanged(relation: string): boolean {
    return this.#changedRelations.has(relation);
  }

  activate(modelId: string, revision: number): void {
    this.#sumModel("subtract");
    this.activations.push({ revision, modelId });
    this.#sumModel("add");
  }

  #sumModel(how: "add" | "subtract"): void {
    const id = this.activeModelId;
    const hashes = id === undefined ? undefined : this.facts.storedModels.get(id);
    if (id !== undefined && hashes !== undefined)
      this.facts.liveSum?.[how](modelElement(id, hashes));
  }

  remove(tuple: LiveTuple, revision: number): void {
    this.facts.liveSum?.subtract(tupleElement(tuple, sealedTuple(tuple.row)));
    const pending = this.#pending.get(tuple);
    if (pending === undefined) {
      this.deleted.push({ createdRev: tuple.createdRev, ord: tuple.ord, deletedRev: revision });
    } else {
      pending.deletedRev = revision;
    }
    const key = keyText(tuple.row);
    this.#live.delete(key);
    if (isIdentity(tuple.row)) this.#identity.get(identityKey(tuple.row))?.delete(key);
    this.#change(key, tuple.row.relation);
  }

  insert(row: TupleRow, revision: number, ord: number): void {
    const tuple: LiveTuple = { row, createdRev: revision, ord, stored: false };
    this.facts.liveSum?.add(tupleElement(tuple, sealedTuple(row)));
    const pending: PendingTuple = { row, createdRev: revision, ord, deletedRev: null };
    this.created.push(pending);
    this.#pending.set(tuple, pending);
    this.#add(tuple);
    this.#change(keyText(row), row.relation);
  }

  #add(tuple: LiveTuple): void {
    const key = keyText(tuple.row);
    if (this.#live.has(key)) return;
    this.#live.set(key, tuple);
    if (!isIdentity(tuple.row)) return;
    const relation = identityKey(tuple.row);
    const known = this.#identity.get(relation) ?? new Map<string, LiveTuple>();
    this.#identity.set(relation, known.set(key, tuple));
  }

  #change(key: string, relation: string): void {
    this.#changedKeys.add(key);
    this.#changedRelations.add(relation);
  }
}

/** Whether the tuple is one of those of which a delegation has one each, and whose end is its end. */
export function isIdentity(row: TupleRow): boolean {
  return (
    row.object_type === delegationType &&
    identityRelations.some((relation) => relation === row.relation)
  );
}

function isTo(row: TupleRow, { type, id }: ObjectRef): boolean {
  return row.subject_type === type && row.subject_id === id;
}

export function unchangedKey(revision: number, relation: string): string {
  return `${revision} ${relation}`;
}

export function replyKey(callerId: string, key: string): string {
  return `${callerId}\n${key}`;
}

function identityKey(row: TupleRow): string {
  return `${row.relation}\n${row.object_id}`;
}

function matchesFilter(row: TupleRow, filter: TupleFilter): boolean {
  return (
    (filter.objectType === undefined || filter.objectType === row.object_type) &&
    (filter.objectId === undefined || filter.objectId === row.object_id) &&
    (filter.relation === undefined || filter.relation === row.relation) &&
    (filter.subjectType === undefined || filter.subjectType === row.subject_type) &&
    (filter.subjectId === undefined || filter.subjectId === row.subject_id) &&
    (filter.subjectRelation === undefined || filter.subjectRelation === row.subject_relation)
  );
}
