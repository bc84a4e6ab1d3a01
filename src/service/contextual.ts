import { DomainError } from "../core/error.ts";
import type { RelationTuple } from "../core/tuple.ts";
import type { AuthorizationModel } from "../model/authorization-model.ts";
import { checkTuple } from "../model/tuple-check.ts";

/** Fails, naming the tuple, unless the model would let each of them be stored. */
export function requireContextual(
  model: AuthorizationModel,
  tuples: readonly RelationTuple[],
): void {
  for (const [index, tuple] of tuples.entries()) {
    const error = checkTuple(model, tuple);
    if (error !== undefined) {
      throw new DomainError(error.code, error.message, { field: `contextual_tuples[${index}]` });
    }
  }
}
