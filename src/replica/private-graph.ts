import { DomainError } from "../core/error.ts";
import type { Now } from "../core/now.ts";
import { sortPageKeys, type LoadedPage, type PageKey } from "../core/page.ts";
import type { Revision, Timeline } from "../core/revision.ts";
import { planModel } from "../engine/plan.ts";
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

/** Runs evaluations each on a graph of its own, outside the replica, which is thrown away afterwards. */
export class PastEvaluator {
  readonly #options: PastOptions;

  constructor(options: PastOptions) {
    this.#options = options;
  }

  async evaluate<Value>(
    tenant: string,
    past: Past,
    evaluation: Evaluation<Value>,
    signal?: AbortSignal,
  ): Promise<Value> {
    const { load, models, memoryBytes, pagesPerRoundMax, roundsMax } = this.#options;
    // Nothing is evicted: what does not fit ends the evaluation.
    const clock = new PageClock(Infinity);
    const graph = new PageStore(clock);
    const model = await untilAborted(models.load(tenant, past.modelId), signal);
    const plan = planModel(model, graph.symbols);
    for (let rounds = 0; rounds <= roundsMax; rounds += 1) {
      const evaluated = evaluation({ ...past, tenant, plan, graph });
      if (evaluated.kind === "decided") return evaluated.value;
      const keys = sortPageKeys(evaluated.pages).slice(0, pagesPerRoundMax);
      const loading = load(tenant, past.timeline, past.revision, keys);
      graph.install(await untilAborted(loading, signal));
      if (clock.bytes > memoryBytes) {
        throw new DomainError(
          "budget_exceeded",
          `more than ${memoryBytes} bytes of pages are needed`,
        );
      }
    }
    throw new DomainError("budget_exceeded", `pages were missing after ${roundsMax} rounds`);
  }
}
