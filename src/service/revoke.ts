import type { Permits } from "../core/caller.ts";
import type { Covered, Delegation } from "../core/delegation.ts";
import { DomainError } from "../core/error.ts";
import { toJson, type Json } from "../core/json.ts";
import { formatObject, sameObject, type ObjectRef } from "../core/object.ts";
import type { RelationTuple } from "../core/tuple.ts";
import type { EngineLimits } from "../engine/limits.ts";
import type { TupleStep } from "../store/mutation.ts";
import type { RevokedDelegation, RevokeRequest, Revoked, Selector } from "./delegations.ts";
import type { Evaluator } from "./evaluator.ts";
import type { Draft, Mutator } from "./mutator.ts";
import { findRemaining } from "./remaining.ts";
import type { MutationOptions, RequestContext } from "./request.ts";
import { findSubtrees } from "./subtrees.ts";
import {
  actorOf,
  requirePrincipal,
  standingOf,
  type Standing,
  type StandingPorts,
} from "./standing.ts";
import type { Storage } from "./storage.ts";

export interface RevokeDependencies {
  readonly evaluator: Evaluator;
  readonly storage: Storage;
  readonly mutator: Mutator;
  readonly permits: Permits;
  readonly verifySubject: StandingPorts["verifySubject"];
  readonly limits: EngineLimits;
}

/** Delegations that are told one by one; of more, the number. */
const toldMax = 1_000;
/** Tuples that one revision deletes, in about 100 ms; more need further revisions. */
const deletedMax = 2_000;

/**
 * Ends what the selector covers, each delegation whole and with its subtree. What stood when the call
 * arrived is gone when it returns. A large revocation first ends all of it by deleting each `principal`
 * tuple, 2,000 in a revision, then clears away the rest, which means nothing any more.
 */
export async function revoke(
  dependencies: RevokeDependencies,
  context: RequestContext,
  request: RevokeRequest,
  options: MutationOptions,
): Promise<Revoked> {
  const { mutator } = dependencies;
  const { dryRun } = request;
  requireSelector(request.selector);
  const reach = reachOf(request.selector, await standingOf(dependencies, context));
  if (dryRun) {
    const { told } = await survey(dependencies, context, reach);
    return told.outcome === "revoked" ? { ...told, outcome: "dry_run" } : told;
  }
  const asked = { revoke: reachJson(reach) };
  const { answer, result } = await mutator.write<Json>(context, options, asked, async () => {
    const { told, tuples } = await survey(dependencies, context, reach);
    const draft = await eraseAllBut(dependencies, context, options, tuples);
    const answer = toJson(told);
    return { draft, answer: () => answer };
  });
  return { ...toldFromJson(answer), result };
}

/** What the caller is told, kept for a replay as it stands. */
type Told = Omit<Revoked, "result">;

async function survey(
  dependencies: RevokeDependencies,
  context: RequestContext,
  { selector, madeBy }: Reach,
): Promise<{ readonly told: Told; readonly tuples: readonly RelationTuple[] }> {
  const found = await findSubtrees(dependencies, context, selector, (one) => isOf(one, madeBy));
  const { pin, now, selected, delegations: read, tuples } = found;
  const remaining = await findRemaining(dependencies, context, {
    pin,
    now,
    revoked: read.filter(({ id }) => selected.has(id)),
    revokedIds: new Set(read.map(({ id }) => id)),
    selector,
  });
  const shown = remaining.filter(({ delegation }) => isOf(delegation, madeBy));
  const delegations = read
    .slice(0, toldMax)
    .map((one) => revokedOf(one, selected.has(one.id), selector));
  const outcome = read.length === 0 ? "nothing_matched" : "revoked";
  return { told: { outcome, total: read.length, delegations, remaining: shown }, tuples };
}

/**
 * Deletes by key, and leaves the last revision to the caller. What is added to a delegation meanwhile
 * stays as an orphan: its id is retired with its `principal`, so it can never mean anything again.
 * These revisions skip the barrier, the last one's covers them. The idempotency key is spent on the
 * last: a call that died half-way is carried on by its retry.
 */
async function eraseAllBut(
  { mutator }: RevokeDependencies,
  context: RequestContext,
  options: MutationOptions,
  tuples: readonly RelationTuple[],
): Promise<Draft> {
  const few = tuples.length <= deletedMax;
  const principals = few ? [] : tuples.filter(({ relation }) => relation === "principal");
  const drafts = [...chunks(principals, deletedMax), ...chunks(tuples, deletedMax)].map(draftOf);
  const last = drafts.pop() ?? draftOf([]);
  for (const draft of drafts) {
    const unhurried = { reason: options.reason, skipBarrier: true };
    await mutator.write<null>(context, unhurried, null, () =>
      Promise.resolve({ draft, answer: () => null }),
    );
  }
  return last;
}

function draftOf(tuples: readonly RelationTuple[]): Draft {
  const steps = tuples.map((tuple): TupleStep => ({ kind: "delete", tuple }));
  return { operation: "revoke", steps, preconditions: [], records: [], urgent: true };
}

function chunks<Item>(items: readonly Item[], size: number): (readonly Item[])[] {
  const count = Math.ceil(items.length / size);
  return Array.from({ length: count }, (_, index) => items.slice(index * size, (index + 1) * size));
}

/** What goes with a delegation though the selector did not name it. */
function revokedOf(
  delegation: Delegation,
  selected: boolean,
  selector: Selector,
): RevokedDelegation {
  const { tools, resources } = delegation;
  if (!selected) {
    return { delegation, because: "descendant", lostTools: tools, lostResources: resources };
  }
  return {
    delegation,
    because: "selected",
    lostTools: selector.tool === undefined ? [] : others(tools, selector.tool),
    lostResources: selector.resource === undefined ? [] : others(resources, selector.resource),
  };
}

function others(entries: readonly Covered[], named: ObjectRef): readonly Covered[] {
  return entries.filter(
    ({ subject }) => subject.kind !== "object" || !sameObject(subject.object, named),
  );
}

function requireSelector(selector: Selector): void {
  if (Object.keys(selector).length > 0) return;
  throw new DomainError("malformed", "selector must name at least one of its fields", {
    field: "selector",
    hint: "to revoke all that a principal gave, name the principal",
  });
}

/** What a caller may take back of what the selector covers. */
interface Reach {
  readonly selector: Selector;
  /** Only what this agent passed on. */
  readonly madeBy: ObjectRef | undefined;
}

/**
 * Who shows a principal's token takes back what that principal gave, who shows an agent's what the
 * agent passed on, and sees of nothing else.
 */
function reachOf(selector: Selector, standing: Standing): Reach {
  if (standing.kind === "operator") return { selector, madeBy: undefined };
  const madeBy = actorOf(standing);
  if (madeBy !== undefined) return { selector, madeBy };
  const { principal } = standing;
  requirePrincipal(standing, selector.principal ?? principal);
  return { selector: { ...selector, principal }, madeBy };
}

function isOf({ delegator }: Delegation, madeBy: ObjectRef | undefined): boolean {
  if (madeBy === undefined) return true;
  return delegator !== undefined && sameObject(delegator, madeBy);
}

function reachJson({ selector, madeBy }: Reach): Json {
  return [selectorJson(selector), madeBy === undefined ? null : formatObject(madeBy)];
}

function selectorJson(selector: Selector): Json {
  const { delegationId, principal, actor, tool, resource, session } = selector;
  const text = (object: ObjectRef | undefined): Json =>
    object === undefined ? null : formatObject(object);
  return {
    delegationId: delegationId ?? null,
    principal: text(principal),
    actor: text(actor),
    tool: text(tool),
    resource: text(resource),
    session: text(session),
  };
}

/** Inverse of `toJson`: all in it are plain values. */
function toldFromJson(json: Json): Told {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- stored by this very use case
  return json as unknown as Told;
}
