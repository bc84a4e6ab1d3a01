import assert from "node:assert/strict";

/** The terms of the protocol and the limits of a node. */
export interface ReplicaParameters {
  /** A lease serves this long from the sending of its last good renewal (S2). */
  readonly serveMs: number;
  /** An observer kills a lease that it has seen unchanged for this long (L8). */
  readonly killMs: number;
  readonly renewMs: number;
  /** What monotonic and wall clock may differ by over a lease before a suspend is suspected (S2). */
  readonly wallToleranceMs: number;
  /** Polls beside the hints, so that a lost hint costs no more than this. */
  readonly pollMs: number;
  /** Between two hints of a write that waits (W5). */
  readonly notifyMs: number;
  /** Pause after a failed statement. */
  readonly retryMs: number;
  /**
   * How long a poll or an acknowledgement may be without an answer until another is sent, in case that
   * one was lost. Doubled each time, until there is an answer.
   */
  readonly hedgeMs: number;
  /** How long a request waits for a lease where its own deadline is later. */
  readonly serveWaitMs: number;
  readonly memoryBytes: number;
  /** Share of the memory that the pages of one evaluation may pin. */
  readonly evaluationBytes: number;
  /**
   * Verdicts that are kept, of calls that come again; 0 for none. Each takes some 2 KiB. Of those that rest
   * on more than 64 pages there is room for fewer.
   */
  readonly verdictsMax: number;
  readonly tenantsMax: number;
  /** Evaluations that wait at once, for pages or for a lease. */
  readonly waitingMax: number;
  readonly pagesPerRoundMax: number;
  readonly roundsMax: number;
  /** Tuples in the changes of one reply; more drop the pages instead (C5). */
  readonly changedTuplesMax: number;
  /** Of those, so many are applied in one tick; but a revision is never seen by half. */
  readonly tickTuplesMax: number;
}

const mebibyte = 2 ** 20;

export const defaultParameters: ReplicaParameters = {
  serveMs: 8000,
  killMs: 12_000,
  renewMs: 2000,
  wallToleranceMs: 500,
  pollMs: 1000,
  notifyMs: 100,
  retryMs: 100,
  hedgeMs: 100,
  serveWaitMs: 5000,
  memoryBytes: 256 * mebibyte,
  evaluationBytes: 64 * mebibyte,
  verdictsMax: 8192,
  tenantsMax: 1000,
  waitingMax: 2000,
  pagesPerRoundMax: 256,
  // The depth of evaluation, 64, and 16 to spare.
  roundsMax: 80,
  changedTuplesMax: 20_000,
  tickTuplesMax: 1000,
};

/**
 * Completes and checks. The serving term must be over for the slowest allowed clock, with room for a
 * frozen one, when it can be over for the fastest observer (assumptions A1 and A2).
 */
export function checkedParameters(given: Partial<ReplicaParameters> = {}): ReplicaParameters {
  const parameters = { ...defaultParameters, ...given };
  const { serveMs, killMs, renewMs, wallToleranceMs } = parameters;
  const freezeMs = killMs / 1.1 - serveMs / 0.9;
  assert(killMs >= serveMs * 1.5, "killMs must be at least 1.5 times serveMs");
  assert(renewMs * 4 <= serveMs, "renewMs must be at most a quarter of serveMs");
  assert(freezeMs >= wallToleranceMs, "killMs leaves no room for wallToleranceMs after serveMs");
  for (const [name, value] of Object.entries(parameters)) {
    const least = name === "verdictsMax" ? 0 : Number.MIN_VALUE;
    assert(Number.isFinite(value) && value >= least, `${name} must be above zero`);
  }
  return parameters;
}
