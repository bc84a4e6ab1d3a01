import { DomainError } from "../core/error.ts";
import { sameObject } from "../core/object.ts";
import { parseRevision, type Timeline } from "../core/revision.ts";
import { compareTuples, formatTuple, type RelationTuple } from "../core/tuple.ts";
import {
  isIdentity,
  replyKey,
  unchangedKey,
  type BatchState,
  type LiveTuple,
} from "./batch-state.ts";
import type {
  Effect,
  Mutation,
  MutationResult,
  PairRoom,
  Precondition,
  TupleStep,
} from "./mutation.ts";
import type { TupleRow } from "./schema.ts";
import { keyText, rowOfTuple, tupleOfRow } from "./tuple-row.ts";

/**
 * Applies one mutation of a batch to the state that the earlier ones left, whole or not at all. Pure
 * but for the state.
 */
export function applyMutation(
  state: BatchState,
  mutation: Mutation,
  revision: number,
  timeline: Timeline,
): MutationResult {
  const at = { revision: parseRevision(revision), timeline };
  const replay = findReply(state, mutation);
  if (replay instanceof DomainError) return { kind: "refused", ...at, error: replay };
  if (replay !== undefined) return { kind: "replayed", ...at, response: replay };
  const problem = problemOf(state, mutation);
  if (problem !== undefined) return { kind: "refused", ...at, error: problem };
  const victims = chooseVictims(state, mutation);
  const plan = planCreations(state, mutation, victims.tuples);
  if (plan instanceof DomainError) return { kind: "refused", ...at, error: plan };

  for (const victim of victims.tuples.values()) {
    if (isIdentity(victim.row)) state.retired.set(victim.row.object_id, revision);
  }
  const gone = [...victims.tuples.values(), ...plan.replaced];
  for (const victim of gone) state.remove(victim, revision);
  for (const [ord, row] of plan.rows.entries()) state.insert(row, revision, ord);
  state.records.push(...mutation.records);
  if (mutation.activateModelId !== undefined) {
    state.activate(mutation.activateModelId, revision);
  }
  const effect = {
    created: plan.tuples,
    deleted: gone.map((victim) => tupleOfRow(victim.row)).toSorted(compareTuples),
    moreToDelete: victims.more,
  };
  rememberReply(state, mutation, effect);
  return { kind: "committed", ...at, committedAtMs: state.facts.nowMs, ...effect };
}

function findReply(state: BatchState, mutation: Mutation): Uint8Array | DomainError | undefined {
  const { idempotency, caller } = mutation;
  if (idempotency === undefined) return undefined;
  const key = replyKey(caller.id, idempotency.key);
  const reply = state.replies.get(key) ?? state.facts.replies.get(key);
  if (reply === undefined) return undefined;
  if (reply.requestHash === idempotency.requestHash) return reply.response;
  return new DomainError(
    "idempotency_mismatch",
    "the idempotency key was used for another request, choose a new one",
    { field: "idempotency_key" },
  );
}

function rememberReply(state: BatchState, mutation: Mutation, effect: Effect): void {
  const { idempotency, caller } = mutation;
  if (idempotency === undefined) return;
  const { key, requestHash, respond } = idempotency;
  const response = respond(effect);
  state.replies.set(replyKey(caller.id, key), { requestHash, response, callerId: caller.id, key });
}

function problemOf(state: BatchState, mutation: Mutation): DomainError | undefined {
  const { validatedModelId, activateModelId } = mutation;
  if (validatedModelId !== undefined && validatedModelId !== state.activeModelId) {
    return new DomainError(
      "write_conflict",
      "another authorization model was activated meanwhile, send the write again",
    );
  }
  if (activateModelId !== undefined && !state.facts.storedModels.has(activateModelId)) {
    return new DomainError("model_not_found", `there is no model \`${activateModelId}\``);
  }
  for (const precondition of mutation.preconditions) {
    const problem = problemOfPrecondition(state, precondition, mutation);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

function problemOfPrecondition(
  state: BatchState,
  precondition: Precondition,
  mutation: Mutation,
): DomainError | undefined {
  switch (precondition.kind) {
    case "must_exist":
      if (state.hasMatch(precondition)) return undefined;
      return new DomainError("precondition_failed", "no tuple matches a filter that must match");
    case "must_not_exist":
      if (!state.hasMatch(precondition)) return undefined;
      return new DomainError("precondition_failed", "a tuple matches a filter that must not match");
    case "unchanged_since": {
      const { revision, relation } = precondition;
      if (revision < state.facts.horizon) {
        return new DomainError(
          "revision_expired",
          "the revision of a precondition is older than the history that is kept, read again",
        );
      }
      if (revision > state.facts.headBefore) {
        return new DomainError("malformed", "the revision of a precondition lies in the future");
      }
      if (
        !state.isRelationChanged(relation) &&
        !state.facts.changedSince.has(unchangedKey(revision, relation))
      ) {
        return undefined;
      }
      return new DomainError(
        "write_conflict",
        `tuples of relation \`${relation}\` have changed meanwhile, send the write again`,
      );
    }
    case "pair_room":
      if (
        state.countMade(precondition) + countMaking(mutation, precondition) <=
        precondition.madeMax
      ) {
        return undefined;
      }
      return new DomainError(
        "write_conflict",
        "others have delegated meanwhile, and there may be no room left: send the write again",
      );
  }
}

/** Delegations that the mutation makes for the delegate: it makes them for no other principal. */
function countMaking(mutation: Mutation, { delegate }: PairRoom): number {
  return mutation.steps.filter(
    (step) =>
      step.kind === "create" &&
      isIdentity(rowOfTuple(step.tuple)) &&
      step.tuple.relation === "delegate" &&
      step.tuple.subject.kind === "object" &&
      sameObject(step.tuple.subject.object, delegate),
  ).length;
}

interface Victims {
  readonly tuples: ReadonlyMap<string, LiveTuple>;
  readonly more: boolean;
}

/**
 * What the deletes of the mutation find. All see the state before it. The identity tuples of a delegation
 * go together: a link that lost its `parent` alone would be a root, and let through more than before.
 */
function chooseVictims(state: BatchState, mutation: Mutation): Victims {
  const tuples = new Map<string, LiveTuple>();
  let more = false;
  const take = (found: LiveTuple | undefined): void => {
    if (found !== undefined) tuples.set(keyText(found.row), found);
  };
  for (const step of mutation.steps) {
    switch (step.kind) {
      case "create":
      case "touch":
        break;
      case "delete":
        take(state.find(keyText(rowOfTuple(step.tuple))));
        break;
      case "delete_expired": {
        const found = state.find(keyText(rowOfTuple(step.tuple)));
        const expiresAtMs = found?.row.expires_at_ms ?? Number.POSITIVE_INFINITY;
        // By the database's clock it must be over: the caller's may be wrong by hours.
        if (expiresAtMs < Math.min(step.beforeMs, state.facts.nowMs)) take(found);
        break;
      }
      case "delete_matching": {
        more = takeMatching(state, step, tuples) || more;
        break;
      }
    }
  }
  for (const { row } of tuples.values()) {
    if (isIdentity(row)) for (const other of state.identitiesOf(row.object_id)) take(other);
  }
  return { tuples, more };
}

/** In canonical order, as far as the limit goes with all that goes along. True where more is left. */
function takeMatching(
  state: BatchState,
  step: Extract<TupleStep, { readonly kind: "delete_matching" }>,
  tuples: Map<string, LiveTuple>,
): boolean {
  let taken = 0;
  for (const found of state.facts.matches.get(step) ?? []) {
    const whole = isIdentity(found.row) ? state.identitiesOf(found.row.object_id) : [];
    const added = [found, ...whole].filter(({ row }) => !tuples.has(keyText(row)));
    const count = new Set(added.map(({ row }) => keyText(row))).size;
    if (step.limit === 0 || (taken > 0 && taken + count > step.limit)) return true;
    for (const tuple of added) tuples.set(keyText(tuple.row), tuple);
    taken += count;
  }
  return false;
}

interface Creations {
  readonly tuples: readonly RelationTuple[];
  readonly rows: readonly TupleRow[];
  /** What a touch, or a creation in place of an expired tuple, takes away. It retires nothing. */
  readonly replaced: readonly LiveTuple[];
}

function planCreations(
  state: BatchState,
  mutation: Mutation,
  victims: ReadonlyMap<string, LiveTuple>,
): Creations | DomainError {
  const tuples: RelationTuple[] = [];
  const rows = new Map<string, TupleRow>();
  const replaced: LiveTuple[] = [];
  const retiring = new Set(
    [...victims.values()].filter(({ row }) => isIdentity(row)).map(({ row }) => row.object_id),
  );
  const identities = new Map<string, string>();
  for (const step of mutation.steps) {
    if (step.kind !== "create" && step.kind !== "touch") continue;
    const row = rowOfTuple(step.tuple);
    const key = keyText(row);
    if (rows.has(key)) {
      return new DomainError("malformed", `\`${formatTuple(step.tuple)}\` is written twice`);
    }
    if (isIdentity(row)) {
      const problem = problemOfIdentity(state, row, retiring, identities);
      if (problem !== undefined) return problem;
      identities.set(`${row.object_id}\n${row.relation}`, key);
    }
    const existing = victims.has(key) ? undefined : state.find(key);
    if (existing !== undefined) {
      if (step.kind === "create" && (isIdentity(row) || !state.isExpired(existing))) {
        return new DomainError("tuple_exists", `\`${formatTuple(step.tuple)}\` is stored already`);
      }
      replaced.push(existing);
    }
    tuples.push(step.tuple);
    rows.set(key, row);
  }
  return { tuples, rows: [...rows.values()], replaced };
}

function problemOfIdentity(
  state: BatchState,
  row: TupleRow,
  retiring: ReadonlySet<string>,
  identities: ReadonlyMap<string, string>,
): DomainError | undefined {
  const id = row.object_id;
  if (retiring.has(id) || state.isRetired(id)) {
    return new DomainError(
      "tuple_refused",
      `delegation \`${id}\` is revoked, its id is never used again`,
    );
  }
  const key = keyText(row);
  const sibling = identities.get(`${id}\n${row.relation}`);
  const stored = state.identityOf(row).some((other) => keyText(other.row) !== key);
  if (stored || (sibling !== undefined && sibling !== key)) {
    return new DomainError(
      "tuple_refused",
      `delegation \`${id}\` has another ${row.relation}, make a new delegation`,
    );
  }
  return undefined;
}
