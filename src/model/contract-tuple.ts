import { delegationType, identityRelations, toolType } from "../core/delegation.ts";
import type { DomainError } from "../core/error.ts";
import type { RelationTuple } from "../core/tuple.ts";
import type { AuthorizationModel } from "./authorization-model.ts";
import { checkTuple } from "./tuple-check.ts";

/** A live tuple that a model would make invalid, and why. */
export interface ContractConflict {
  readonly tuple: RelationTuple;
  readonly error: DomainError;
}

/**
 * Whether the tuple carries the contract of delegations: to ignore it under a new model would lift a
 * suspension, drop a requirement, or break a chain.
 */
function isContractTuple({ object, relation }: RelationTuple): boolean {
  if (relation === "suspended") return true;
  if (object.type === delegationType) return identities.has(relation);
  return relation === "requires" || (object.type === toolType && relation === "server");
}

/** The first of the tuples, in the order given, that bears the contract and that the model refuses. */
export function findContractConflict(
  model: AuthorizationModel,
  tuples: Iterable<RelationTuple>,
): ContractConflict | undefined {
  for (const tuple of tuples) {
    if (!isContractTuple(tuple)) continue;
    const error = checkTuple(model, tuple);
    if (error !== undefined) return { tuple, error };
  }
  return undefined;
}

const identities: ReadonlySet<string> = new Set(identityRelations);
