import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { shrink } from "../../simulate/shrink.ts";
import { runHistory } from "../support/simulation/world.ts";

suite("shrink", () => {
  test("leaves out steps of which a violation has no need", async () => {
    const options = { seed: 7, faults: { lookInsteadOfKill: true } };
    const whole = await runHistory(options);
    const lines = await shrink(7, options);
    assert.match(lines.at(-1) ?? "", /before \d+, which was enforced/);
    assert(lines.length < whole.steps / 2, `${lines.length} lines of ${whole.steps} steps`);
  });
});
