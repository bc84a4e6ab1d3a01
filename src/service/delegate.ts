import type { Permits } from "../core/caller.ts";
import {
  chainLinksMax,
  type Consent,
  type Covered,
  type Delegation,
  type DelegationRecord,
} from "../core/delegation.ts";
import { DomainError } from "../core/error.ts";
import { toJson } from "../core/json.ts";
import type { Now } from "../core/now.ts";
import { formatObject, parseName, sameObject, type ObjectRef } from "../core/object.ts";
import type { PageKey } from "../core/page.ts";
import { formatSubject, subjectOf, type Subject } from "../core/subject.ts";
import type { RelationTuple } from "../core/tuple.ts";
import { coversSubject, pairDelegations, type CoverQuery } from "../engine/attenuation.ts";
import type { Evaluated } from "../engine/graph.ts";
import type { EngineLimits } from "../engine/limits.ts";
import type { EngineError } from "../engine/view.ts";
import type { AuthorizationModel } from "../model/authorization-model.ts";
import { checkTuple } from "../model/tuple-check.ts";
import type { Snapshot } from "../replica/replica.ts";
import type { PairRoom, Precondition, TupleStep } from "../store/mutation.ts";
import type { CoveragePair, Delegated, DelegateRequest } from "./delegations.ts";
import { delegationObject, delegationTypeName, readDelegations } from "./delegation-view.ts";
import { errorOf, pinOf, type Evaluator, type Pin } from "./evaluator.ts";
import { settleExpiry, type LifetimeSettings } from "./lifetime.ts";
import type { Drafted, Mutator } from "./mutator.ts";
import type { MutationOptions, RequestContext } from "./request.ts";
import type { Storage } from "./storage.ts";
import {
  consentShown,
  requirePrincipal,
  requireUnverified,
  standingJson,
  standingOf,
  standsFor,
  type Standing,
  type StandingPorts,
} from "./standing.ts";

export interface DelegateDependencies {
  readonly evaluator: Evaluator;
  readonly storage: Storage;
  readonly mutator: Mutator;
  readonly permits: Permits;
  readonly verifySubject: StandingPorts["verifySubject"];
  readonly limits: EngineLimits;
  readonly lifetimes: LifetimeSettings;
  /** Live delegations of one (principal, delegate). */
  readonly pairDelegationsMax: number;
  /** Never the same twice: at least 120 random bits. */
  readonly newDelegationId: () => string;
}

/** What the world looks like to the new delegation, all of one revision. */
interface Ground {
  readonly pin: Pin;
  readonly now: Now;
  readonly modelId: string;
  readonly model: AuthorizationModel;
  /** From the parent up; empty where there is none. */
  readonly ancestors: readonly Delegation[];
  readonly principal: ObjectRef;
  readonly delegator: ObjectRef;
}

/** Writes one delegation a pair in one revision, or says what it would add to its parent's. */
export async function delegate(
  dependencies: DelegateDependencies,
  context: RequestContext,
  request: DelegateRequest,
  options: MutationOptions,
): Promise<Delegated> {
  const { mutator, storage, evaluator } = dependencies;
  requireUnverified(request.consent);
  const standing = await standingOf(dependencies, context);
  const { answer, result } = await mutator.write<readonly string[]>(
    context,
    options,
    [toJson(request), standingJson(standing)],
    () => compose(dependencies, context, request, standing),
  );
  const now = await evaluator.clock(context);
  const at = { revision: result.revision, now };
  return { delegations: await readDelegations(storage, context.tenant, at, answer), result };
}

async function compose(
  dependencies: DelegateDependencies,
  context: RequestContext,
  request: DelegateRequest,
  standing: Standing,
): Promise<Drafted<readonly string[]>> {
  const ground = await survey(dependencies, context, request, standing);
  const room = await requireRoom(dependencies, context, ground, request);
  const expiresAtMs = settleExpiry(
    request.lifetime,
    dependencies.lifetimes,
    ground.now.latestMs,
    earliestEnd(ground.ancestors),
  );
  const ids = request.pairs.map(() => dependencies.newDelegationId());
  const steps = request.pairs.flatMap((pair, index) =>
    tuplesOf(ground, request, pair, ids[index] ?? "", expiresAtMs).map((tuple): TupleStep => {
      const error = checkTuple(ground.model, tuple);
      if (error !== undefined) throw error;
      return { kind: "create", tuple };
    }),
  );
  // What was verified counts, whatever else the caller says of it.
  const hasParent = ground.ancestors.length > 0;
  const consent = consentShown(standing, ground.principal, hasParent) ?? request.consent;
  const records = ids.map((id) => recordOf(id, request, context, ground.now, consent));
  const draft = {
    operation: "delegate",
    steps,
    preconditions: [...parentStands(ground.ancestors), room],
    records,
    urgent: false,
    validatedModelId: ground.modelId,
  };
  return { draft, answer: () => ids };
}

async function survey(
  dependencies: DelegateDependencies,
  context: RequestContext,
  request: DelegateRequest,
  standing: Standing,
): Promise<Ground> {
  if (request.parentId === undefined && request.principal !== undefined) {
    requirePrincipal(standing, request.principal);
  }
  const { evaluator, storage } = dependencies;
  const head = await evaluator.run(context, { kind: "fully_consistent" }, (snapshot) => {
    const { now, modelId, plan } = snapshot;
    return { kind: "decided", value: { pin: pinOf(snapshot), now, modelId, model: plan.model } };
  });
  requireDelegations(head.model);
  const at = { revision: head.pin.revision, now: head.now };
  const ancestors = await readAncestors(storage, context.tenant, at, request.parentId, standing);
  const [parent] = ancestors;
  const principal = parent?.principal ?? request.principal;
  const delegator = parent === undefined ? request.principal : parent.delegate;
  if (principal === undefined || delegator === undefined) {
    throw new DomainError("malformed", "principal must be set where there is no parent_id", {
      field: "principal",
    });
  }
  requireSame(request.principal, principal, "principal");
  requireSame(request.delegator, delegator, "delegator");
  return { ...head, ancestors, principal, delegator };
}

/** From the parent up. Fails unless every one is live and there is room for another link. */
async function readAncestors(
  storage: Storage,
  tenant: string,
  at: { readonly revision: Pin["revision"]; readonly now: Now },
  parentId: string | undefined,
  standing: Standing,
): Promise<readonly Delegation[]> {
  const ancestors: Delegation[] = [];
  let id = parentId;
  while (id !== undefined) {
    if (ancestors.length === chainLinksMax - 1) {
      throw new DomainError("limit_exceeded", `a chain has at most ${chainLinksMax} links`, {
        field: "parent_id",
      });
    }
    const [found] = await readDelegations(storage, tenant, at, [id]);
    // Another agent's delegation is as if it were not there.
    const isHidden = ancestors.length === 0 && !standsFor(standing, found?.delegate);
    if (found === undefined || isHidden) {
      throw new DomainError("delegation_not_found", `there is no delegation \`${id}\``, {
        field: "parent_id",
      });
    }
    if (found.state !== "live") {
      throw new DomainError("attenuation_violated", `delegation \`${id}\` is ${found.state}`, {
        field: "parent_id",
      });
    }
    ancestors.push(found);
    id = found.parentId;
  }
  return ancestors;
}

/**
 * Attenuation, and the limit of a pair, judged by the engine at the ground's revision. What others make
 * meanwhile is counted under the tenant's lock.
 */
async function requireRoom(
  dependencies: DelegateDependencies,
  context: RequestContext,
  ground: Ground,
  request: DelegateRequest,
): Promise<PairRoom> {
  const { evaluator, limits, pairDelegationsMax } = dependencies;
  const { ancestors, principal } = ground;
  const asked = ancestors.flatMap(({ id }, index) => [
    { delegationId: id, relation: "delegable_to" as const, subject: subjectOf(request.delegate) },
    ...(index > 0 ? [] : askedOfParent(id, request)),
  ]);
  const verdict = await evaluator.runPinned(context, { kind: "default" }, ground.pin, (snapshot) =>
    judgeRoom(snapshot, asked, { principal, delegate: request.delegate }, limits),
  );
  if (verdict.kind === "error") throw errorOf(verdict);
  if (verdict.kind === "uncovered") {
    const { delegationId, relation, subject } = verdict.query;
    throw new DomainError(
      "attenuation_violated",
      `\`${formatSubject(subject)}\` is not in ${relation} of delegation \`${delegationId}\``,
      { hint: "a link only narrows: ask for what its ancestors cover" },
    );
  }
  if (verdict.pairs + request.pairs.length > pairDelegationsMax) {
    throw new DomainError(
      "limit_exceeded",
      `\`${formatObject(principal)}\` may have at most ${pairDelegationsMax} delegations to \`${formatObject(request.delegate)}\`, has ${verdict.pairs}`,
      { hint: "revoke what is no longer used" },
    );
  }
  const since = ground.pin.revision;
  const { delegate } = request;
  return {
    kind: "pair_room",
    principal,
    delegate,
    since,
    madeMax: pairDelegationsMax - verdict.pairs,
  };
}

function askedOfParent(delegationId: string, request: DelegateRequest): readonly CoverQuery[] {
  return request.pairs.flatMap(({ tools, resources }) => [
    ...tools.map(({ subject }) => ({ delegationId, relation: "tool" as const, subject })),
    ...resources.map(({ subject }) => ({ delegationId, relation: "resource" as const, subject })),
  ]);
}

type Room =
  | EngineError
  | { readonly kind: "uncovered"; readonly query: CoverQuery }
  | { readonly kind: "room"; readonly pairs: number };

function judgeRoom(
  snapshot: Snapshot,
  queries: readonly CoverQuery[],
  pair: { readonly principal: ObjectRef; readonly delegate: ObjectRef },
  limits: EngineLimits,
): Evaluated<Room> {
  const pages: PageKey[] = [];
  for (const query of queries) {
    const evaluated = coversSubject(snapshot, query, limits);
    if (evaluated.kind === "missing") {
      pages.push(...evaluated.pages);
    } else if (typeof evaluated.value !== "boolean") {
      return { kind: "decided", value: evaluated.value };
    } else if (!evaluated.value && pages.length === 0) {
      return { kind: "decided", value: { kind: "uncovered", query } };
    }
  }
  const count = pairDelegations(snapshot, pair.principal, pair.delegate);
  if (count.kind === "missing") return { kind: "missing", pages: [...pages, ...count.pages] };
  if (pages.length > 0) return { kind: "missing", pages };
  return { kind: "decided", value: { kind: "room", pairs: count.value.length } };
}

/** An end in the past is no reason: then it is refused by its own state. */
function earliestEnd(ancestors: readonly Delegation[]): number | undefined {
  const ends = ancestors.flatMap(({ expiresAtMs }) => expiresAtMs ?? []);
  return ends.length === 0 ? undefined : Math.min(...ends);
}

/** The parent may be revoked between the survey and the commit. */
function parentStands(ancestors: readonly Delegation[]): readonly Precondition[] {
  const [parent] = ancestors;
  if (parent === undefined) return [];
  return ["principal", "delegate"].map((relation) => ({
    kind: "must_exist",
    filter: {
      objectType: delegationTypeName,
      objectId: parent.id,
      relation: parseName(relation, "relation"),
    },
  }));
}

function tuplesOf(
  ground: Ground,
  request: DelegateRequest,
  pair: CoveragePair,
  id: string,
  expiresAtMs: number | undefined,
): readonly RelationTuple[] {
  const object = delegationObject(id, "id");
  const plain = (relation: string, subject: Subject): RelationTuple => ({
    object,
    relation: parseName(relation, "relation"),
    subject,
  });
  const ending = (tuple: RelationTuple): RelationTuple =>
    expiresAtMs === undefined ? tuple : { ...tuple, expiresAtMs };
  const covered =
    (relation: string) =>
    (entry: Covered): RelationTuple => ({
      ...plain(relation, entry.subject),
      ...(entry.condition === undefined ? {} : { condition: entry.condition }),
      ...(entry.expiresAtMs === undefined ? {} : { expiresAtMs: entry.expiresAtMs }),
    });
  const [parent] = ground.ancestors;
  const sessions = request.sessions.length > 0 ? request.sessions : [anySession];
  return [
    ending(plain("principal", subjectOf(ground.principal))),
    ending(plain("delegator", subjectOf(ground.delegator))),
    ending(plain("delegate", subjectOf(request.delegate))),
    ...(parent === undefined
      ? []
      : [plain("parent", subjectOf(delegationObject(parent.id, "parent_id")))]),
    ...pair.tools.map(covered("tool")),
    ...pair.resources.map(covered("resource")),
    ...sessions.map((subject) => plain("session", subject)),
    ...request.delegableTo.map((subject) => plain("delegable_to", subject)),
  ];
}

const anySession: Subject = { kind: "wildcard", type: parseName("session", "type") };

function recordOf(
  id: string,
  request: DelegateRequest,
  context: RequestContext,
  now: Now,
  consent: Consent | undefined,
): DelegationRecord {
  const { purpose, labels } = request;
  return {
    id,
    purpose,
    ...(consent === undefined ? {} : { consent }),
    labels,
    createdBy: context.caller.id,
    createdAtMs: now.latestMs,
  };
}

function requireSame(asked: ObjectRef | undefined, actual: ObjectRef, field: string): void {
  if (asked === undefined || sameObject(asked, actual)) return;
  throw new DomainError(
    "attenuation_violated",
    `${field} must be \`${formatObject(actual)}\`, got \`${formatObject(asked)}\``,
    { field },
  );
}

function requireDelegations(model: AuthorizationModel): void {
  if (model.hasDelegations) return;
  throw new DomainError(
    "no_delegations",
    "the active authorization model has no type `delegation`",
    { hint: "write a model that has it, such as the stock model" },
  );
}
