import { readFile } from "node:fs/promises";
import {
  createLocalJWKSet,
  createRemoteJWKSet,
  errors,
  jwtVerify,
  type JSONWebKeySet,
  type JWTPayload,
  type JWTVerifyGetKey,
} from "jose";
import type { Identity, ObjectRef } from "./authorization.ts";
import { ConfigError } from "./config-section.ts";
import type { SessionConfig, TokenConfig } from "./gateway-config.ts";
import { isObject } from "./json.ts";

/** Whom a token names, and until when it says so. */
export interface Authenticated {
  readonly identity: Identity;
  readonly untilMs: number;
}

/** The token is not valid, or names nobody: 401. The message is safe to send. */
export class TokenError extends Error {
  constructor(message: string, cause?: unknown) {
    super(message, { cause });
    this.name = "TokenError";
  }
}

/**
 * Verifies a bearer token: signature by one of the issuer's keys and an algorithm of the allow-list,
 * issuer, audience, expiry. Rejects with a `TokenError`; with anything else where it cannot be known,
 * as when the keys cannot be fetched.
 */
export type VerifyToken = (token: string) => Promise<Authenticated>;

const actorsMax = 8;

export async function createTokenVerifier(
  config: TokenConfig,
  session: SessionConfig,
): Promise<VerifyToken> {
  const keys = await keysOf(config);
  return async (token) => {
    const claims = await verifiedClaims(token, keys, config);
    return {
      identity: identityOf(claims, config, session),
      untilMs: ((claims.exp ?? 0) + config.toleranceSeconds) * 1_000,
    };
  };
}

async function keysOf({ keys }: TokenConfig): Promise<JWTVerifyGetKey> {
  switch (keys.kind) {
    case "url":
      return createRemoteJWKSet(keys.url, { timeoutDuration: 5_000 });
    case "file":
      try {
        const parsed: unknown = JSON.parse(await readFile(keys.file, "utf8"));
        if (!isKeySet(parsed)) throw new TypeError("it has no list `keys`");
        return createLocalJWKSet(parsed);
      } catch (cause) {
        const why = cause instanceof Error ? cause.message : String(cause);
        throw new ConfigError("token.jwks_file", `is not a set of keys: ${why}`);
      }
  }
}

function isKeySet(value: unknown): value is JSONWebKeySet {
  return isObject(value) && Array.isArray(value["keys"]) && value["keys"].every(isObject);
}

async function verifiedClaims(
  token: string,
  keys: JWTVerifyGetKey,
  config: TokenConfig,
): Promise<JWTPayload> {
  try {
    const verified = await jwtVerify(token, keys, {
      issuer: config.issuer,
      audience: config.audience,
      algorithms: [...config.algorithms],
      clockTolerance: config.toleranceSeconds,
      requiredClaims: ["sub", "exp"],
    });
    return verified.payload;
  } catch (cause) {
    // Keys that cannot be fetched say nothing about the token.
    if (cause instanceof errors.JWKSTimeout || !(cause instanceof errors.JOSEError)) throw cause;
    if (cause.code === "ERR_JOSE_GENERIC") throw cause;
    throw new TokenError("the token is not valid", cause);
  }
}

/**
 * `sub` is the principal. The actors are the chain of `act` (RFC 8693): the outermost is who acts now,
 * what is nested in it acted before. Without `act` the client that the token was given to is the actor.
 */
function identityOf(claims: JWTPayload, config: TokenConfig, session: SessionConfig): Identity {
  const principal = objectOf(config.principalType, claims.sub, "sub");
  const actors = actorsOf(claims, config);
  if (session.kind !== "claim") return { principal, actors };
  const id = claims[session.claim];
  return { principal, actors, session: objectOf(session.type, id, session.claim) };
}

function actorsOf(claims: JWTPayload, config: TokenConfig): readonly ObjectRef[] {
  if (claims["act"] === undefined) {
    const client = claims["client_id"] ?? claims["azp"];
    return [objectOf(config.actorType, client, "client_id")];
  }
  const actors: ObjectRef[] = [];
  for (let act: unknown = claims["act"]; act !== undefined;) {
    if (!isObject(act)) throw new TokenError("the claim act is not an object");
    actors.unshift(objectOf(config.actorType, act["sub"], "act.sub"));
    if (actors.length > actorsMax) throw new TokenError(`the claim act is over ${actorsMax} deep`);
    act = act["act"];
  }
  return actors;
}

function objectOf(type: string, id: unknown, claim: string): ObjectRef {
  if (
    typeof id !== "string" ||
    id === "" ||
    id === "*" ||
    Buffer.byteLength(id) > 512 ||
    id !== id.normalize("NFC") ||
    /[\p{Cc}\p{Cs}]/u.test(id)
  ) {
    throw new TokenError(`the claim ${claim} is missing or names no object`);
  }
  return { type, id };
}
