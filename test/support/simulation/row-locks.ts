/** Who waits for a row is let in in the order in which they came. */
export class RowLocks {
  readonly #queues = new Map<string, (() => void)[]>();

  /** Runs at once where nobody has the row. */
  take(row: string, run: () => void): void {
    const queue = this.#queues.get(row);
    if (queue !== undefined) {
      queue.push(run);
      return;
    }
    this.#queues.set(row, []);
    run();
  }

  release(row: string): void {
    const next = this.#queues.get(row)?.shift();
    if (next === undefined) this.#queues.delete(row);
    else next();
  }
}
