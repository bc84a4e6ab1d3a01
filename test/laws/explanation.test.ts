import assert from "node:assert/strict";
import { suite, test } from "node:test";
import fc from "fast-check";
import { explainCall } from "../../src/engine/explain.ts";
import { defaultLimits } from "../../src/engine/limits.ts";
import { planModel } from "../../src/engine/plan.ts";
import { delegatedWorld } from "../support/delegated-worlds.ts";
import { decided, PagingGraph } from "../support/graphs.ts";
import { chooserOf, holdsFor } from "../support/laws.ts";
import { formatCall, wholeView } from "../support/verdicts.ts";

suite("an explanation", () => {
  test("is the same, node by node, whatever is in memory and in whatever order it loads", (context) => {
    const seed = fc.integer({ min: 1, max: 2_000_000_000 });
    const tally = holdsFor(fc.tuple(delegatedWorld, seed), ([{ world, calls }, order], counts) => {
      const view = wholeView(world);
      const graph = new PagingGraph(world.tuples);
      const paged = { ...view, graph, plan: planModel(world.model, graph.symbols) };
      const choose = chooserOf(order);
      for (const call of calls) {
        const whole = decided(explainCall(view, call, defaultLimits));
        const loaded = graph.evaluate(() => explainCall(paged, call, defaultLimits), choose);
        assert.deepEqual(loaded, whole, formatCall(call));
        counts.count(whole.answer.kind);
      }
    });
    context.diagnostic(tally.format());
    assert.ok(tally.of("allowed") > 0 && tally.of("denied") > 0, tally.format());
  });
});
