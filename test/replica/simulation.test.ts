import assert from "node:assert/strict";
import { suite, test } from "node:test";
import {
  lateRegistrations,
  lateRenewals,
  lateSubscriptions,
  shortHistory,
} from "../support/simulation/biases.ts";
import { runHistory, type Outcome } from "../support/simulation/world.ts";

// `PROKURA_SIMULATION_SEEDS=5000` for a longer run, `PROKURA_SIMULATION_FROM=123` for one seed's sake.
const from = Number(process.env["PROKURA_SIMULATION_FROM"] ?? 1);
const count = Number(process.env["PROKURA_SIMULATION_SEEDS"] ?? 60);

suite("ReplicaMachine in simulated histories", () => {
  test("answers nothing older than what was enforced, only under a lease, and only truly", async () => {
    const outcomes: Outcome[] = [];
    for (let seed = from; seed < from + count; seed += 1) {
      const outcome = await runHistory({ seed });
      assert.equal(outcome.violation, undefined, `seed ${seed}`);
      outcomes.push(outcome);
    }
    if (count < 50) return;
    // A history in which nothing happens proves nothing.
    const counters = sumOf(outcomes, "counters");
    const seen = sumOf(outcomes, "seen");
    const happened = {
      decidedAtOnce: counters("decidedAtOnce") > 10_000,
      checksAfterOk: seen("checksAfterOk") > 10_000,
      refusals: seen("refusals") > 1000,
      rollForwards: counters("rollForwards") > 20,
      discarded: counters("discarded") > 50,
      leasesKilled: counters("leasesKilled") > 50,
      learned: counters("learned") > 1000,
      leasesLapsed: counters("leasesLapsed") > 100,
      leasesLost: counters("leasesLost") > 100,
      renewalsHeld: counters("renewalsHeld") > 100,
      oks: seen("oks") > 2000,
      unknowns: seen("unknowns") > 200,
      notEnforced: seen("notEnforced") > 20,
      failOvers: seen("failOvers") > 50,
    };
    assert.deepEqual(
      Object.entries(happened).filter(([, did]) => !did),
      [],
    );
  });

  for (const [name, bias] of Object.entries({
    lateSubscriptions,
    lateRegistrations,
    lateRenewals,
    shortHistory,
  })) {
    test(`does so in histories of ${name}`, async () => {
      for (let seed = from; seed < from + count / 4; seed += 1) {
        const { violation } = await runHistory({ seed, bias });
        assert.equal(violation, undefined, `seed ${seed}`);
      }
    });
  }

  test("a seed tells the same history again", async () => {
    assert.deepEqual(await runHistory({ seed: 7 }), await runHistory({ seed: 7 }));
  });
});

function sumOf<Part extends "counters" | "seen">(
  outcomes: readonly Outcome[],
  part: Part,
): (name: keyof Outcome[Part]) => number {
  return (name) => outcomes.reduce((sum, outcome) => sum + Number(outcome[part][name]), 0);
}
