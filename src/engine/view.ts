import type { ErrorCode } from "../core/error.ts";
import type { Now } from "../core/now.ts";
import type { Evaluated, Graph } from "./graph.ts";
import type { Plan } from "./plan.ts";
import type { Reach } from "./reach.ts";

/** One revision of a tenant and the instant at which it is judged. */
export interface View {
  readonly graph: Graph;
  readonly plan: Plan;
  readonly now: Now;
  /** Told of all that hangs on time. */
  readonly reach?: Reach;
}

/** The question has no answer: a limit was met, or it does not fit the model. Never a decision. */
export interface EngineError {
  readonly kind: "error";
  readonly code: ErrorCode;
  readonly detail: string;
}

/** Carries an answer on; an error, or what is missing, stays as it is. */
export function mapAnswer<Value extends { readonly kind: string }, Next>(
  evaluated: Evaluated<Value | EngineError>,
  map: (value: Value) => Next,
): Evaluated<Next | EngineError> {
  if (evaluated.kind === "missing") return evaluated;
  const { value } = evaluated;
  return { kind: "decided", value: isError(value) ? value : map(value) };
}

function isError(value: { readonly kind: string }): value is EngineError {
  return value.kind === "error";
}
