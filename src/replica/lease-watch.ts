import type { LeaseRow } from "./db.ts";

interface Seen {
  readonly row: LeaseRow;
  readonly sinceMs: number;
}

/** L7: since when, by this process's monotonic clock, each lease row has not been renewed. */
export class LeaseWatch {
  readonly #seen = new Map<string, Seen>();

  /** `gotMs` is read after the reply arrived. */
  observe(rows: readonly LeaseRow[], gotMs: number): void {
    for (const row of rows) {
      const seen = this.#seen.get(row.leaseId);
      const unchanged = seen !== undefined && seen.row.renewSeq === row.renewSeq;
      this.#seen.set(row.leaseId, { row, sinceMs: unchanged ? seen.sinceMs : gotMs });
    }
  }

  /** Leases that were seen lately, whoever holds them. */
  get size(): number {
    return this.#seen.size;
  }

  /** L8: rows whose own term has passed since their counter was first seen as it is. */
  expired(nowMs: number): readonly LeaseRow[] {
    return [...this.#seen.values()]
      .filter(({ row, sinceMs }) => nowMs - sinceMs >= row.killMs)
      .map(({ row }) => row);
  }

  /** Starts over with the row: it is gone, or was renewed meanwhile. */
  forget(leaseId: string): void {
    this.#seen.delete(leaseId);
  }
}
