import { parentPort } from "node:worker_threads";
import { catchMistake, mistakes } from "../test/support/simulation/mistakes.ts";
import { runHistory } from "../test/support/simulation/world.ts";
import { optionsOf } from "./options.ts";

export type Job =
  | { readonly kind: "mistake"; readonly index: number }
  | { readonly kind: "history"; readonly seed: number };

export type Report =
  | {
      readonly kind: "mistake";
      readonly fact: string;
      readonly found: boolean;
      readonly tried: number;
    }
  | {
      readonly kind: "history";
      readonly seed: number;
      readonly checks: number;
      readonly violation: string | undefined;
    };

/** Of one mistake: it must show within so many. */
const historiesMax = 600;

parentPort?.on("message", (job: Job) => {
  void run(job).then((report) => parentPort?.postMessage(report));
});

async function run(job: Job): Promise<Report> {
  switch (job.kind) {
    case "mistake": {
      const mistake = mistakes[job.index];
      if (mistake === undefined) throw new RangeError(`there is no mistake ${job.index}`);
      const caught = await catchMistake(mistake, historiesMax);
      // To be caught is to answer wrongly, not to crash.
      const found = caught !== undefined && !/a bug|unexpected error/.test(caught.violation);
      const tried = caught?.tried ?? historiesMax;
      return { kind: "mistake", fact: mistake.fact, found, tried };
    }
    case "history": {
      const { seed } = job;
      const { violation, seen } = await runHistory(optionsOf(seed));
      return { kind: "history", seed, checks: seen.checks, violation };
    }
  }
}
