import { DomainError } from "../core/error.ts";
import { subjectsOf, type SubjectToken } from "../identity/token-subjects.ts";
import { createTokenVerifier } from "../identity/token-verifier.ts";
import type { Identity, ObjectRef } from "./authorization.ts";
import type { SessionConfig, TokenConfig } from "./gateway-config.ts";

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
 * Verifies a bearer token as the service does, and reads whom it names. Rejects with a `TokenError`;
 * with anything else where it cannot be known, as when the keys cannot be fetched.
 */
export type Authenticate = (token: string) => Promise<Authenticated>;

export function createTokenReader(config: TokenConfig, session: SessionConfig): Authenticate {
  const verify = createTokenVerifier([config.from], Date.now);
  return async (text) => {
    try {
      const token = await verify(text);
      const identity = { ...identityOf(token, session), token: text };
      return { identity, untilMs: token.validUntilMs };
    } catch (cause) {
      if (!(cause instanceof DomainError) || cause.code !== "unauthenticated") throw cause;
      throw new TokenError(cause.message, cause);
    }
  };
}

function identityOf(token: SubjectToken, session: SessionConfig): Identity {
  const { principal, actors } = subjectsOf(token);
  if (actors.length === 0) throw new TokenError("the token names no actor");
  if (session.kind !== "claim") return { principal, actors };
  const object = sessionOf(session.type, token.claims[session.claim]);
  if (object === undefined) {
    throw new TokenError(`the claim ${session.claim} is missing or names no object`);
  }
  return { principal, actors, session: object };
}

function sessionOf(type: string, id: unknown): ObjectRef | undefined {
  const isId =
    typeof id === "string" &&
    id !== "" &&
    id !== "*" &&
    Buffer.byteLength(id) <= 512 &&
    id === id.normalize("NFC") &&
    !/[\p{Cc}\p{Cs}]/u.test(id);
  return isId ? { type, id } : undefined;
}
