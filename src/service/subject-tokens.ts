import { DomainError } from "../core/error.ts";
import type { SubjectIssuer } from "../identity/issuer.ts";
import { subjectsOf, type TokenSubjects } from "../identity/token-subjects.ts";
import type { VerifyToken } from "../identity/token-verifier.ts";

/**
 * For whom and through whom an agent's token speaks, once it is verified. What it says of a chain is a
 * claim like any other: the delegations decide. Fails with `unauthenticated`.
 */
export type NameSubjects = (token: string) => Promise<TokenSubjects>;

export function subjectNaming(verify: VerifyToken<SubjectIssuer>): NameSubjects {
  return async (token) => {
    const subjects = subjectsOf(await verify(token));
    if (subjects.actors.length > 0) return subjects;
    throw new DomainError(
      "unauthenticated",
      "the token names no actor: no `act`, `azp` or `client_id`",
    );
  };
}
