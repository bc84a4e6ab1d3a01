/**
 * Every way in which a request can fail. A denial is no failure: it is an answer. The codes are part
 * of the contract (`ErrorDetail.code`): they are never renamed.
 */
export type ErrorCode =
  | "malformed"
  | "unauthenticated"
  | "caller_not_permitted"
  | "attenuation_violated"
  | "unknown_relation"
  | "unknown_type"
  | "model_rejected"
  | "model_not_found"
  | "model_missing"
  | "model_mismatch"
  | "no_delegations"
  | "context_missing"
  | "not_enforced"
  | "outcome_unknown"
  | "not_serving"
  | "idempotency_mismatch"
  | "limit_exceeded"
  | "precondition_failed"
  | "delegation_not_found"
  | "tenant_not_found"
  | "key_not_found"
  | "decision_not_found"
  | "tenant_exists"
  | "tuple_exists"
  | "tuple_refused"
  | "write_conflict"
  | "revision_expired"
  | "revision_ahead"
  | "budget_exceeded"
  | "cancelled"
  | "deadline_exceeded"
  | "not_supported";

/** What a client may be told beside the message. */
export interface ErrorFacts {
  /** Path of the request's field that is wrong, as in `accesses[2].resource.id`. */
  readonly field?: string;
  /** What the caller can do about it, where the message does not say. */
  readonly hint?: string;
  /** Token of a write that is committed, with `not_enforced`. */
  readonly token?: string;
  /** Names of missing condition parameters, with `context_missing`. */
  readonly names?: readonly string[];
  /** Everything that is wrong with a model, with `model_rejected`. */
  readonly findings?: readonly ModelFinding[];
  /** Cursor of the last chunk that an import committed before it failed. */
  readonly cursor?: string;
  /** When the same request may succeed, with `limit_exceeded`. */
  readonly retryAfterMs?: number;
}

/** One remark on an authorization model's text; line and column from 1. */
export interface ModelFinding {
  readonly file?: string;
  readonly line: number;
  readonly column: number;
  readonly code: string;
  readonly message: string;
  readonly hint: string;
}

/**
 * The one error that the product throws on purpose. The message is for people: lower case, one line,
 * what the user wrote in backticks, no secrets. Programs read `code`. `cause` never leaves the process.
 */
export class DomainError extends Error {
  readonly code: ErrorCode;
  readonly facts: ErrorFacts;

  constructor(code: ErrorCode, message: string, facts: ErrorFacts & { cause?: unknown } = {}) {
    const { cause, ...rest } = facts;
    super(message, cause === undefined ? undefined : { cause });
    this.name = "DomainError";
    this.code = code;
    this.facts = rest;
  }
}
