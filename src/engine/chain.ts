import { chainLinksMax } from "../core/delegation.ts";
import type { SubjectSymbol } from "../core/symbols.ts";
import { complement, granting, member } from "./membership.ts";
import type { Parties } from "./parties.ts";
import type { RelationPlan } from "./plan.ts";
import { isSuspended } from "./suspension.ts";
import type { Tally } from "./tally.ts";

/** One delegation of a chain, as far as its identity goes; -1 where it has not exactly one. */
export interface Link {
  readonly delegation: SubjectSymbol;
  readonly principal: SubjectSymbol | -1;
  readonly delegator: SubjectSymbol | -1;
  readonly delegate: SubjectSymbol | -1;
  readonly parent: SubjectSymbol | -1;
  readonly isExpired: boolean;
  readonly isWellFormed: boolean;
  readonly untilMs: number;
}

/** The delegations from the first, which has no parent, to the last. */
export interface Chain {
  readonly links: readonly Link[];
  /** False where a page is missing. */
  readonly isKnown: boolean;
  readonly isTooLong: boolean;
}

/**
 * The delegations with which a chain could end, in canonical order: from the principal to the last
 * actor, or the pinned one of them. `undefined` where that is not known yet.
 */
export function leavesOf(parties: Parties): readonly SubjectSymbol[] | undefined {
  const { run, principal, actors, delegationId } = parties;
  const last = actors.at(-1);
  if (last === undefined) return [];
  const leaves = run.scope.delegations(principal, last);
  if (leaves === undefined || delegationId === undefined) return leaves;
  return leaves.filter((leaf) => run.scope.idOf(leaf) === delegationId);
}

/** Follows `parent` up from the last link: there is at most one chain for it. */
export function chainOf(parties: Parties, leaf: SubjectSymbol): Chain {
  const links: Link[] = [];
  let isTooLong = false;
  for (let delegation: SubjectSymbol | -1 = leaf; delegation !== -1;) {
    if (links.length === chainLinksMax) {
      isTooLong = true;
      break;
    }
    const link = readLink(parties, delegation);
    if (link === undefined) return { links: links.toReversed(), isKnown: false, isTooLong: false };
    links.push(link);
    delegation = link.parent;
  }
  return { links: links.toReversed(), isKnown: true, isTooLong };
}

/** Rules 1 and 2 for one chain: it is live, nobody in it is suspended, and it leads where it must. */
export function judgeChain(parties: Parties, chain: Chain, tally: Tally): void {
  if (failsExpiry(parties, chain, tally)) return;
  if (failsSuspension(parties, chain, tally)) return;
  if (failsShape(parties, chain, tally)) return;
  judgeDelegable(parties, chain, tally);
}

function readLink(parties: Parties, delegation: SubjectSymbol): Link | undefined {
  const { contract } = parties;
  const principal = readSole(parties, delegation, contract.principal);
  const delegator = readSole(parties, delegation, contract.delegator);
  const delegate = readSole(parties, delegation, contract.delegate);
  const parent = readSole(parties, delegation, contract.parent);
  if (
    principal === undefined ||
    delegator === undefined ||
    delegate === undefined ||
    parent === undefined
  ) {
    return undefined;
  }
  const { latestMs } = parties.run.now;
  const untilMs = Math.min(principal.untilMs, delegator.untilMs, delegate.untilMs, parent.untilMs);
  return {
    delegation,
    principal: principal.subject,
    delegator: delegator.subject,
    delegate: delegate.subject,
    parent: parent.subject,
    isExpired: untilMs <= latestMs,
    isWellFormed:
      principal.count === 1 && delegator.count === 1 && delegate.count === 1 && parent.count <= 1,
    untilMs,
  };
}

interface Sole {
  /** How many tuples there are, expired ones included. */
  count: number;
  subject: SubjectSymbol | -1;
  untilMs: number;
}

function readSole(
  { run }: Parties,
  delegation: SubjectSymbol,
  relation: RelationPlan,
): Sole | undefined {
  const page = run.scope.forward(delegation, relation.relation);
  if (page === undefined) return undefined;
  // A page too large to be listed is anything but sole.
  if (!page.complete) return { count: page.count + 2, subject: -1, untilMs: Infinity };
  const sole: Sole = { count: 0, subject: -1, untilMs: Infinity };
  for (let position = 0; position < page.count; position += 1) {
    const subject = page.subjectAt(position);
    if (!run.isAllowed(relation, subject, page.conditionAt(position))) continue;
    sole.count += 1;
    sole.subject = sole.count === 1 ? subject : -1;
    const expiresAtMs = page.expiresAtMsAt(position);
    if (expiresAtMs !== Infinity) run.noteExpiry(expiresAtMs);
    sole.untilMs = Math.min(sole.untilMs, expiresAtMs);
  }
  return sole;
}

function failsExpiry(parties: Parties, chain: Chain, tally: Tally): boolean {
  for (const link of chain.links) {
    tally.add(member, link.untilMs);
    if (!link.isExpired) continue;
    tally.fail("delegation_expired", `${parties.format(link.delegation)} is expired`);
    return true;
  }
  return false;
}

/** The principal and the actors that the call names are judged with the call. */
function failsSuspension(parties: Parties, chain: Chain, tally: Tally): boolean {
  for (const { delegation, delegator, delegate } of chain.links) {
    if (
      failsPartySuspension(parties, delegation, tally) ||
      failsPartySuspension(parties, delegator, tally) ||
      failsPartySuspension(parties, delegate, tally)
    ) {
      return true;
    }
  }
  return false;
}

function failsPartySuspension(parties: Parties, party: SubjectSymbol | -1, tally: Tally): boolean {
  const { run, contract, principal, actors } = parties;
  if (party === -1 || party === principal || actors.includes(party)) return false;
  if (tally.add(complement(isSuspended(run, contract, party)), Infinity)) return false;
  tally.fail("delegation_suspended", `${parties.format(party)} is suspended`);
  return true;
}

function failsShape(parties: Parties, chain: Chain, tally: Tally): boolean {
  const { principal, actors, partialChain } = parties;
  const { links } = chain;
  if (chain.isTooLong) {
    tally.fail("chain_broken", `the chain has more than ${chainLinksMax} delegations`);
    return true;
  }
  let delegator: SubjectSymbol | -1 = principal;
  for (const link of links) {
    const fits = link.isWellFormed && link.principal === principal && link.delegator === delegator;
    if (!fits) {
      tally.fail(
        "chain_broken",
        `${parties.format(link.delegation)} does not continue the chain from the principal`,
      );
      return true;
    }
    delegator = link.delegate;
  }
  const named = partialChain
    ? delegator === actors.at(-1)
    : links.length === actors.length &&
      links.every(({ delegate }, index) => delegate === actors[index]);
  if (named) return false;
  tally.fail("chain_broken", "the delegates of the chain are not the actors of the call");
  return true;
}

/** Every delegate but the first must be among those to whom each earlier link lets it go on. */
function judgeDelegable(parties: Parties, chain: Chain, tally: Tally): void {
  const { run, contract } = parties;
  for (const [index, { delegate }] of chain.links.entries()) {
    if (index === 0 || delegate === -1) continue;
    const checker = parties.checker(delegate);
    for (const { delegation } of chain.links.slice(0, index)) {
      const value = checker.check(delegation, contract.delegableTo, granting);
      if (tally.add(value, run.untilMs)) continue;
      tally.fail(
        "chain_broken",
        `${parties.format(delegation)} is not delegable to ${parties.format(delegate)}`,
      );
      return;
    }
  }
}
