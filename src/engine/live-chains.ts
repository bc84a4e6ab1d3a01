import type { ObjectRef } from "../core/object.ts";
import type { SubjectSymbol } from "../core/symbols.ts";
import { chainOf, judgeChain, leavesOf, type Chain } from "./chain.ts";
import type { Evaluated } from "./graph.ts";
import { isCertain, notMember } from "./membership.ts";
import type { Parties } from "./parties.ts";
import { judgeSession, judgeSessionParties } from "./session.ts";
import { Tally } from "./tally.ts";
import type { EngineError } from "./view.ts";

/** A link as rules about a tool ask for it. Good for one tick. */
export interface LiveLink {
  readonly delegation: SubjectSymbol;
  readonly delegate: SubjectSymbol | -1;
}

/** Pages that are read to know a link. */
const linkPages = 4;

interface KeptChain {
  readonly leaf: ObjectRef;
  readonly links: readonly {
    readonly delegation: ObjectRef;
    readonly delegate: ObjectRef | undefined;
  }[];
  /** Until then nothing that was judged changes. */
  readonly untilMs: number;
}

/**
 * The chains that satisfy all rules that do not ask about a tool or a resource, found slice by slice.
 * Between slices it keeps texts alone.
 */
export class LiveChains {
  readonly #kept: KeptChain[] = [];
  /** How many leaves were judged; `undefined` once all were. */
  #next: number | undefined = 0;

  get isDone(): boolean {
    return this.#next === undefined;
  }

  get weight(): number {
    return this.#kept.length;
  }

  /** The last delegation of each chain. */
  get leaves(): readonly ObjectRef[] {
    return this.#kept.map(({ leaf }) => leaf);
  }

  /** Judges some more; where pages are missing, all is as it was. */
  advance(parties: Parties): Evaluated<EngineError | { readonly kind: "advanced" }> {
    const { run } = parties;
    const leaves = leavesOf(parties) ?? [];
    const from = this.#next ?? leaves.length;
    const kept: KeptChain[] = [];
    let isUnsure = false;
    let next = from;
    while (next === from || run.steps < run.limits.sliceStepsMax) {
      const leaf = leaves[next];
      if (leaf === undefined) break;
      run.refill();
      next += 1;
      const chain = chainOf(parties, leaf);
      const tally = judge(parties, chain);
      if (tally.value === notMember) continue;
      if (!isCertain(tally.value)) isUnsure = true;
      kept.push(keep(parties, leaf, chain, tally.untilMs));
    }
    if (isUnsure || run.scope.hasMissed) return run.finish(run.error());
    this.#kept.push(...kept);
    this.#next = next < leaves.length ? next : undefined;
    return { kind: "decided", value: { kind: "advanced" } };
  }

  /**
   * Those that still do: where something could have changed since, they are judged again. `undefined`
   * where that is not known.
   */
  linksIn(parties: Parties): readonly (readonly LiveLink[])[] | undefined {
    const { scope, now } = parties.run;
    const chains: (readonly LiveLink[])[] = [];
    for (const { leaf, links, untilMs } of this.#kept) {
      const live = links.map(({ delegation, delegate }) => ({
        delegation: scope.object(delegation),
        delegate: delegate === undefined ? (-1 as const) : scope.object(delegate),
      }));
      if (untilMs <= now.latestMs) {
        const { value } = judge(parties, chainOf(parties, scope.object(leaf)));
        if (value === notMember) continue;
        if (!isCertain(value)) return undefined;
      }
      chains.push(live);
    }
    return chains;
  }
}

function judge(parties: Parties, chain: Chain): Tally {
  const tally = new Tally();
  // What is missing of it is loaded, and it is judged again.
  if (!chain.isKnown) return tally;
  judgeChain(parties, chain, tally);
  judgeSessionParties(parties, tally);
  for (const { delegation } of chain.links) {
    judgeSession(parties, delegation, tally);
    for (let page = 0; page < linkPages; page += 1) parties.run.spend();
  }
  return tally;
}

function keep(
  { run: { scope } }: Parties,
  leaf: SubjectSymbol,
  chain: Chain,
  untilMs: number,
): KeptChain {
  const links = chain.links.map(({ delegation, delegate }) => ({
    delegation: scope.refOf(delegation),
    delegate: delegate === -1 ? undefined : scope.refOf(delegate),
  }));
  return { leaf: scope.refOf(leaf), links, untilMs };
}
