import type { Timers } from "../../src/replica/ports.ts";
import type { Scheduler } from "../support/simulation/scheduler.ts";

/** Timers in virtual time, right to the moment. */
export function timersOf(scheduler: Scheduler): Timers {
  return {
    after(delayMs, run) {
      let isCancelled = false;
      scheduler.after(delayMs, () => {
        if (!isCancelled) run();
      });
      return () => {
        isCancelled = true;
      };
    },
  };
}

/** Lets so much time pass, whatever happens in it. */
export async function pass(scheduler: Scheduler, ms: number): Promise<void> {
  const untilMs = scheduler.nowMs + ms;
  scheduler.after(ms, () => {});
  await scheduler.run(untilMs, () => false);
}
