/** What a node counts, for metrics and for tests that must know that something happened at all. */
export interface ReplicaCounters {
  /** Evaluations that were decided in the tick of the call. */
  decidedAtOnce: number;
  /** Verdicts that were not decided anew: they were kept, and nothing of theirs had changed. */
  verdictsRecalled: number;
  /** Evaluations that had to wait. */
  waited: number;
  polls: number;
  /** Revisions that were this node's own writes, and needed no poll. */
  learned: number;
  loads: number;
  pagesLoaded: number;
  /** Objects whose tuples were loaded ahead. */
  objectsPreloaded: number;
  rollForwards: number;
  /** Replies that were thrown away, since the cache was dropped meanwhile or the ring did not reach back. */
  discarded: number;
  drops: number;
  leasesRegistered: number;
  leasesLost: number;
  leasesKilled: number;
  /** Terms that ran out before the lease was renewed, as far as anybody asked meanwhile. */
  leasesLapsed: number;
  renewalsHeld: number;
  barriers: number;
  barriersNotOver: number;
  /** What the writes whose barrier was over have waited for it, added up. */
  barrierMs: number;
}

/** How a node stands now. */
export interface ReplicaGauges {
  /** Since the last good renewal was sent; infinite without a lease. */
  readonly leaseAgeMs: number;
  /** Of the tenant that is furthest back: reported revisions that are not acknowledged. */
  readonly revisionsBehind: number;
}

export function zeroCounters(): ReplicaCounters {
  return {
    decidedAtOnce: 0,
    verdictsRecalled: 0,
    waited: 0,
    polls: 0,
    learned: 0,
    loads: 0,
    pagesLoaded: 0,
    objectsPreloaded: 0,
    rollForwards: 0,
    discarded: 0,
    drops: 0,
    leasesRegistered: 0,
    leasesLost: 0,
    leasesKilled: 0,
    leasesLapsed: 0,
    renewalsHeld: 0,
    barriers: 0,
    barriersNotOver: 0,
    barrierMs: 0,
  };
}
