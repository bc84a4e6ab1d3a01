/**
 * The gateway itself does not let a call through: what it is about cannot be told from the arguments,
 * so there is nothing to ask. `reason` is stable; the message is for people.
 */
export class Refusal extends Error {
  readonly reason: RefusalReason;

  constructor(reason: RefusalReason, message: string) {
    super(message);
    this.name = "Refusal";
    this.reason = reason;
  }
}

export type RefusalReason =
  /** A mapped argument is absent. */
  | "access_missing"
  /** A mapped argument is of a kind that names nothing. */
  | "argument_malformed"
  /** An argument that the mapping of a closed tool does not name. */
  | "argument_unmapped"
  /** A path that different readers could read differently. */
  | "path_refused"
  /** More than a call may touch. */
  | "limit_exceeded";
