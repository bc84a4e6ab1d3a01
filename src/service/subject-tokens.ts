import type { ShownToken } from "../core/decision.ts";
import { DomainError } from "../core/error.ts";
import type { SubjectIssuer } from "../identity/issuer.ts";
import { subjectsOf, type SubjectToken, type TokenSubjects } from "../identity/token-subjects.ts";
import type { VerifyToken } from "../identity/token-verifier.ts";

/** For whom a token speaks, and what is kept of it. */
export interface NamedSubjects extends TokenSubjects {
  readonly shown: ShownToken;
}

/**
 * For whom and through whom an agent's token speaks, once it is verified. What it says of a chain is a
 * claim like any other: the delegations decide. Fails with `unauthenticated`.
 */
export type NameSubjects = (token: string) => Promise<NamedSubjects>;

export function subjectNaming(verify: VerifyToken<SubjectIssuer>): NameSubjects {
  return async (text) => {
    const token = await verify(text);
    const subjects = subjectsOf(token);
    if (subjects.actors.length > 0) return { ...subjects, shown: shownOf(token) };
    throw new DomainError(
      "unauthenticated",
      "the token names no actor: no `act`, `azp` or `client_id`",
    );
  };
}

function shownOf({ from, claims }: SubjectToken): ShownToken {
  const { jti: id } = claims;
  const { cnf } = claims;
  const thumbprint = typeof cnf === "object" && cnf !== null && "jkt" in cnf ? cnf.jkt : undefined;
  return {
    issuer: from.issuer,
    ...(typeof id === "string" ? { id } : {}),
    ...(typeof thumbprint === "string" ? { keyThumbprint: thumbprint } : {}),
  };
}
