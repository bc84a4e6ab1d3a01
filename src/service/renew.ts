import { chainLinksMax, type identityRelations, type Delegation } from "../core/delegation.ts";
import { DomainError } from "../core/error.ts";
import { parseName, sameObject, type Name, type ObjectRef } from "../core/object.ts";
import { subjectOf } from "../core/subject.ts";
import type { RelationTuple } from "../core/tuple.ts";
import type { TupleStep } from "../store/mutation.ts";
import type { DelegateDependencies } from "./delegate.ts";
import type { Lifetime } from "./delegations.ts";
import { delegationObject, readDelegations } from "./delegation-view.ts";
import { pinOf } from "./evaluator.ts";
import { settleExpiry } from "./lifetime.ts";
import {
  requirePrincipal,
  standingJson,
  standingOf,
  standsFor,
  type Standing,
} from "./standing.ts";
import type { MutationOptions, RequestContext, WriteResult } from "./request.ts";

/**
 * Gives principal, delegator and delegate of a delegation one new expiry, in one revision. An expired
 * delegation can be renewed, a revoked one cannot: its id is retired.
 */
export async function renew(
  dependencies: DelegateDependencies,
  context: RequestContext,
  request: { readonly delegationId: string; readonly lifetime: Lifetime },
  options: MutationOptions,
): Promise<{ readonly delegation: Delegation; readonly result: WriteResult }> {
  const { mutator, storage, evaluator, lifetimes } = dependencies;
  const standing = await standingOf(dependencies, context);
  const { delegationId, lifetime } = request;
  const asked = { renew: delegationId, lifetime: { ...lifetime }, for: standingJson(standing) };
  const { result } = await mutator.write<null>(context, options, asked, async () => {
    const at = await evaluator.run(context, { kind: "fully_consistent" }, (snapshot) => ({
      kind: "decided",
      value: { ...pinOf(snapshot), now: snapshot.now },
    }));
    const link = await read(at, delegationId);
    const { principal, delegator, delegate } = link;
    requireStanding(standing, link);
    if (principal === undefined || delegator === undefined || delegate === undefined) {
      throw new DomainError("precondition_failed", `delegation \`${delegationId}\` is broken`, {
        hint: "revoke it and delegate anew",
      });
    }
    const latestMs = await earliestAncestorEnd(at, link.parentId);
    const expiresAtMs = settleExpiry(lifetime, lifetimes, at.now.latestMs, latestMs);
    const tuples = identityTuples(delegationId, { principal, delegator, delegate }, expiresAtMs);
    const draft = {
      operation: "renew_delegation",
      steps: tuples.map((tuple): TupleStep => ({ kind: "touch", tuple })),
      // A revocation in between has retired the id, and the writer refuses it.
      preconditions: [],
      records: [],
      urgent: false,
    };
    return { draft, answer: () => null };
  });
  const now = await evaluator.clock(context);
  return { delegation: await read({ revision: result.revision, now }, delegationId), result };

  async function read(at: Parameters<typeof readDelegations>[2], id: string): Promise<Delegation> {
    const [found] = await readDelegations(storage, context.tenant, at, [id]);
    if (found !== undefined) return found;
    throw notFound(id);
  }

  /** An ancestor that is expired must be renewed first. A chain that does not end is no chain. */
  async function earliestAncestorEnd(
    at: Parameters<typeof readDelegations>[2],
    parentId: string | undefined,
  ): Promise<number | undefined> {
    let earliestMs: number | undefined;
    let id = parentId;
    for (let links = 1; id !== undefined; links += 1) {
      if (links === chainLinksMax) {
        throw new DomainError("limit_exceeded", `a chain has at most ${chainLinksMax} links`, {
          field: "delegation_id",
        });
      }
      const ancestor = await read(at, id);
      const endMs = ancestor.expiresAtMs ?? Number.POSITIVE_INFINITY;
      earliestMs = Math.min(earliestMs ?? Number.POSITIVE_INFINITY, endMs);
      id = ancestor.parentId;
    }
    return earliestMs === Number.POSITIVE_INFINITY ? undefined : earliestMs;
  }
}

/** Another's delegation is as if it were not there. */
function requireStanding(standing: Standing, link: Delegation): void {
  if (standing.kind === "operator") return;
  const { id, principal, delegator, parentId } = link;
  const isOwn =
    parentId === undefined
      ? principal !== undefined && sameObject(standing.principal, principal)
      : standsFor(standing, delegator);
  if (!isOwn) throw notFound(id);
  if (parentId === undefined && principal !== undefined) requirePrincipal(standing, principal);
}

function notFound(id: string): DomainError {
  return new DomainError("delegation_not_found", `there is no delegation \`${id}\``, {
    field: "delegation_id",
  });
}

type Ends = Readonly<Record<Exclude<(typeof identityRelations)[number], "parent">, ObjectRef>>;

function identityTuples(
  id: string,
  ends: Ends,
  expiresAtMs: number | undefined,
): readonly RelationTuple[] {
  const object = delegationObject(id, "delegation_id");
  const tuple = (relation: Name, subject: ObjectRef): RelationTuple => ({
    object,
    relation,
    subject: subjectOf(subject),
    ...(expiresAtMs === undefined ? {} : { expiresAtMs }),
  });
  return [
    tuple(parseName("principal", "relation"), ends.principal),
    tuple(parseName("delegator", "relation"), ends.delegator),
    tuple(parseName("delegate", "relation"), ends.delegate),
  ];
}
