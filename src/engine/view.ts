import type { ErrorCode } from "../core/error.ts";
import type { Now } from "../core/now.ts";
import type { Graph } from "./graph.ts";
import type { Plan } from "./plan.ts";

/** One revision of a tenant and the instant at which it is judged. */
export interface View {
  readonly graph: Graph;
  readonly plan: Plan;
  readonly now: Now;
}

/** The question has no answer: a limit was met, or it does not fit the model. Never a decision. */
export interface EngineError {
  readonly kind: "error";
  readonly code: ErrorCode;
  readonly detail: string;
}
