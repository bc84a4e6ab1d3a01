import { decodeJwt, errors, jwtVerify, type JWTPayload, type JWTVerifyGetKey } from "jose";
import { DomainError } from "../core/error.ts";
import type { Issuer } from "./issuer.ts";
import { keySetAt } from "./key-set.ts";
import { RecentValues } from "./recent-values.ts";

/** A token whose signature, issuer, audience and times were verified. */
export interface VerifiedToken<From extends Issuer> {
  readonly from: From;
  readonly subject: string;
  /** From then on it is worth nothing; the tolerance is included. */
  readonly validUntilMs: number;
  readonly claims: JWTPayload;
}

/**
 * Verifies a token: at once where it was verified a moment ago. Throws or rejects with
 * `unauthenticated` where it is not valid, `not_serving` where that cannot be known, as when the keys
 * cannot be fetched.
 */
export type VerifyToken<From extends Issuer> = (
  token: string,
) => VerifiedToken<From> | Promise<VerifiedToken<From>>;

const tokenBytesMax = 16_384;
const tokensKept = 10_000;
/** For so long a key may have been withdrawn without our asking again. */
const keptMs = 60_000;

export function createTokenVerifier<From extends Issuer>(
  issuers: readonly From[],
  nowMs: () => number,
): VerifyToken<From> {
  const known = new Map(issuers.map((from) => [from.issuer, { from, keys: keySetAt(from.keys) }]));
  const recent = new RecentValues<VerifiedToken<From>>(tokensKept, keptMs, () => performance.now());
  /** Many calls may bring a new token at the same time: it is verified once. */
  const underWay = new Map<string, Promise<VerifiedToken<From>>>();
  return (token) => {
    const found = recent.get(token);
    if (found === undefined) return underWay.get(token) ?? begin(token);
    if (found.validUntilMs <= nowMs()) throw expired();
    return found;
  };

  function begin(token: string): Promise<VerifiedToken<From>> {
    const verifying = verify(token).finally(() => underWay.delete(token));
    underWay.set(token, verifying);
    return verifying;
  }

  async function verify(token: string): Promise<VerifiedToken<From>> {
    if (token.length > tokenBytesMax) throw invalid("it is too long");
    const issuer = known.get(issuerOf(token));
    if (issuer === undefined) throw invalid("its issuer is not known here");
    const verified = await verifyAgainst(issuer, token, nowMs());
    recent.set(token, verified);
    return verified;
  }
}

async function verifyAgainst<From extends Issuer>(
  { from, keys }: { readonly from: From; readonly keys: JWTVerifyGetKey },
  token: string,
  nowMs: number,
): Promise<VerifiedToken<From>> {
  try {
    const { payload } = await jwtVerify(token, keys, {
      issuer: from.issuer,
      audience: [...from.audiences],
      algorithms: [...from.algorithms],
      clockTolerance: from.toleranceMs / 1_000,
      currentDate: new Date(nowMs),
      requiredClaims: ["iss", "aud", "sub", "exp"],
    });
    const { sub: subject, exp } = payload;
    if (typeof subject !== "string" || subject === "" || exp === undefined) {
      throw invalid("it names nobody");
    }
    return { from, subject, validUntilMs: exp * 1_000 + from.toleranceMs, claims: payload };
  } catch (cause) {
    throw asDomainError(cause);
  }
}

/** What the token itself says, which decides only whose keys are tried. */
function issuerOf(token: string): string {
  try {
    return decodeJwt(token).iss ?? "";
  } catch (cause) {
    throw invalid("it is no JWT", cause);
  }
}

function asDomainError(cause: unknown): DomainError {
  if (cause instanceof DomainError && cause.code === "unauthenticated") return cause;
  if (cause instanceof errors.JWTExpired) return expired();
  if (cause instanceof errors.JWTClaimValidationFailed) {
    return invalid(`its claim \`${cause.claim}\` will not do`, cause);
  }
  // Keys that cannot be had say nothing about the token.
  const unknown =
    !(cause instanceof errors.JOSEError) ||
    cause instanceof errors.JWKSTimeout ||
    cause instanceof errors.JWKSInvalid ||
    cause.code === "ERR_JOSE_GENERIC";
  if (!unknown) return invalid("its signature will not do", cause);
  return new DomainError("not_serving", "the issuer's keys cannot be had, try again", { cause });
}

function expired(): DomainError {
  return new DomainError("unauthenticated", "the bearer token has expired");
}

function invalid(why: string, cause?: unknown): DomainError {
  return new DomainError("unauthenticated", `the bearer token is not valid: ${why}`, { cause });
}
