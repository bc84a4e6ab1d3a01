import { once } from "node:events";
import type { Replica } from "../replica/replica.ts";

/** Tells when a tenant may have changed since one last asked. */
export interface Wake extends Disposable {
  /** True once the tenant moved on, false after `patienceMs`. Rejects when the signal aborts. */
  next(patienceMs: number): Promise<boolean>;
}

/** Listens from now on: what is applied between two calls of `next` is not missed. */
export function wakeOnApplied(
  replica: Pick<Replica, "onApplied">,
  tenant: string,
  signal: AbortSignal,
): Wake {
  const target = new EventTarget();
  let moved = false;
  const stop = replica.onApplied((applied) => {
    if (applied !== tenant) return;
    moved = true;
    target.dispatchEvent(new Event("moved"));
  });

  return {
    async next(patienceMs: number): Promise<boolean> {
      signal.throwIfAborted();
      if (!moved) await pause(patienceMs);
      signal.throwIfAborted();
      const seen = moved;
      moved = false;
      return seen;
    },
    [Symbol.dispose]: stop,
  };

  /** Ends with the first of: a move, the patience, the signal. */
  async function pause(patienceMs: number): Promise<void> {
    const patience = AbortSignal.timeout(patienceMs);
    try {
      await once(target, "moved", { signal: AbortSignal.any([signal, patience]) });
    } catch (error) {
      if (!patience.aborted && !signal.aborted) throw error;
    }
  }
}
