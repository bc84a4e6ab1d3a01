import type { Permission, Permits, Scope } from "../core/caller.ts";
import type { Consent } from "../core/delegation.ts";
import { DomainError } from "../core/error.ts";
import { isJsonObject, toJson, type Json } from "../core/json.ts";
import { formatObject, sameObject, type ObjectRef } from "../core/object.ts";
import type { SubjectIssuer } from "../identity/issuer.ts";
import {
  isPrincipals,
  requireConsent,
  subjectsOf,
  type SubjectToken,
} from "../identity/token-subjects.ts";
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
  /** The token, if one is shown, is evidence of the principal's consent and nothing more. */
  | { readonly kind: "operator"; readonly token: SubjectToken | undefined }
  | {
      readonly kind: "shown";
      readonly token: SubjectToken;
      readonly principal: ObjectRef;
      readonly actor: ObjectRef | undefined;
    };

export type ShownStanding = Extract<Standing, { kind: "shown" }>;

/** Fails with `caller_not_permitted`, or with `unauthenticated` where the token shown is not valid. */
export async function standingOf(ports: StandingPorts, context: RequestContext): Promise<Standing> {
  if (await holds(ports.permits, context, "operator")) {
    const { proofToken } = context;
    const token = proofToken === undefined ? undefined : await ports.verifySubject(proofToken);
    return { kind: "operator", token };
  }
  return shownStanding(ports, context);
}

/** What a delegator's token says. Fails as `standingOf` does. */
export async function shownStanding(
  ports: StandingPorts,
  { caller, tenant, proofToken }: RequestContext,
): Promise<ShownStanding> {
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
  requireAgreement(standing.token, principal);
}

/** Whether the caller may narrow what this delegate was given: the delegate itself is behind it. */
export function standsFor(standing: Standing, delegate: ObjectRef | undefined): boolean {
  if (standing.kind === "operator") return true;
  const { actor } = standing;
  return actor !== undefined && delegate !== undefined && sameObject(actor, delegate);
}

/** The agent behind the token; `undefined` where the principal itself is. */
export function actorOf({ token, actor }: ShownStanding): ObjectRef | undefined {
  return isPrincipals(token) ? undefined : actor;
}

/** The same for the same person: one's idempotency key answers nobody else. */
export function standingJson(standing: Standing): Json {
  if (standing.kind === "operator") return null;
  const { principal, actor } = standing;
  return [formatObject(principal), actor === undefined ? null : formatObject(actor)];
}

/**
 * What is kept of a token that was shown: who agreed, when and how it was proved, never the token.
 * Without a parent an operator's must be one by which the principal agrees, like anybody's.
 */
export function consentShown(
  standing: Standing,
  principal: ObjectRef,
  hasParent: boolean,
): Consent | undefined {
  const { token } = standing;
  if (token === undefined) return undefined;
  if (standing.kind === "operator" && !hasParent) requireAgreement(token, principal);
  const { from, subject, claims } = token;
  const { jti, auth_time: authenticatedAt, acr, amr, azp, client_id: client, cnf } = claims;
  const kept = toJson({ [verifiedClaim]: true, acr, amr, azp, client_id: client, cnf });
  return {
    issuer: from.issuer,
    subject,
    tokenId: typeof jti === "string" ? jti : "",
    ...(typeof authenticatedAt === "number" ? { authenticatedAtMs: authenticatedAt * 1_000 } : {}),
    claims: isJsonObject(kept) ? kept : {},
  };
}

/** A consent that is only told must not look like one that was verified. */
export function requireUnverified(consent: Consent | undefined): void {
  if (consent === undefined || !Object.hasOwn(consent.claims, verifiedClaim)) return;
  throw new DomainError("malformed", "that a consent is verified is said by the server alone", {
    field: `consent.claims.${verifiedClaim}`,
    hint: "show the token itself as proof_token",
  });
}

const verifiedClaim = "verified";

function requireAgreement(token: SubjectToken, principal: ObjectRef): void {
  if (!sameObject(subjectsOf(token).principal, principal)) throw notPrincipals();
  requireConsent(token, Date.now());
}

function notPrincipals(): DomainError {
  return new DomainError("caller_not_permitted", "the token that is shown is not the principal's", {
    field: "proof_token",
  });
}

/** What the caller is refused, it may still have in another way; what is not known stays an error. */
export async function holds(
  permits: Permits,
  { caller, tenant }: Pick<RequestContext, "caller" | "tenant">,
  permission: Permission,
  scope: Omit<Scope, "tenant"> = {},
): Promise<boolean> {
  try {
    await permits(caller, permission, { tenant, ...scope });
    return true;
  } catch (error) {
    if (error instanceof DomainError && error.code === "caller_not_permitted") return false;
    throw error;
  }
}
