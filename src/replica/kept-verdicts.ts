import type { Call, Verdict } from "../core/decision.ts";
import type { Now } from "../core/now.ts";
import type { AuthorizeAnswer } from "../engine/authorize.ts";
import type { Evaluated } from "../engine/graph.ts";
import type { Plan } from "../engine/plan.ts";
import { Reach } from "../engine/reach.ts";
import type { View } from "../engine/view.ts";
import type { ReplicaCounters } from "./counters.ts";
import type { PageState } from "./packed-page.ts";
import type { ReadPage } from "./page-views.ts";

/** A verdict that rests on more pages is soon another, and takes as long to keep as to find. */
const readsMax = 256;
/** Pages of a verdict for which a shelf has room: it is full of fewer verdicts that rest on more. */
const readsEach = 64;

/** Where the pages are noted that an evaluation reads, from `beginReads` to `endReads`. */
export interface ReadLog {
  beginReads(): void;
  endReads(): readonly ReadPage[];
}

interface Kept {
  readonly of: KeptVerdicts;
  readonly plan: Plan;
  readonly verdict: Verdict;
  readonly reads: readonly PageState[];
  /** Of all that was read together: each only ever grows. */
  readonly edits: number;
  readonly earliestMs: number;
  readonly untilMs: number;
}

/** Room for the verdicts of all tenants of a node: what was not asked for lately makes way. */
export class VerdictShelf {
  readonly counters: Pick<ReplicaCounters, "verdictsRecalled">;
  readonly #half: number;
  #late = new Map<Call, Kept>();
  #before = new Map<Call, Kept>();
  /** Pages that those of late rest on. */
  #lateReads = 0;

  /** `most` verdicts at a time, 0 for none. */
  constructor(most: number, counters: Pick<ReplicaCounters, "verdictsRecalled">) {
    this.counters = counters;
    this.#half = Math.ceil(most / 2);
  }

  find(call: Call): Kept | undefined {
    const late = this.#late.get(call);
    if (late !== undefined) return late;
    const before = this.#before.get(call);
    if (before !== undefined) this.put(call, before);
    return before;
  }

  put(call: Call, kept: Kept): void {
    if (this.#half === 0) return;
    this.remove(call);
    if (this.#late.size >= this.#half || this.#lateReads >= this.#half * readsEach) {
      this.#before = this.#late;
      this.#late = new Map();
      this.#lateReads = 0;
    }
    this.#late.set(call, kept);
    this.#lateReads += kept.reads.length;
  }

  remove(call: Call): void {
    this.#lateReads -= this.#late.get(call)?.reads.length ?? 0;
    this.#late.delete(call);
    this.#before.delete(call);
  }

  removeAll(of: KeptVerdicts): void {
    for (const verdicts of [this.#late, this.#before]) {
      for (const [call, kept] of verdicts) if (kept.of === of) this.remove(call);
    }
  }
}

/**
 * Verdicts of calls that come again, of one tenant. A verdict follows from the call, the plan, the pages
 * that were read, and from the time where something expires. So it is kept with its pages, and counts
 * while each of them is the very page that it was, whatever else the tenant's revisions change:
 * REVOCATION S5, page by page. A page that was changed, evicted or dropped is never the same page again.
 */
export class KeptVerdicts {
  readonly #log: ReadLog;
  readonly #shelf: VerdictShelf;

  constructor(log: ReadLog, shelf: VerdictShelf) {
    this.#log = log;
    this.#shelf = shelf;
  }

  /** What was decided, where it would be decided so again. */
  recall(view: View, call: Call): Verdict | undefined {
    const known = this.#shelf.find(call);
    if (known === undefined) return undefined;
    if (known.of === this && isGood(known, view)) {
      this.#shelf.counters.verdictsRecalled += 1;
      return known.verdict;
    }
    this.#shelf.remove(call);
    return undefined;
  }

  /**
   * What `authorize` says of the view, kept from then on. The view's graph must be the one whose reads are
   * noted.
   */
  decide(
    { graph, plan, now }: View,
    call: Call,
    authorize: (view: View) => Evaluated<AuthorizeAnswer>,
  ): Evaluated<AuthorizeAnswer> {
    const reach = new Reach();
    let evaluated: Evaluated<AuthorizeAnswer>;
    let reads: readonly ReadPage[] = [];
    this.#log.beginReads();
    try {
      evaluated = authorize({ graph, plan, now, reach });
    } finally {
      reads = this.#log.endReads();
    }
    if (evaluated.kind === "decided" && evaluated.value.kind !== "error") {
      this.#keep(call, plan, now, evaluated.value, reads, reach.untilMs);
    }
    return evaluated;
  }

  clear(): void {
    this.#shelf.removeAll(this);
  }

  #keep(
    call: Call,
    plan: Plan,
    { earliestMs, latestMs }: Now,
    verdict: Verdict,
    noted: readonly ReadPage[],
    untilMs: number,
  ): void {
    if (untilMs <= latestMs) return;
    // Not the pages themselves: those that are large would outlive their eviction here.
    const reads = [...new Set(noted.map((page) => page.state))];
    if (reads.length > readsMax) return;
    const edits = reads.reduce((sum, read) => sum + read.edits, 0);
    this.#shelf.put(call, { of: this, plan, verdict, reads, edits, earliestMs, untilMs });
  }
}

/** Time may not have gone back: what was over by then may not be over now. */
function isGood(kept: Kept, { plan, now }: View): boolean {
  if (kept.plan !== plan) return false;
  if (now.latestMs >= kept.untilMs || now.earliestMs < kept.earliestMs) return false;
  let edits = 0;
  for (const read of kept.reads) {
    if (read.isStale) return false;
    edits += read.edits;
    // For the clock that evicts what nobody reads.
    read.isRead = true;
  }
  return edits === kept.edits;
}
