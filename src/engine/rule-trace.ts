import { Tally } from "./tally.ts";
import type { Trace } from "./trace.ts";

/**
 * Where a rule is to be tallied: with a trace apart, so that what is shown of it is its own, and
 * without one where all are. To be ended by `closeRule`.
 */
export function openRule(trace: Trace | undefined, label: string, all: Tally): Tally {
  if (trace === undefined) return all;
  trace.open(label);
  return new Tally();
}

export function closeRule(trace: Trace | undefined, own: Tally, all: Tally): void {
  if (trace === undefined) return;
  trace.close(own.value, own.failure?.detail);
  all.addAll(own);
}
