import { randomUUID } from "node:crypto";
import type { Clock, Rng, Timers } from "./replica/ports.ts";

/** The clocks of this process. The monotonic one counts on while the process is stopped. */
export const systemClock: Clock = {
  mono: () => performance.now(),
  wall: () => Date.now(),
};

/** Timers that keep no process alive. */
export const systemTimers: Timers = {
  after: (delayMs, run) => {
    const timer = setTimeout(run, delayMs);
    timer.unref();
    return () => clearTimeout(timer);
  },
};

export const systemRng: Rng = { uuid: () => randomUUID() };
