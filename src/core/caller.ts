import type { ObjectRef } from "./object.ts";

/** Who opened the connection: a gateway, a script, an operator. Never a principal or an actor. */
export interface Caller {
  /** Stable within the deployment, as in `anonymous`, `key:k7f3`, `jwt:<issuer>|<subject>`, `spiffe://a/b`. */
  readonly id: string;
  readonly proof: CallerProof;
}

/** How the caller showed who it is. */
export type CallerProof =
  | { readonly kind: "loopback" }
  | { readonly kind: "insecure" }
  | { readonly kind: "process" }
  /** An API key. Whether it still stands is asked of the system tenant's graph at every use. */
  | { readonly kind: "key"; readonly keyId: string }
  /** A signed token. It is worth nothing from `validUntilMs` on, clock tolerance included. */
  | { readonly kind: "token"; readonly issuer: string; readonly validUntilMs: number }
  /** The client's certificate of the connection. */
  | { readonly kind: "certificate"; readonly validUntilMs: number };

/** What a caller may be allowed to do, per tenant. */
export type Permission =
  | "checker"
  | "context_provider"
  /** Lists and watches tools, and is told of those alone that it is a checker of. */
  | "tool_lister"
  | "delegator"
  | "operator"
  | "writer"
  | "modeller"
  | "auditor"
  | "admin"
  /** All of these, for an emergency: every use is heard. */
  | "break_glass"
  /** Reads tuples, delegations and changes: held by operators, writers and auditors. */
  | "reader"
  /** Anything at all in the tenant: what everybody needs who has anything to do there. */
  | "member";

/** Within what the permission is asked. */
export interface Scope {
  readonly tenant: string;
  readonly principal?: ObjectRef;
  readonly tool?: ObjectRef;
}

/**
 * Fails with `caller_not_permitted` unless the caller holds the permission within the scope. What is
 * permitted at once, with no promise, is permitted in all of the tenant, in this tick.
 */
export type Permits = (
  caller: Caller,
  permission: Permission,
  scope: Scope,
) => void | Promise<void>;
