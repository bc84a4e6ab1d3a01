import type { Access, Call, Verdict } from "../core/decision.ts";
import { chainLinksMax, toolType } from "../core/delegation.ts";
import { formatObject, type ObjectRef } from "../core/object.ts";
import { callCaseOf, type CallCase } from "./call-case.ts";
import { judgeChains, type ChainsRuling } from "./chains-ruling.ts";
import { refuseOtherFacts } from "./contextual-fact.ts";
import type { Contract } from "./contract.ts";
import type { Evaluated } from "./graph.ts";
import type { EngineLimits, StepMeter } from "./limits.ts";
import { intersection, member, needs, notMember } from "./membership.ts";
import { Parties, type PartiesQuery } from "./parties.ts";
import { findRelation, type Plan } from "./plan.ts";
import { judgeRequirements, judgeSuspensions } from "./principal-rules.ts";
import { closeRule, openRule } from "./rule-trace.ts";
import { Run, sortNames } from "./run.ts";
import { Tally, type Failure } from "./tally.ts";
import type { Trace } from "./trace.ts";
import { unknownRelation } from "./unknown-relation.ts";
import type { EngineError, View } from "./view.ts";

/** A verdict, or why there is none. An error is never a denial, and never to be cached as one. */
export type AuthorizeAnswer = Verdict | EngineError;

/**
 * Decides a delegated call at the view's revision and instant, by all six rules at once. A rule that
 * fails for certain denies, whatever is unknown elsewhere; what is unknown denies and allows nothing.
 */
export function authorize(
  view: View,
  call: Call,
  limits: EngineLimits,
  trace?: Trace,
  meter?: StepMeter,
): Evaluated<AuthorizeAnswer> {
  const { contract } = view.plan;
  const refused = contract === undefined ? noDelegations() : refuseCall(view.plan, call);
  if (contract === undefined || refused !== undefined) {
    return { kind: "decided", value: refused ?? noDelegations() };
  }
  const run = new Run(view, limits, call.contextualTuples, trace);
  const fact = refuseOtherFacts(run, contract, call);
  if (fact !== undefined && !run.scope.hasMissed) return run.finish(fact);
  const answer = judge(run, contract, call);
  if (meter !== undefined) meter.steps += run.steps;
  return run.finish(answer);
}

export function noDelegations(): EngineError {
  return {
    kind: "error",
    code: "no_delegations",
    detail: "the active model defines no type `delegation`",
  };
}

/** What does not fit the model, or is no call. */
export function refuseParties(plan: Plan, query: PartiesQuery): EngineError | undefined {
  const { actors, partialChain } = query;
  if (actors.length === 0 || actors.length > chainLinksMax) {
    return malformed(`actors must be 1 to ${chainLinksMax}`);
  }
  if (partialChain && actors.length > 1) {
    return malformed("with a partial chain, actors must be the last one alone");
  }
  const { principal, session } = query;
  return (
    refuseUnknownType(plan, principal) ??
    firstRefusal(actors, (actor) => refuseUnknownType(plan, actor)) ??
    (session === undefined ? undefined : refuseUnknownType(plan, session))
  );
}

function refuseCall(plan: Plan, call: Call): EngineError | undefined {
  const refused = refuseParties(plan, call);
  if (refused !== undefined) return refused;
  if (call.tool.type !== toolType) return malformed(`tool must be of type \`${toolType}\``);
  return firstRefusal(call.accesses, (access) => refuseAccess(plan, access));
}

function refuseAccess(plan: Plan, { resource, permission }: Access): EngineError | undefined {
  const unknownType = refuseUnknownType(plan, resource);
  if (unknownType !== undefined || permission === undefined) return unknownType;
  if (findRelation(plan, resource.type, permission) !== undefined) return undefined;
  return unknownRelation(plan, resource.type, permission);
}

function refuseUnknownType(plan: Plan, object: ObjectRef): EngineError | undefined {
  if (plan.model.types.has(object.type)) return undefined;
  const detail = `the model has no type for \`${formatObject(object)}\``;
  return { kind: "error", code: "unknown_type", detail };
}

function firstRefusal<Element>(
  elements: readonly Element[],
  refuse: (element: Element) => EngineError | undefined,
): EngineError | undefined {
  for (const element of elements) {
    const refused = refuse(element);
    if (refused !== undefined) return refused;
  }
  return undefined;
}

function malformed(detail: string): EngineError {
  return { kind: "error", code: "malformed", detail };
}

function judge(run: Run, contract: Contract, call: Call): AuthorizeAnswer {
  const parties = new Parties(run, contract, call);
  const callCase = callCaseOf(parties, run.scope.object(call.tool), call.accesses);
  const tally = new Tally();
  const { trace } = run;
  const unsuspended = openRule(trace, "rule 1: nobody that the call names is suspended", tally);
  judgeSuspensions(callCase, unsuspended);
  closeRule(trace, unsuspended, tally);
  if (tally.failure !== undefined && !run.scope.hasMissed) return denied(tally.failure);
  const permitted = openRule(trace, "rule 4: the principal may do it", tally);
  judgeRequirements(callCase, permitted);
  closeRule(trace, permitted, tally);
  if (tally.failure !== undefined && !run.scope.hasMissed) return denied(tally.failure);
  const chains = judgeChains(callCase);
  return conclude(callCase, tally, chains);
}

/** All but the chains has not failed; now the two together. */
function conclude({ parties }: CallCase, tally: Tally, chains: ChainsRuling): AuthorizeAnswer {
  const { run } = parties;
  if (chains.value === notMember) return denied(chains.failure, chains.delegationIds);
  const value = intersection(tally.value, chains.value);
  switch (value) {
    case member:
      return allowed(chains.delegationIds, Math.min(tally.untilMs, chains.untilMs));
    case needs:
      return {
        kind: "denied",
        reason: "context_missing",
        missingNames: sortNames([...run.names, ...chains.names]),
        delegationIds: chains.delegationIds,
        detail: "the answer hangs on parameters that the call does not give",
      };
    default:
      return run.error();
  }
}

function allowed(delegationIds: readonly string[], untilMs: number): Verdict {
  if (untilMs === Number.POSITIVE_INFINITY) return { kind: "allowed", delegationIds };
  return { kind: "allowed", delegationIds, validUntilMs: untilMs };
}

function denied(failure: Failure, delegationIds: readonly string[] = []): Verdict {
  return { kind: "denied", ...failure, missingNames: [], delegationIds };
}
