import type { ReplicaCounters } from "../../../src/replica/counters.ts";

/** How often the interesting situations came about. */
export interface Seen {
  checks: number;
  checksAfterOk: number;
  refusals: number;
  writes: number;
  oks: number;
  unknowns: number;
  notEnforced: number;
  failOvers: number;
  crashes: number;
}

export function nothingSeen(): Seen {
  return {
    checks: 0,
    checksAfterOk: 0,
    refusals: 0,
    writes: 0,
    oks: 0,
    unknowns: 0,
    notEnforced: 0,
    failOvers: 0,
    crashes: 0,
  };
}

export function addCounters(sum: ReplicaCounters, more: Readonly<ReplicaCounters>): void {
  sum.decidedAtOnce += more.decidedAtOnce;
  sum.waited += more.waited;
  sum.polls += more.polls;
  sum.learned += more.learned;
  sum.loads += more.loads;
  sum.pagesLoaded += more.pagesLoaded;
  sum.rollForwards += more.rollForwards;
  sum.discarded += more.discarded;
  sum.drops += more.drops;
  sum.leasesRegistered += more.leasesRegistered;
  sum.leasesLost += more.leasesLost;
  sum.leasesKilled += more.leasesKilled;
  sum.leasesLapsed += more.leasesLapsed;
  sum.renewalsHeld += more.renewalsHeld;
  sum.barriers += more.barriers;
  sum.barriersNotOver += more.barriersNotOver;
  sum.barrierMs += more.barrierMs;
}
