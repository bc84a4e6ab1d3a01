import { emptyState, type State } from "./database-state.ts";

/** Done again on a standby, in the order of the commits. */
export type Redo<Result> = (state: State) => Result;

/** What was committed some time ago: only mistakes read it (B13, B14). */
export class LaggingReplica {
  readonly #lagMs: number;
  readonly #state: State = emptyState();
  #done = 0;

  constructor(lagMs: number) {
    this.#lagMs = lagMs;
  }

  /** `committedMs` says when each of the log was committed. */
  at(nowMs: number, log: readonly Redo<unknown>[], committedMs: readonly number[]): State {
    for (;;) {
      const redo = log[this.#done];
      const isDue = (committedMs[this.#done] ?? Infinity) + this.#lagMs <= nowMs;
      if (redo === undefined || !isDue) return this.#state;
      redo(this.#state);
      this.#done += 1;
    }
  }
}
