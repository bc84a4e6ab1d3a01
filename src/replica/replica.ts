import type { RevisionChange } from "../core/change.ts";
import type { Now } from "../core/now.ts";
import type { ConsistencyToken, Revision, Timeline } from "../core/revision.ts";
import type { Evaluated, Graph } from "../engine/graph.ts";
import type { Plan } from "../engine/plan.ts";
import type { Scan } from "./db.ts";
import type { KeptVerdicts } from "./kept-verdicts.ts";

/** One tenant at one revision, as an evaluation sees it. Good for one tick. */
export interface Snapshot {
  readonly tenant: string;
  readonly timeline: Timeline;
  readonly revision: Revision;
  readonly modelId: string;
  /** The active model, bound to the symbols of `graph`. */
  readonly plan: Plan;
  readonly graph: Graph;
  readonly now: Now;
  /** What was decided on this graph and still holds; absent where nothing is kept. */
  readonly verdicts?: KeptVerdicts | undefined;
}

/** A pure function of the snapshot. It may be run several times and must not keep anything of it. */
export type Evaluation<Value> = (snapshot: Snapshot) => Evaluated<Value>;

export interface EvaluateOptions {
  /** Absent: as fresh as the lease promises, without a round trip. */
  readonly freshness?: Freshness;
  readonly signal?: AbortSignal;
}

export type Freshness =
  | { readonly kind: "at_least"; readonly token: ConsistencyToken }
  | { readonly kind: "head" };

/** How the enforcement of a write went. */
export interface Enforcement {
  readonly nodesAcknowledged: number;
  readonly waitedMs: number;
}

/** The node's own copy of the graph, and its part in the revocation protocol. */
export interface Replica {
  /**
   * Runs the evaluation on a current snapshot: at once, in this tick, where the lease is good and
   * all pages are held (then the value itself is returned, no promise), else after loading.
   *
   * Rejects or throws with `not_serving` (no valid lease by the deadline), `tenant_not_found`,
   * `model_missing`, `limit_exceeded` (admission), `budget_exceeded` (pages or rounds),
   * `revision_ahead`, `cancelled`, `deadline_exceeded`.
   */
  evaluate<Value>(
    tenant: string,
    evaluation: Evaluation<Value>,
    options: EvaluateOptions,
  ): Value | Promise<Value>;
  /**
   * Returns once every node answers at `revision` or later (REVOCATION W4). Rejects with
   * `not_enforced` shortly before `deadlineMs` (milliseconds from now), with `outcome_unknown` where
   * the timeline is another. `scanned`: the other nodes were told of the revision when it was
   * committed, and this is what a scan that was sent behind that found, if anything; it never rejects.
   */
  enforce(
    tenant: string,
    timeline: Timeline,
    revision: Revision,
    deadlineMs: number,
    scanned?: Promise<Scan | undefined>,
  ): Promise<Enforcement>;
  /**
   * To be told of each revision that this process has committed, once the commit is answered, in order:
   * a replica that stands right before it need not ask the database for it.
   */
  written(tenant: string, timeline: Timeline, change: RevisionChange): void;
  /** Whether a check would be answered now. */
  readonly serving: boolean;
  /** Calls back when a tenant's applied revision moved; returns the unsubscriber. */
  onApplied(listener: (tenant: string, revision: Revision) => void): () => void;
  /** L6: stops serving, then releases the lease. */
  close(): Promise<void>;
}
