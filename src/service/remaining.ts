import type { Covered, Delegation } from "../core/delegation.ts";
import type { Now } from "../core/now.ts";
import { formatObject, sameObject, type ObjectRef } from "../core/object.ts";
import type { PageKey } from "../core/page.ts";
import { coversSubject, pairDelegations } from "../engine/attenuation.ts";
import type { Evaluated } from "../engine/graph.ts";
import type { EngineLimits } from "../engine/limits.ts";
import type { EngineError, View } from "../engine/view.ts";
import { readDelegations } from "./delegation-view.ts";
import type { RemainingDelegation, Selector } from "./delegations.ts";
import { errorOf, type Evaluator, type Pin } from "./evaluator.ts";
import type { RequestContext } from "./request.ts";
import type { Storage } from "./storage.ts";

interface Dependencies {
  readonly evaluator: Evaluator;
  readonly storage: Storage;
  readonly limits: EngineLimits;
}

interface Revocation {
  readonly pin: Pin;
  readonly now: Now;
  /** The delegations that the selector itself chose. */
  readonly revoked: readonly Delegation[];
  /** Those and their subtrees. */
  readonly revokedIds: ReadonlySet<string>;
  readonly selector: Selector;
}

/** Delegations that are looked at: what is told beyond is a courtesy, and it has an end. */
const revokedLookedAtMax = 50;
const candidatesMax = 200;

/**
 * Live delegations of the same principal to the same delegate that still cover some of what was
 * selected: a tool of it and, where it had any, a resource of it. They may surprise who revoked.
 */
export async function findRemaining(
  dependencies: Dependencies,
  context: RequestContext,
  revocation: Revocation,
): Promise<readonly RemainingDelegation[]> {
  const { evaluator, storage, limits } = dependencies;
  const { pin, now, revokedIds } = revocation;
  const revoked = revocation.revoked.slice(0, revokedLookedAtMax);
  if (revoked.length === 0) return [];
  const consistency = { kind: "default" as const };
  const pairs = distinctPairs(revoked);
  const ids = await evaluator.runPinned(context, consistency, pin, (snapshot) =>
    idsOf(snapshot, pairs),
  );
  const others = ids.filter((id) => !revokedIds.has(id)).slice(0, candidatesMax);
  const at = { revision: pin.revision, now };
  const candidates = (await readDelegations(storage, context.tenant, at, others)).filter(
    ({ state }) => state === "live",
  );
  if (candidates.length === 0) return [];
  const wanted = revoked.map((one) => narrowed(one, revocation.selector));
  const covered = await evaluator.runPinned(context, consistency, pin, (snapshot) =>
    coveredOf(snapshot, candidates, wanted, limits),
  );
  if ("kind" in covered) throw errorOf(covered);
  return covered.filter(
    ({ stillCoveredTools, stillCoveredResources, delegation }) =>
      stillCoveredTools.length > 0 &&
      (stillCoveredResources.length > 0 || delegation.resources.length === 0),
  );
}

interface Pair {
  readonly principal: ObjectRef;
  readonly delegate: ObjectRef;
}

function distinctPairs(delegations: readonly Delegation[]): readonly Pair[] {
  const pairs = new Map<string, Pair>();
  for (const { principal, delegate } of delegations) {
    if (principal === undefined || delegate === undefined) continue;
    pairs.set(`${formatObject(principal)} ${formatObject(delegate)}`, { principal, delegate });
  }
  return [...pairs.values()];
}

function idsOf(view: View, pairs: readonly Pair[]): Evaluated<readonly string[]> {
  const evaluated = pairs.map(({ principal, delegate }) =>
    pairDelegations(view, principal, delegate),
  );
  const pages = evaluated.flatMap((one) => (one.kind === "missing" ? one.pages : []));
  if (pages.length > 0) return { kind: "missing", pages };
  const ids = evaluated.flatMap((one) =>
    one.kind === "decided" ? one.value.map(({ id }) => id) : [],
  );
  return { kind: "decided", value: [...new Set(ids)] };
}

/** Where the selector names a tool or a resource, only that counts. */
function narrowed(delegation: Delegation, selector: Selector): Wanted {
  const { tools, resources, principal, delegate } = delegation;
  const only = (object: ObjectRef): readonly Covered[] => [{ subject: { kind: "object", object } }];
  return {
    principal,
    delegate,
    tools: selector.tool === undefined ? tools : only(selector.tool),
    resources: selector.resource === undefined ? resources : only(selector.resource),
  };
}

interface Wanted extends Pick<Delegation, "tools" | "resources"> {
  readonly principal: ObjectRef | undefined;
  readonly delegate: ObjectRef | undefined;
}

function coveredOf(
  view: View,
  candidates: readonly Delegation[],
  wanted: readonly Wanted[],
  limits: EngineLimits,
): Evaluated<readonly RemainingDelegation[] | EngineError> {
  const pages: PageKey[] = [];
  const remaining: RemainingDelegation[] = [];
  for (const delegation of candidates) {
    const same = wanted.filter(
      ({ principal, delegate }) =>
        isSame(principal, delegation.principal) && isSame(delegate, delegation.delegate),
    );
    const tools = covers(
      delegation.id,
      "tool",
      same.flatMap((one) => one.tools),
    );
    const resources = covers(
      delegation.id,
      "resource",
      same.flatMap((one) => one.resources),
    );
    if ("kind" in tools) return { kind: "decided", value: tools };
    if ("kind" in resources) return { kind: "decided", value: resources };
    remaining.push({ delegation, stillCoveredTools: tools, stillCoveredResources: resources });
  }
  return pages.length > 0 ? { kind: "missing", pages } : { kind: "decided", value: remaining };

  function covers(
    delegationId: string,
    relation: "tool" | "resource",
    entries: readonly Covered[],
  ): readonly Covered[] | EngineError {
    const found: Covered[] = [];
    for (const entry of entries) {
      const query = { delegationId, relation, subject: entry.subject };
      const evaluated = coversSubject(view, query, limits);
      if (evaluated.kind === "missing") pages.push(...evaluated.pages);
      else if (typeof evaluated.value !== "boolean") return evaluated.value;
      else if (evaluated.value) found.push(entry);
    }
    return found;
  }
}

function isSame(left: ObjectRef | undefined, right: ObjectRef | undefined): boolean {
  return left !== undefined && right !== undefined && sameObject(left, right);
}
