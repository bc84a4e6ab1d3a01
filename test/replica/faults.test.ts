import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { catchMistake, mistakes } from "../support/simulation/mistakes.ts";

// What the simulation is worth: each of these mistakes must show within so many histories.
const seedsMax = 600;

suite("the simulation finds out when", () => {
  for (const mistake of mistakes) {
    test(mistake.fact, async () => {
      const caught = await catchMistake(mistake, seedsMax);
      assert(caught !== undefined, `not caught in ${seedsMax} histories`);
      // To be caught is to answer wrongly, not to crash.
      assert.doesNotMatch(caught.violation, /a bug|unexpected error/);
    });
  }
});
