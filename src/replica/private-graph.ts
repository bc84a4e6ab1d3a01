import { DomainError } from "../core/error.ts";
import type { Now } from "../core/now.ts";
import { sortPageKeys, type LoadedPage, type PageKey, type TakePart } from "../core/page.ts";
import type { Revision, Timeline } from "../core/revision.ts";
import { planModel, type Plan } from "../engine/plan.ts";
import { untilAborted } from "./interruption.ts";
import { PageClock } from "./page-clock.ts";
import { PageStore } from "./page-store.ts";
import type { ModelSource } from "./ports.ts";
import type { Evaluation } from "./replica.ts";

/** Pages as of a past revision. Fails with `revision_expired` where it is no longer kept. */
export type LoadPast = (
  tenant: string,
  timeline: Timeline,
  revision: Revision,
  keys: readonly PageKey[],
  take: TakePart,
) => Promise<readonly LoadedPage[]>;

/** One revision that stands still, and how it is judged. */
export interface Past {
  readonly timeline: Timeline;
  readonly revision: Revision;
  readonly modelId: string;
  readonly now: Now;
}

export interface PastOptions {
  readonly load: LoadPast;
  readonly models: ModelSource;
  /** Of all pages of one evaluation: more is `budget_exceeded`. */
  readonly memoryBytes: number;
  readonly pagesPerRoundMax: number;
  readonly roundsMax: number;
}

/** A graph that stands still at one revision, with the model that is active there. */
interface PastGraph {
  readonly key: string;
  readonly clock: PageClock;
  readonly graph: PageStore;
  readonly plan: Plan;
}

// A list in pages asks for one revision again and again, and would load the same pages for each slice.
const keptMax = 2;

/**
 * Runs evaluations each on a graph of its own, outside the replica. The graphs used last are kept for
 * the next question about the same revision, together within the memory of one evaluation.
 */
export class PastEvaluator {
  readonly #options: PastOptions;
  /** Those that no evaluation uses, the latest last. */
  #kept: readonly PastGraph[] = [];

  constructor(options: PastOptions) {
    this.#options = options;
  }

  async evaluate<Value>(
    tenant: string,
    past: Past,
    evaluation: Evaluation<Value>,
    signal?: AbortSignal,
  ): Promise<Value> {
    const { timeline, revision, modelId } = past;
    const key = JSON.stringify([tenant, timeline, revision, modelId]);
    const kept = this.#kept.find((one) => one.key === key);
    if (kept !== undefined) {
      this.#kept = this.#kept.filter((one) => one !== kept);
      const result = await this.#evaluateOn(kept, tenant, past, evaluation, signal);
      // What filled it was perhaps another question's: this one has a right to an empty graph.
      if (result !== undefined) return result.value;
    }
    const fresh = await this.#open(key, tenant, past, signal);
    const result = await this.#evaluateOn(fresh, tenant, past, evaluation, signal);
    if (result !== undefined) return result.value;
    const { memoryBytes } = this.#options;
    throw new DomainError("budget_exceeded", `more than ${memoryBytes} bytes of pages are needed`);
  }

  async #open(
    key: string,
    tenant: string,
    { modelId }: Past,
    signal: AbortSignal | undefined,
  ): Promise<PastGraph> {
    // Nothing is evicted: what does not fit ends the evaluation.
    const clock = new PageClock(Infinity);
    const graph = new PageStore(clock);
    const model = await untilAborted(this.#options.models.load(tenant, modelId), signal);
    return { key, clock, graph, plan: planModel(model, graph.symbols) };
  }

  /** `undefined` where the pages do not fit. */
  async #evaluateOn<Value>(
    past: PastGraph,
    tenant: string,
    at: Past,
    evaluation: Evaluation<Value>,
    signal: AbortSignal | undefined,
  ): Promise<{ readonly value: Value } | undefined> {
    const { load, memoryBytes, pagesPerRoundMax, roundsMax } = this.#options;
    const { graph, plan, clock } = past;
    for (let rounds = 0; rounds <= roundsMax; rounds += 1) {
      const evaluated = evaluation({ ...at, tenant, plan, graph });
      if (evaluated.kind === "decided") {
        this.#keep(past);
        return { value: evaluated.value };
      }
      const keys = sortPageKeys(evaluated.pages).slice(0, pagesPerRoundMax);
      const stage = graph.stage();
      try {
        const loading = load(tenant, at.timeline, at.revision, keys, (key, tuples) =>
          stage.add(key, tuples),
        );
        stage.install(await untilAborted(loading, signal), []);
      } finally {
        stage.close();
      }
      if (clock.bytes > memoryBytes) return undefined;
    }
    throw new DomainError("budget_exceeded", `pages were missing after ${roundsMax} rounds`);
  }

  #keep(past: PastGraph): void {
    if (past.clock.bytes * keptMax > this.#options.memoryBytes) return;
    this.#kept = [...this.#kept, past].slice(-keptMax);
  }
}
