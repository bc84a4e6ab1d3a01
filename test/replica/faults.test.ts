import assert from "node:assert/strict";
import { suite, test } from "node:test";
import type { Faults } from "../../src/replica/faults.ts";
import type { DatabaseFaults } from "../support/simulation/database.ts";
import {
  lateRegistrations,
  lateRenewals,
  lateSubscriptions,
} from "../support/simulation/biases.ts";
import { runHistory, type Bias, type HistoryOptions } from "../support/simulation/world.ts";

// What the simulation is worth: each of these mistakes must show within so many histories.
const seedsMax = 600;

interface Mistake {
  readonly fact: string;
  readonly bias?: Bias;
}

const inMachine: Readonly<Record<keyof Faults, Mistake>> = {
  lookInsteadOfKill: { fact: "a lease that looks expired is taken for dead" },
  loadSetsApplied: { fact: "a late load takes the applied revision back" },
  validFromReceipt: {
    fact: "the term of a lease counts from the receipt of the renewal",
    bias: lateRenewals,
  },
  acknowledgeAnnounced: { fact: "a revision is acknowledged before it is applied" },
  killEarly: { fact: "a lease is killed before its serving term is over" },
  loadSkipsChanges: { fact: "a load moves the applied revision past changes" },
  installOldLoads: { fact: "a late load is installed as it was read" },
  noCatchUp: {
    fact: "a tenant is served without a poll after the registration",
    bias: lateSubscriptions,
  },
  pollBeforeRegistration: {
    fact: "a poll from before the registration counts as the catch-up",
    bias: lateSubscriptions,
  },
  staleLeaseTest: { fact: "the lease is tested earlier than the request" },
  repeatRegistration: {
    fact: "a registration is repeated with the same id",
    bias: lateRegistrations,
  },
  ignoreHorizon: { fact: "truncated history is not noticed" },
  ignoreTimeline: { fact: "a failover is not noticed" },
};

const inDatabase: Readonly<Record<keyof DatabaseFaults, Mistake>> = {
  killIgnoresCounter: { fact: "a lease is killed without its counter" },
  noRevisionForNothing: { fact: "a write that changes nothing is answered at once" },
};

suite("the simulation finds out when", () => {
  for (const [fault, { fact, ...bias }] of Object.entries(inMachine)) {
    test(fact, () => assertCaught({ ...bias, faults: { [fault]: true } }));
  }
  for (const [fault, { fact, ...bias }] of Object.entries(inDatabase)) {
    test(fact, () => assertCaught({ ...bias, databaseFaults: { [fault]: true } }));
  }
});

async function assertCaught(options: Omit<HistoryOptions, "seed">): Promise<void> {
  for (let seed = 1; seed <= seedsMax; seed += 1) {
    const { violation } = await runHistory({ ...options, seed });
    if (violation === undefined) continue;
    // To be caught is to answer wrongly, not to crash.
    assert.doesNotMatch(violation, /a bug|unexpected error/);
    return;
  }
  assert.fail(`not caught in ${seedsMax} histories`);
}
