import { DomainError } from "../core/error.ts";
import type { RelationTuple } from "../core/tuple.ts";
import type { AuthorizationModel } from "../model/authorization-model.ts";
import { checkTuple } from "../model/tuple-check.ts";

export const contextualTuplesMax = 100;

/** Fails, naming the tuple, unless the model would let each of them be stored. */
export function requireContextual(
  model: AuthorizationModel,
  tuples: readonly RelationTuple[],
): void {
  if (tuples.length > contextualTuplesMax) {
    throw new DomainError(
      "limit_exceeded",
      `contextual_tuples has ${tuples.length} tuples, at most ${contextualTuplesMax} are allowed`,
      { field: "contextual_tuples" },
    );
  }
  for (const [index, tuple] of tuples.entries()) {
    const error = checkTuple(model, tuple);
    if (error !== undefined) {
      throw new DomainError(error.code, error.message, { field: `contextual_tuples[${index}]` });
    }
  }
}
