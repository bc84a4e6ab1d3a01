import type { Call, Decision } from "../core/decision.ts";
import type { DomainError } from "../core/error.ts";
import type { RequestContext } from "./request.ts";

/** One decision, or the failure to reach one, as a log or a counter may take it. */
export interface DecisionEvent {
  readonly context: RequestContext;
  readonly call: Call;
  readonly outcome: Decision | DomainError;
  /** From the arrival of the request to its decision, in microseconds. */
  readonly latencyUs: number;
}

/**
 * Takes every decision. It must not block and must not throw: a log that needs to hold an answer
 * back says so by a promise, and the answer waits for it. Where that rejects there is no answer.
 */
export interface DecisionSink {
  record(event: DecisionEvent): void | Promise<void>;
}
