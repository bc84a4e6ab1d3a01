import type { Name } from "../core/object.ts";

/** Whose signature on a token is believed, for what, and where its keys are. */
export interface Issuer {
  /** As in the claim `iss`, byte by byte. */
  readonly issuer: string;
  /** One of them must be in `aud`. Never empty. */
  readonly audiences: readonly string[];
  readonly keys: KeyPlace;
  readonly algorithms: readonly Algorithm[];
  /** By how much its clock may differ from ours. */
  readonly toleranceMs: number;
}

/** Public keys as a JSON Web Key Set: fetched and cached, or a file that is read again when it changes. */
export type KeyPlace =
  | { readonly kind: "url"; readonly url: URL }
  | { readonly kind: "file"; readonly path: string };

/** An issuer whose tokens name principals and actors. */
export interface SubjectIssuer extends Issuer {
  readonly principalType: Name;
  readonly actorType: Name;
  /** Where the principal's id is in the token; absent: `sub`, as it is. */
  readonly principalClaim?: ClaimPlace;
  /** Where an actor's id is in each `act`; absent: `sub`, as it is. */
  readonly actorClaim?: ClaimPlace;
  /** Where the actor's id is in a token without `act`; absent: `azp`, else `client_id`, as it is. */
  readonly clientClaim?: ClaimPlace;
  /** Absent: its tokens are no evidence of a principal's consent. */
  readonly consent?: ConsentRule;
}

/** Where an id is among claims. */
export interface ClaimPlace {
  /** Names from the outside in; never empty. */
  readonly path: readonly string[];
  /** What the value must begin with, and the id does not; may be empty. */
  readonly prefix: string;
}

/** Which tokens of an issuer say that the principal agrees. One with an `act` never does. */
export interface ConsentRule {
  /** `azp` or `client_id` must be one of them: the consent screens, and never an agent. */
  readonly clients: readonly string[];
  /** `acr` must be one of them; empty: any. */
  readonly acr: readonly string[];
  /** `auth_time` must be at most so long ago; absent: it need not be there. */
  readonly authenticatedWithinMs?: number;
}

/** Signatures that only the issuer can make. Neither `none` nor HMAC, whose key every verifier has. */
export const algorithms = [
  "RS256",
  "RS384",
  "RS512",
  "PS256",
  "PS384",
  "PS512",
  "ES256",
  "ES384",
  "ES512",
  "EdDSA",
  "Ed25519",
] as const;

export type Algorithm = (typeof algorithms)[number];
