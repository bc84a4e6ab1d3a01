import { reasons, type Reason } from "../core/decision.ts";
import type { CallCase } from "./call-case.ts";
import { chainOf, judgeChain, leavesOf, type Chain } from "./chain.ts";
import {
  covers,
  coversButForConditions,
  placesButForConditions,
  type Coverable,
} from "./coverage.ts";
import { judgeEligibility } from "./eligibility.ts";
import { member, needs, notMember, union, unknown, type Membership } from "./membership.ts";
import { judgeSession, judgeSessionParties } from "./session.ts";
import type { RelationPlan } from "./plan.ts";
import { closeRule, openRule } from "./rule-trace.ts";
import { Tally, type Failure } from "./tally.ts";

/** What all chains together say. */
export interface ChainsRuling {
  readonly value: Membership;
  /** Of the canonical chain, with `member`. */
  readonly untilMs: number;
  /** Parameters that chains hang on. */
  readonly names: readonly string[];
  /** Of the chain that got furthest. */
  readonly failure: Failure;
  readonly delegationIds: readonly string[];
}

const noDelegation: Failure = {
  reason: "no_delegation",
  detail: "the principal has delegated nothing to the actor",
};

/** How far past the chains that are known to look ahead at once, where pages are missing. */
const lookAheadMin = 8;

/** Rules 2, 3, 5 and 6: some chain of delegations carries the call. The first in order that does counts. */
export function judgeChains(call: CallCase): ChainsRuling {
  const { parties } = call;
  const { run } = parties;
  const leaves = leavesOf(parties);
  const best = new Best();
  if (leaves?.length === 0) {
    const label = "rule 2: a chain of delegations leads to the actor";
    run.trace?.note(label, notMember, noDelegation.detail);
  }
  let result: Membership = leaves === undefined ? unknown : notMember;
  const names: string[] = [];
  let known = 0;
  let ahead = 0;
  for (const leaf of leaves ?? []) {
    if (!run.spend()) {
      result = union(result, unknown);
      break;
    }
    const mark = run.names.length;
    const chain = chainOf(parties, leaf);
    run.trace?.open(`a chain that ends with ${parties.format(leaf)}`);
    const tally = judgeCall(call, chain);
    run.trace?.close(tally.value, tally.failure?.detail);
    if (tally.value === needs) names.push(...run.names.slice(mark));
    run.cutNames(mark);
    if (run.scope.hasMissed) {
      ahead += 1;
      if (ahead > Math.max(lookAheadMin, known)) break;
    } else {
      known += 1;
      result = union(result, tally.value);
      best.consider(chain, tally);
      if (result === member) break;
    }
  }
  return {
    value: run.scope.hasMissed ? unknown : result,
    untilMs: best.untilMs,
    names,
    failure: best.failure(call),
    delegationIds: best.ids(call),
  };
}

function judgeCall(call: CallCase, chain: Chain): Tally {
  const tally = new Tally();
  if (!chain.isKnown) {
    tally.add(unknown, Infinity);
    return tally;
  }
  const { scope, trace } = call.parties.run;
  const carried = openRule(
    trace,
    "rules 1 and 2: the chain is live, unsuspended, and as named",
    tally,
  );
  judgeChain(call.parties, chain, carried);
  closeRule(trace, carried, tally);
  if (tally.failure !== undefined && !scope.hasMissed) return tally;
  const covered = openRule(trace, "rule 3: every link covers the tool and the resources", tally);
  judgeCoverage(call, chain, covered);
  closeRule(trace, covered, tally);
  if (tally.failure !== undefined && !scope.hasMissed) return tally;
  judgeFitness(call, chain, tally);
  return tally;
}

/** Rules 5 and 6, the session first, as the reasons have it. */
function judgeFitness(call: CallCase, chain: Chain, tally: Tally): void {
  const { parties, tool, servers } = call;
  const { trace } = parties.run;
  const inSession = openRule(trace, "rule 6: every link lets the session in", tally);
  judgeSessionParties(parties, inSession);
  for (const { delegation } of chain.links) judgeSession(parties, delegation, inSession);
  closeRule(trace, inSession, tally);
  const eligible = openRule(trace, "rule 5: every actor is eligible for the tool", tally);
  for (const { delegate } of chain.links) {
    if (delegate !== -1) judgeEligibility(parties, delegate, tool, servers, eligible);
  }
  closeRule(trace, eligible, tally);
}

/** Rule 3: every link covers the tool and, by the same link, every resource. */
function judgeCoverage(call: CallCase, chain: Chain, tally: Tally): void {
  const { parties, coverableTool, accesses } = call;
  const { run, contract } = parties;
  let isCovered = true;
  for (const { delegation } of chain.links) {
    const value = covers(run, delegation, contract.tool, coverableTool);
    isCovered = tally.add(value, run.untilMs) && isCovered;
    for (const { coverable } of accesses) {
      const covered = covers(run, delegation, contract.resource, coverable);
      isCovered = tally.add(covered, run.untilMs) && isCovered;
    }
  }
  if (!isCovered) explainCoverage(call, chain, tally);
}

/** Which part of the coverage fails, the tool first; and whether only a condition stands against it. */
function explainCoverage(call: CallCase, chain: Chain, tally: Tally): void {
  const { parties, tool } = call;
  const coverage = coverageOf(call, chain);
  if (!coverage.tool) {
    tally.fail("tool_not_covered", `the delegation does not cover ${parties.format(tool)}`);
    return;
  }
  const missing = coverage.resources.indexOf(false);
  const resource = missing < 0 ? undefined : call.accesses[missing]?.resource;
  if (resource !== undefined) {
    tally.fail("resource_not_covered", `the delegation does not cover ${parties.format(resource)}`);
    return;
  }
  tally.fail(
    "condition_failed",
    "the delegation covers the call under a condition that is not met",
  );
}

/** What all links of the chain cover, but for conditions. */
interface Coverage {
  readonly tool: boolean;
  readonly resources: readonly boolean[];
}

function coverageOf({ parties, coverableTool, accesses }: CallCase, { links }: Chain): Coverage {
  const { run, contract } = parties;
  const isCovered = ({ object }: Coverable, relation: RelationPlan): boolean => {
    const places = placesButForConditions(run, contract, object);
    return links.every(({ delegation }) =>
      coversButForConditions(run, delegation, relation, places),
    );
  };
  return {
    tool: isCovered(coverableTool, contract.tool),
    resources: accesses.map(({ coverable }) => isCovered(coverable, contract.resource)),
  };
}

/** The chain that allows, or of those that fail the first of those that got furthest. */
class Best {
  untilMs = Number.POSITIVE_INFINITY;
  #chain: Chain | undefined;
  #failure: Failure | undefined;
  #rank = -1;
  /** Chains that failed for coverage. */
  readonly #uncovered: Chain[] = [];

  consider(chain: Chain, tally: Tally): void {
    const { failure } = tally;
    if (failure === undefined) {
      const rank = tally.value === member ? reasons.length + 1 : reasons.length;
      this.#keep(chain, undefined, rank);
      this.untilMs = tally.untilMs;
      return;
    }
    if (isCoverage(failure.reason)) this.#uncovered.push(chain);
    this.#keep(chain, failure, reasons.indexOf(failure.reason));
  }

  failure(call: CallCase): Failure {
    const failure = this.#failure;
    if (failure === undefined) return noDelegation;
    if (!isCoverage(failure.reason) || !this.#isSplit(call)) return failure;
    return {
      reason: "split_coverage",
      detail: "several delegations cover the call only together, and they do not add up",
    };
  }

  ids({ parties }: CallCase): readonly string[] {
    const links = this.#chain?.links ?? [];
    return links.map(({ delegation }) => parties.run.scope.idOf(delegation));
  }

  #keep(chain: Chain, failure: Failure | undefined, rank: number): void {
    if (rank <= this.#rank) return;
    this.#rank = rank;
    this.#chain = chain;
    this.#failure = failure;
  }

  #isSplit(call: CallCase): boolean {
    if (this.#uncovered.length < 2) return false;
    const coverages = this.#uncovered.map((chain) => coverageOf(call, chain));
    return (
      coverages.some(({ tool }) => tool) &&
      call.accesses.every((_access, index) =>
        coverages.some(({ resources }) => resources[index] === true),
      )
    );
  }
}

function isCoverage(reason: Reason): boolean {
  return reason === "tool_not_covered" || reason === "resource_not_covered";
}
