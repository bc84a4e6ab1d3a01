import type { Faults } from "../../../src/replica/faults.ts";
import {
  cancelledWaits,
  lateRegistrations,
  lateRenewals,
  lateSubscriptions,
  lostStandby,
  restarts,
  twoPrimaries,
  undoneKills,
} from "./biases.ts";
import type { DatabaseFaults } from "./database-faults.ts";
import type { Bias } from "./mishap.ts";
import { runHistory, type HistoryOptions } from "./world.ts";

/** A mistake that the simulation must catch: what its own worth is measured by. */
export interface Mistake {
  readonly fact: string;
  readonly options: Omit<HistoryOptions, "seed">;
  /** A history in which it showed once. It is tried first, the others in order. */
  readonly seed: number;
}

interface Kind {
  readonly fact: string;
  readonly bias?: Bias;
  readonly seed: number;
}

const inMachine: Readonly<Record<keyof Faults, Kind>> = {
  lookInsteadOfKill: { fact: "a lease that looks expired is taken for dead", seed: 9 },
  loadSetsApplied: { fact: "a late load takes the applied revision back", seed: 9 },
  validFromReceipt: {
    fact: "the term of a lease counts from the receipt of the renewal",
    bias: lateRenewals,
    seed: 11,
  },
  acknowledgeAnnounced: { fact: "a revision is acknowledged before it is applied", seed: 1 },
  killEarly: { fact: "a lease is killed before its serving term is over", seed: 1 },
  loadSkipsChanges: { fact: "a load moves the applied revision past changes", seed: 1 },
  installOldLoads: { fact: "a late load is installed as it was read", seed: 5 },
  noCatchUp: {
    fact: "a tenant is served without a poll after the registration",
    bias: lateSubscriptions,
    seed: 1,
  },
  pollBeforeRegistration: {
    fact: "a poll from before the registration counts as the catch-up",
    bias: lateSubscriptions,
    seed: 8,
  },
  staleLeaseTest: { fact: "the lease is tested earlier than the request", seed: 34 },
  repeatRegistration: {
    fact: "a registration is repeated with the same id",
    bias: lateRegistrations,
    seed: 1,
  },
  ignoreHorizon: { fact: "truncated history is not noticed", seed: 15 },
  ignoreTimeline: { fact: "a failover is not noticed", seed: 1 },
  learnAcrossGap: { fact: "a node applies what it is told past revisions that it lacks", seed: 1 },
  learnAcrossTimelines: {
    fact: "a node applies what it is told of another timeline",
    bias: lostStandby,
    seed: 63,
  },
  believeEarlyAcknowledgements: {
    fact: "an acknowledgement of an earlier revision counts for a later one",
    seed: 2,
  },
  forgetOwnLease: { fact: "a writer does not wait for its own node", seed: 1 },
};

const inDatabase: Readonly<Record<keyof DatabaseFaults, Kind>> = {
  joinInOneStatement: {
    fact: "the statement that registers reads the head as well",
    bias: lateSubscriptions,
    seed: 87,
  },
  termsByDatabaseClock: { fact: "leases end by the database's clock", seed: 1 },
  waitAfterFailOver: {
    fact: "leases end by the database's clock, but for a wait after a failover",
    bias: { mishaps: ["fail_over", "restart", "cut"] },
    seed: 13,
  },
  leasesByName: { fact: "a lease is keyed by the node's name", bias: restarts, seed: 2 },
  forgetRegistrations: {
    fact: "a registration is not durable",
    bias: lostStandby,
    seed: 3,
  },
  forgetRenewals: { fact: "a renewal is not durable", bias: lostStandby, seed: 38 },
  pollOnReplica: {
    fact: "the catch-up is read on a replica that lags",
    bias: lateSubscriptions,
    seed: 34,
  },
  scanOnReplica: { fact: "the barrier scans a replica that lags", seed: 2 },
  freezeForLong: {
    fact: "clocks stand still for longer than is allowed for",
    bias: { mishaps: ["freeze_clocks", "cut"] },
    seed: 4,
  },
  deleteSubscriptions: {
    fact: "a registration with a tenant is deleted by itself",
    bias: lateSubscriptions,
    seed: 12,
  },
  renewAcrossTimelines: {
    fact: "a lease of an earlier timeline is renewed, though its kill was undone",
    bias: undoneKills,
    seed: 24,
  },
  repeatCommitsNothing: {
    fact: "a repeated subscription does not wait for the standby",
    bias: twoPrimaries,
    seed: 11,
  },
  believeCancelledWaits: {
    fact: "a cancelled wait for the standby is taken for a success",
    bias: cancelledWaits,
    seed: 2,
  },
  tellUncommitted: { fact: "a write is told of before it is committed", seed: 1 },
  killIgnoresCounter: { fact: "a lease is killed without its counter", seed: 4 },
  noRevisionForNothing: { fact: "a write that changes nothing is answered at once", seed: 1 },
};

export const mistakes: readonly Mistake[] = [
  ...Object.entries(inMachine).map(([fault, kind]) =>
    mistakeOf(kind, { faults: { [fault]: true } }),
  ),
  ...Object.entries(inDatabase).map(([fault, kind]) =>
    mistakeOf(kind, { databaseFaults: { [fault]: true } }),
  ),
];

/** What a history showed of the mistake, and its seed; `undefined` where none of so many did. */
export async function catchMistake(
  { options, seed: first }: Mistake,
  seedsMax: number,
): Promise<
  { readonly seed: number; readonly violation: string; readonly tried: number } | undefined
> {
  for (let tried = 1; tried <= seedsMax; tried += 1) {
    const seed = tried === 1 ? first : tried - 1;
    const { violation } = await runHistory({ ...options, seed });
    if (violation !== undefined) return { seed, violation, tried };
  }
  return undefined;
}

function mistakeOf({ fact, bias, seed }: Kind, faults: Omit<HistoryOptions, "seed">): Mistake {
  return { fact, seed, options: bias === undefined ? faults : { ...faults, bias } };
}
