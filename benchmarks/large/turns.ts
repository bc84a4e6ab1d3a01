import { createHistogram, monitorEventLoopDelay } from "node:perf_hooks";

export interface Turns {
  /** The longest time in which nothing else could run; on a busy machine others' time is in it. */
  readonly delayMsMax: number;
  readonly delayMsP99: number;
  /** Processor time of this thread in one turn of its loop: others on the machine do not count. */
  readonly cpuMsMax: number;
  readonly cpuOver5Ms: number;
}

/** Watches the turns of the event loop until the result is asked for. */
export function watchTurns(): () => Turns {
  const delay = monitorEventLoopDelay({ resolution: 1 });
  const spentUs = createHistogram();
  let isOn = true;
  let over5Ms = 0;
  let last = process.threadCpuUsage();
  const look = (): void => {
    const { user, system } = process.threadCpuUsage(last);
    last = process.threadCpuUsage();
    spentUs.record(Math.max(1, user + system));
    if (user + system > 5_000) over5Ms += 1;
    if (isOn) setImmediate(look);
  };
  setImmediate(look);
  delay.enable();
  return () => {
    isOn = false;
    delay.disable();
    return {
      delayMsMax: round(delay.max / 1e6),
      delayMsP99: round(delay.percentile(99) / 1e6),
      cpuMsMax: round(spentUs.max / 1_000),
      cpuOver5Ms: over5Ms,
    };
  };
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}
