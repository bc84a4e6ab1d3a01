import { delegationType } from "../core/delegation.ts";
import { parseName, parseObjectId, type ObjectRef } from "../core/object.ts";
import type { Subject } from "../core/subject.ts";
import type { SubjectSymbol } from "../core/symbols.ts";
import { Checker } from "./checker.ts";
import type { Contract } from "./contract.ts";
import { coverableOf, coversButForConditions } from "./coverage.ts";
import type { Evaluated } from "./graph.ts";
import type { EngineLimits } from "./limits.ts";
import { granting, isCertain, notMember } from "./membership.ts";
import type { RelationPlan } from "./plan.ts";
import { Run } from "./run.ts";
import type { EngineError, View } from "./view.ts";

/** Whether a delegation lets something through, to be asked when another is to be narrower. */
export interface CoverQuery {
  readonly delegationId: string;
  readonly relation: "tool" | "resource" | "delegable_to";
  readonly subject: Subject;
}

/**
 * Whether a delegation covers a subject if the conditions of its own tuples turned out well: they are
 * not compared, each link's is judged at each call. What the subject is within counts as it is now,
 * where a condition that lacks context may hold. A wildcard is covered by the same wildcard alone, a userset by
 * itself or by what holds it.
 */
export function coversSubject(
  view: View,
  query: CoverQuery,
  limits: EngineLimits,
): Evaluated<boolean | EngineError> {
  const { contract } = view.plan;
  if (contract === undefined) return { kind: "decided", value: noDelegations };
  const run = new Run(view, limits, []);
  const delegation = run.scope.object(delegationRef(query.delegationId));
  const relation = relationOfQuery(contract, query.relation);
  const subject = run.scope.findSubject(query.subject);
  const covered =
    subject !== undefined && isCovered(run, contract, delegation, relation, subject, query);
  if (run.problem !== undefined) return run.finish(run.error());
  return run.finish(covered);
}

/**
 * The delegations of a principal to a delegate that have not expired, in canonical order. They may be
 * suspended or broken.
 */
export function pairDelegations(
  view: View,
  principal: ObjectRef,
  delegate: ObjectRef,
): Evaluated<readonly ObjectRef[]> {
  const { contract } = view.plan;
  if (contract === undefined) return { kind: "decided", value: [] };
  const run = new Run(view, unlimited, []);
  const { scope } = run;
  const from = scope.findSubject({ kind: "object", object: principal });
  const to = scope.findSubject({ kind: "object", object: delegate });
  if (from === undefined || to === undefined) return { kind: "decided", value: [] };
  const found = (scope.delegations(from, to) ?? []).filter((delegation) => {
    const page = scope.forward(delegation, contract.principal.relation);
    const position = page?.indexOf(from) ?? -1;
    return page === undefined || position < 0 || page.expiresAtMsAt(position) > view.now.latestMs;
  });
  return run.finish(found.map((delegation) => scope.refOf(delegation)));
}

/** The page of a pair bounds the work, so no budget is needed. */
const unlimited: EngineLimits = {
  depthMax: 1,
  stepsMax: Number.MAX_SAFE_INTEGER,
  sliceStepsMax: Number.MAX_SAFE_INTEGER,
  batchStepsMax: Number.MAX_SAFE_INTEGER,
  candidatesMax: Number.MAX_SAFE_INTEGER,
  explanationNodesMax: 0,
  expandNodesMax: 0,
};

const noDelegations: EngineError = {
  kind: "error",
  code: "no_delegations",
  detail: `the active authorization model has no type \`${delegationType}\``,
};

function isCovered(
  run: Run,
  contract: Contract,
  delegation: SubjectSymbol,
  relation: RelationPlan,
  subject: SubjectSymbol,
  query: CoverQuery,
): boolean {
  if (query.relation === "delegable_to" || query.subject.kind !== "object") {
    const value = new Checker(run, subject, undefined).check(delegation, relation, granting);
    return isCertain(value) && value !== notMember;
  }
  const { places } = coverableOf(run, contract, subject, {}, {});
  return coversButForConditions(run, delegation, relation, places);
}

function relationOfQuery(contract: Contract, relation: CoverQuery["relation"]): RelationPlan {
  switch (relation) {
    case "tool":
      return contract.tool;
    case "resource":
      return contract.resource;
    case "delegable_to":
      return contract.delegableTo;
  }
}

function delegationRef(id: string): ObjectRef {
  return { type: parseName(delegationType, "type"), id: parseObjectId(id, "delegation_id") };
}
