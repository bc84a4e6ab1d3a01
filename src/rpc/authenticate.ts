import type { Caller } from "../core/caller.ts";

/** What the connection shows of its other end: a client certificate that TLS has checked. */
export interface Peer {
  /** Its SPIFFE id. */
  readonly uri: string;
  /** When the certificate ends, in milliseconds since 1970. */
  readonly validUntilMs: number;
}

/**
 * Tells who sent a call, from its `authorization` header and its connection: at once where that is
 * known already, so that a check makes no promise. Throws or rejects with `unauthenticated`, or with
 * `not_serving` where it cannot be known now.
 */
export type Authenticate = (
  authorization: string | undefined,
  peer: Peer | undefined,
) => Caller | Promise<Caller>;
