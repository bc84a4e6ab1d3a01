import type { JsonObject } from "../core/json.ts";
import type { ObjectRef } from "../core/object.ts";
import type { SubjectSymbol } from "../core/symbols.ts";
import { noDelegations, refuseParties } from "./authorize.ts";
import { callCaseOf, type CallCase } from "./call-case.ts";
import { chainOf, judgeChain, leavesOf, type Chain } from "./chain.ts";
import { covers } from "./coverage.ts";
import { judgeEligibility } from "./eligibility.ts";
import type { Evaluated } from "./graph.ts";
import type { EngineLimits } from "./limits.ts";
import { member, needs, notMember, union, type Membership } from "./membership.ts";
import { Parties } from "./parties.ts";
import { relationOf } from "./plan.ts";
import { judgeOwnPermissions, judgeRegistration, judgeSuspensions } from "./principal-rules.ts";
import { candidateObjects } from "./reverse-expansion.ts";
import { Run } from "./run.ts";
import { judgeSession, judgeSessionParties } from "./session.ts";
import { takeSlice } from "./slice.ts";
import { candidateSubjects } from "./subject-search.ts";
import { Tally } from "./tally.ts";
import type { EngineError, View } from "./view.ts";

/** Which tools may the last actor call for the principal, resources apart? */
export interface ListToolsQuery {
  readonly principal: ObjectRef;
  readonly actors: readonly ObjectRef[];
  readonly session?: ObjectRef;
  readonly delegationId?: string;
  readonly partialChain: boolean;
  readonly context: JsonObject;
  /**
   * All tools that are or may be registered: over these a delegation of every tool ranges, and no
   * page knows them. Needed only where there is one.
   */
  readonly registered?: readonly ObjectRef[];
  /** The id after which the slice begins. */
  readonly after?: string;
  readonly limit: number;
}

export type ListToolsAnswer =
  | { readonly kind: "slice"; readonly tools: readonly ObjectRef[]; readonly next?: string }
  | EngineError;

/**
 * The tools for which some chain satisfies all rules, as far as they can be judged without resources;
 * where parameters of conditions are missing, they count as true.
 *
 * Fails with `not_supported` where a delegation covers every tool and `registered` is not given.
 */
export function listTools(
  view: View,
  query: ListToolsQuery,
  limits: EngineLimits,
): Evaluated<ListToolsAnswer> {
  const { contract } = view.plan;
  const refused = contract === undefined ? noDelegations() : refuseParties(view.plan, query);
  if (contract === undefined || refused !== undefined) {
    return { kind: "decided", value: refused ?? noDelegations() };
  }
  const run = new Run(view, limits, []);
  const parties = new Parties(run, contract, query);
  const lister = new ToolLister(parties, query.registered);
  const chains = lister.chains();
  const candidates = lister.candidates(chains).map((candidate) => ({
    key: run.scope.idOf(candidate),
    candidate,
  }));
  if (run.problem !== undefined) return run.finish(run.error());
  const slice = takeSlice(run, candidates, query.after, query.limit, (tool) =>
    lister.isCallable(tool, chains) ? run.scope.refOf(tool) : undefined,
  );
  if (lister.isUnknown) return run.finish(run.error());
  const { elements: tools, next } = slice;
  return run.finish({ kind: "slice", tools, ...(next === undefined ? {} : { next }) });
}

class ToolLister {
  isUnknown = false;
  readonly #parties: Parties;
  readonly #registered: readonly ObjectRef[] | undefined;

  constructor(parties: Parties, registered: readonly ObjectRef[] | undefined) {
    this.#parties = parties;
    this.#registered = registered;
  }

  /** Those that satisfy all rules that do not ask about the tool. */
  chains(): readonly Chain[] {
    const parties = this.#parties;
    const chains: Chain[] = [];
    for (const leaf of leavesOf(parties) ?? []) {
      const chain = chainOf(parties, leaf);
      if (!chain.isKnown) continue;
      const tally = new Tally();
      judgeChain(parties, chain, tally);
      judgeSessionParties(parties, tally);
      for (const { delegation } of chain.links) judgeSession(parties, delegation, tally);
      if (this.#mayHold(tally.value)) chains.push(chain);
    }
    return chains;
  }

  /** Whatever the last link of a chain may cover. */
  candidates(chains: readonly Chain[]): readonly SubjectSymbol[] {
    const { run, contract } = this.#parties;
    const { scope, plan } = run;
    const tools = new Set<SubjectSymbol>();
    const within = relationOf(plan, contract.toolType, contract.withinName);
    const places = new Set<SubjectSymbol>();
    for (const chain of chains) {
      const last = chain.links.at(-1);
      if (last === undefined) continue;
      for (const subject of candidateSubjects(run, last.delegation, contract.tool)) {
        if (scope.kindOf(subject) !== "userset") places.add(subject);
      }
    }
    for (const place of places) {
      if (scope.kindOf(place) === "wildcard") {
        for (const tool of this.#all()) tools.add(tool);
        continue;
      }
      if (scope.typeOf(place) === contract.toolType) tools.add(place);
      if (within === undefined) continue;
      for (const tool of candidateObjects(run, place, within)) tools.add(tool);
    }
    return [...tools];
  }

  isCallable(tool: SubjectSymbol, chains: readonly Chain[]): boolean {
    const call = callCaseOf(this.#parties, tool, []);
    const tally = new Tally();
    judgeSuspensions(call, tally);
    if (tally.value !== notMember) judgeRegistration(call, tally);
    if (tally.value !== notMember) judgeOwnPermissions(call, tally);
    if (!this.#mayHold(tally.value)) return false;
    let result: Membership = notMember;
    for (const chain of chains) {
      const value = judgeTool(call, chain);
      result = union(result, value === needs ? member : value);
      if (result === member) return true;
    }
    return this.#mayHold(result);
  }

  /** What is unknown is noted; the list then fails. */
  #mayHold(value: Membership): boolean {
    if (value === notMember) return false;
    if (value !== member && value !== needs) this.isUnknown = true;
    return true;
  }

  #all(): readonly SubjectSymbol[] {
    const { run } = this.#parties;
    if (this.#registered !== undefined) {
      return this.#registered.map((tool) => run.scope.object(tool));
    }
    run.fail(
      "not_supported",
      "a delegation covers every tool, and it is not given which there are",
    );
    return [];
  }
}

/** Rules 3 and 5 for one chain, its resources apart. */
function judgeTool({ parties, tool, servers, coverableTool }: CallCase, chain: Chain): Membership {
  const { run, contract } = parties;
  const tally = new Tally();
  for (const { delegation } of chain.links) {
    if (!tally.add(covers(run, delegation, contract.tool, coverableTool), run.untilMs)) {
      return notMember;
    }
  }
  for (const { delegate } of chain.links) {
    if (delegate !== -1) judgeEligibility(parties, delegate, tool, servers, tally);
  }
  return tally.value;
}
