import type { Permission, Permits } from "../core/caller.ts";
import type { Consent } from "../core/delegation.ts";
import { DomainError } from "../core/error.ts";
import { isJsonObject, toJson } from "../core/json.ts";
import { sameObject, type ObjectRef } from "../core/object.ts";
import type { SubjectIssuer } from "../identity/issuer.ts";
import { requireConsent, subjectsOf, type SubjectToken } from "../identity/token-subjects.ts";
import type { VerifyToken } from "../identity/token-verifier.ts";
import type { RequestContext } from "./request.ts";

export interface StandingPorts {
  readonly permits: Permits;
  readonly verifySubject: VerifyToken<SubjectIssuer>;
}

/**
 * In whose name a caller gives and takes delegations: an operator in anybody's, a delegator only in
 * that of whoever's token it shows.
 */
export type Standing =
  | { readonly kind: "operator" }
  | {
      readonly kind: "shown";
      readonly token: SubjectToken;
      readonly principal: ObjectRef;
      readonly actor: ObjectRef | undefined;
    };

/** Fails with `caller_not_permitted`, or with `unauthenticated` where the token shown is not valid. */
export async function standingOf(ports: StandingPorts, context: RequestContext): Promise<Standing> {
  const { caller, tenant, proofToken } = context;
  if (await holds(ports.permits, context, "operator")) return { kind: "operator" };
  await ports.permits(caller, "delegator", { tenant });
  if (proofToken === undefined) {
    throw new DomainError("caller_not_permitted", "a token of the principal must be shown", {
      field: "proof_token",
      hint: "a delegator acts only for those whose token it has; an operator for everybody",
    });
  }
  const token = await ports.verifySubject(proofToken);
  const { principal, actors } = subjectsOf(token);
  return { kind: "shown", token, principal, actor: actors.at(-1) };
}

/** Fails with `caller_not_permitted` unless the principal agrees. */
export function requirePrincipal(standing: Standing, principal: ObjectRef): void {
  if (standing.kind === "operator") return;
  if (!sameObject(standing.principal, principal)) {
    throw new DomainError(
      "caller_not_permitted",
      "the token that is shown is not the principal's",
      {
        field: "proof_token",
      },
    );
  }
  requireConsent(standing.token, Date.now());
}

/** Whether the caller may narrow what this delegate was given: the delegate itself is behind it. */
export function standsFor(standing: Standing, delegate: ObjectRef | undefined): boolean {
  if (standing.kind === "operator") return true;
  const { actor } = standing;
  return actor !== undefined && delegate !== undefined && sameObject(actor, delegate);
}

/** What is kept of a token that was shown: who agreed, when and how it was proved, never the token. */
export function consentShown(standing: Standing): Consent | undefined {
  if (standing.kind === "operator") return undefined;
  const { from, subject, claims } = standing.token;
  const { jti, auth_time: authenticatedAt, acr, amr, azp, client_id: client, cnf } = claims;
  const kept = toJson({ verified: true, acr, amr, azp, client_id: client, cnf });
  return {
    issuer: from.issuer,
    subject,
    tokenId: typeof jti === "string" ? jti : "",
    ...(typeof authenticatedAt === "number" ? { authenticatedAtMs: authenticatedAt * 1_000 } : {}),
    claims: isJsonObject(kept) ? kept : {},
  };
}

/** What the caller is refused, it may still have in another way; what is not known stays an error. */
async function holds(
  permits: Permits,
  { caller, tenant }: RequestContext,
  permission: Permission,
): Promise<boolean> {
  try {
    await permits(caller, permission, { tenant });
    return true;
  } catch (error) {
    if (error instanceof DomainError && error.code === "caller_not_permitted") return false;
    throw error;
  }
}
