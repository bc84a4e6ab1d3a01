import type { JWTPayload } from "jose";
import { DomainError } from "../core/error.ts";
import { parseObjectId, type Name, type ObjectRef } from "../core/object.ts";
import type { ClaimPlace, SubjectIssuer } from "./issuer.ts";
import type { VerifiedToken } from "./token-verifier.ts";

export type SubjectToken = VerifiedToken<SubjectIssuer>;

/** For whom a token speaks, and through whom. */
export interface TokenSubjects {
  readonly principal: ObjectRef;
  /** The whole chain, who acts now last: of `act` (RFC 8693), else the client. May be empty. */
  readonly actors: readonly ObjectRef[];
}

const actorsMax = 8;

/** Fails with `unauthenticated` where a claim names no object. */
export function subjectsOf({ from, subject, claims }: SubjectToken): TokenSubjects {
  const { principalType: type, principalClaim } = from;
  return {
    principal:
      principalClaim === undefined
        ? objectOf(type, subject, "sub")
        : objectAt(type, claims, principalClaim),
    actors: actorsOf(claims, from),
  };
}

/** Whether the principal itself is behind the token: a consent screen got it, and no agent acts in it. */
export function isPrincipals({ from, claims }: SubjectToken): boolean {
  const client = clientOf(claims);
  return (
    claims["act"] === undefined &&
    typeof client === "string" &&
    from.consent?.clients.includes(client) === true
  );
}

/** Fails with `caller_not_permitted` unless the token says that its principal agrees, and not an agent. */
export function requireConsent(token: SubjectToken, nowMs: number): void {
  const { from, claims } = token;
  const { consent } = from;
  if (consent === undefined) throw noConsent("its issuer's tokens are no evidence of consent");
  if (claims["act"] !== undefined) throw noConsent("it is an agent's");
  if (!isPrincipals(token)) throw noConsent("it was given to another client");
  const { acr, auth_time: authenticatedAt } = claims;
  if (consent.acr.length > 0 && (typeof acr !== "string" || !consent.acr.includes(acr))) {
    throw noConsent("its acr will not do");
  }
  if (consent.authenticatedWithinMs === undefined) return;
  const oldestMs = nowMs - consent.authenticatedWithinMs - from.toleranceMs;
  if (typeof authenticatedAt !== "number" || authenticatedAt * 1_000 < oldestMs) {
    throw noConsent("the principal was authenticated too long ago");
  }
}

function actorsOf(claims: JWTPayload, from: SubjectIssuer): readonly ObjectRef[] {
  const { actorType, actorClaim = subjectClaim, clientClaim } = from;
  let act = claims["act"];
  if (act === undefined) {
    if (clientClaim !== undefined) {
      const isThere = valueAt(claims, clientClaim.path) !== undefined;
      return isThere ? [objectAt(actorType, claims, clientClaim)] : [];
    }
    const client = clientOf(claims);
    return client === undefined ? [] : [objectOf(actorType, client, "client_id")];
  }
  const actors: ObjectRef[] = [];
  while (act !== undefined) {
    if (typeof act !== "object" || act === null) throw noObject("act");
    actors.unshift(objectAt(actorType, act, actorClaim, "act."));
    if (actors.length > actorsMax) throw noObject("act");
    // An actor of another issuer is not the one of that name here.
    if ("iss" in act && act.iss !== claims.iss) throw noObject("act.iss");
    act = "act" in act ? act.act : undefined;
  }
  return actors;
}

const subjectClaim: ClaimPlace = { path: ["sub"], prefix: "" };

/** Fails with `unauthenticated` where the value is absent, no text, or lacks the prefix. */
function objectAt(
  type: Name,
  claims: object,
  { path, prefix }: ClaimPlace,
  within = "",
): ObjectRef {
  const claim = `${within}${path.join(".")}`;
  const value = valueAt(claims, path);
  if (typeof value !== "string" || !value.startsWith(prefix)) throw noObject(claim);
  return objectOf(type, value.slice(prefix.length), claim);
}

function valueAt(claims: object, path: readonly string[]): unknown {
  let value: unknown = claims;
  for (const name of path) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, name))
      return undefined;
    value = Reflect.get(value, name);
  }
  return value;
}

function clientOf(claims: JWTPayload): unknown {
  return claims["azp"] ?? claims["client_id"];
}

/** Ids are compared byte by byte: what is not normalised here would be two names of one. */
function objectOf(type: Name, id: unknown, claim: string): ObjectRef {
  if (typeof id !== "string" || id !== id.normalize("NFC")) throw noObject(claim);
  try {
    return { type, id: parseObjectId(id, claim) };
  } catch (cause) {
    throw noObject(claim, cause);
  }
}

function noObject(claim: string, cause?: unknown): DomainError {
  return new DomainError("unauthenticated", `the token's claim \`${claim}\` names no object`, {
    cause,
  });
}

function noConsent(why: string): DomainError {
  return new DomainError(
    "caller_not_permitted",
    `the token does not say that its principal agrees: ${why}`,
  );
}
