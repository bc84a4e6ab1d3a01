import type { Caller } from "../core/caller.ts";
import { DomainError } from "../core/error.ts";
import type { VerifyCredential } from "../service/credentials.ts";

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

/**
 * A credential that is shown is always verified, and counts for what it is: it is never passed over
 * for the certificate, nor for nobody. `anonymous`: whoever shows nothing; absent: refused.
 */
export function authenticateBy(
  verify: VerifyCredential,
  anonymous: Caller | undefined,
): Authenticate {
  const ofPeers = new WeakMap<Peer, Caller>();
  return (authorization, peer) => {
    if (authorization !== undefined) return verify(bearerOf(authorization));
    if (peer !== undefined) return callerOfPeer(peer);
    if (anonymous !== undefined) return anonymous;
    throw new DomainError("unauthenticated", "no credential was shown", {
      hint: "send `authorization: Bearer` with an API key or a token",
    });
  };

  function callerOfPeer(peer: Peer): Caller {
    const known = ofPeers.get(peer);
    if (known !== undefined) return known;
    const { uri: id, validUntilMs } = peer;
    const caller: Caller = { id, proof: { kind: "certificate", validUntilMs } };
    ofPeers.set(peer, caller);
    return caller;
  }
}

function bearerOf(authorization: string): string {
  const [scheme = "", credential = "", ...more] = authorization.split(" ");
  if (scheme.toLowerCase() === "bearer" && credential !== "" && more.length === 0) {
    return credential;
  }
  throw new DomainError(
    "unauthenticated",
    "the authorization header must read `Bearer` and one word",
  );
}
