import type { JsonObject } from "./json.ts";

/** An object of the graph. */
export interface ObjectRef {
  readonly type: string;
  readonly id: string;
}

/** For whom a call is made, and by whom. */
export interface Identity {
  readonly principal: ObjectRef;
  /** From the first delegate to the agent at the other end of the connection. */
  readonly actors: readonly ObjectRef[];
  readonly session?: ObjectRef;
  /** The token that says all this but the session, verified; a secret. */
  readonly token?: string;
}

/** A call that the agent wants to make, in the terms of the graph. */
export interface ToolCall {
  readonly tool: ObjectRef;
  readonly accesses: readonly Access[];
  readonly context: JsonObject;
  /** Where resources lie, of what the graph does not store. */
  readonly containment: readonly Containment[];
}

export interface Access {
  readonly resource: ObjectRef;
  readonly role?: string;
  readonly permission?: string;
}

/** `object#relation@container` */
export interface Containment {
  readonly object: ObjectRef;
  readonly relation: string;
  readonly container: ObjectRef;
}

export type Decision =
  | {
      readonly kind: "allowed";
      readonly id: string;
      /** The chain of delegations that allows it, the principal's own first. */
      readonly delegationIds: readonly string[];
    }
  | {
      readonly kind: "denied";
      readonly id: string;
      /** Stable, as in `resource_not_covered`. */
      readonly reason: string;
      /** For people; may be empty. */
      readonly detail: string;
      readonly missingContext: readonly string[];
    };

/**
 * What the gateway asks. Every function throws where the answer is not known, and nothing is let
 * through then; a thrown error with `retriable: true` may be gone the next time.
 */
export interface Authorization {
  check(identity: Identity, call: ToolCall, signal: AbortSignal): Promise<Decision>;
  /** Ids of the objects of type `tool` that the identity may call on something. */
  listTools(
    identity: Identity,
    freshness: Freshness,
    signal: AbortSignal,
  ): Promise<ReadonlySet<string>>;
  /** Yields whenever the answer of `listTools` may have changed, and once at the beginning. */
  watchTools(identity: Identity, signal: AbortSignal): AsyncIterable<Freshness>;
}

/** The answer must contain the revision of this token; without one, whatever is current. */
export interface Freshness {
  readonly token?: string;
}
