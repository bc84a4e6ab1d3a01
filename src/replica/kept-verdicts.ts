import type { Call, Verdict } from "../core/decision.ts";
import type { Now } from "../core/now.ts";
import type { AuthorizeAnswer } from "../engine/authorize.ts";
import type { Evaluated } from "../engine/graph.ts";
import type { Plan } from "../engine/plan.ts";
import { Reach } from "../engine/reach.ts";
import type { View } from "../engine/view.ts";
import type { ReadPage } from "./page-views.ts";

/** Of these, so many are kept of late, and as many from before. */
const keptMax = 4_096;
/** A verdict that rests on more pages is soon another, and takes as long to keep as to find. */
const readsMax = 256;

interface Kept {
  readonly plan: Plan;
  readonly verdict: Verdict;
  readonly reads: readonly ReadPage[];
  /** Of all that was read together: each only ever grows. */
  readonly edits: number;
  readonly earliestMs: number;
  readonly untilMs: number;
}

/** Where the pages are noted that an evaluation reads. */
export interface ReadLog {
  /** From now on, until `taken`. */
  begin(): void;
  taken(): readonly ReadPage[];
}

/**
 * Verdicts of calls that come again. A verdict follows from the call, the plan, the pages that were read,
 * and from the time where something expires. So it is kept with its pages, and counts while each of them
 * is the very page that it was, whatever else the tenant's revisions change: REVOCATION S5, page by page.
 * A page that was changed, evicted or dropped is never the same page again.
 */
export class KeptVerdicts {
  readonly #log: ReadLog;
  #late = new Map<Call, Kept>();
  #before = new Map<Call, Kept>();

  constructor(log: ReadLog) {
    this.#log = log;
  }

  /** What was decided, where it would be decided so again. */
  recall(view: View, call: Call): Verdict | undefined {
    const known = this.#find(call);
    if (known === undefined) return undefined;
    if (isGood(known, view)) return known.verdict;
    this.#late.delete(call);
    return undefined;
  }

  /** What `authorize` says of the view, kept from then on. The view's graph must be the one whose reads are noted. */
  decide(
    view: View,
    call: Call,
    authorize: (view: View) => Evaluated<AuthorizeAnswer>,
  ): Evaluated<AuthorizeAnswer> {
    const reach = new Reach();
    this.#log.begin();
    const { graph, plan, now } = view;
    const evaluated = authorize({ graph, plan, now, reach });
    const reads = this.#log.taken();
    if (evaluated.kind === "decided" && evaluated.value.kind !== "error") {
      this.#keep(call, view, evaluated.value, reads, reach.untilMs);
    }
    return evaluated;
  }

  clear(): void {
    this.#late = new Map();
    this.#before = new Map();
  }

  #find(call: Call): Kept | undefined {
    const late = this.#late.get(call);
    if (late !== undefined) return late;
    const before = this.#before.get(call);
    if (before === undefined) return undefined;
    this.#before.delete(call);
    this.#add(call, before);
    return before;
  }

  #keep(
    call: Call,
    { plan, now }: View,
    verdict: Verdict,
    noted: readonly ReadPage[],
    untilMs: number,
  ): void {
    if (untilMs <= now.latestMs) return;
    const reads = [...new Set(noted)];
    if (reads.length > readsMax) return;
    const edits = reads.reduce((sum, read) => sum + read.edits, 0);
    this.#add(call, { plan, verdict, reads, edits, earliestMs: now.earliestMs, untilMs });
  }

  #add(call: Call, kept: Kept): void {
    if (this.#late.size >= keptMax) {
      this.#before = this.#late;
      this.#late = new Map();
    }
    this.#late.set(call, kept);
  }
}

/** Time may not have gone back: what was over by then may not be over now. */
function isGood(kept: Kept, { plan, now }: { readonly plan: Plan; readonly now: Now }): boolean {
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
