import type { Weather } from "./link.ts";

/** What may happen to a process, its network or the database. */
export const mishaps = [
  "pause",
  "cut_replies",
  "cut_requests",
  "cut",
  "restart",
  "step_wall_clock",
  "freeze_clocks",
  "truncate",
  "fail_over",
  "lose_standby",
  "split_brain",
  "cancel_waits",
  "undo_kill",
] as const;

export type Mishap = (typeof mishaps)[number];

/** What may be slow; what matters most more often. */
export const hinderable = [
  "register",
  "register",
  "subscribe",
  "subscribe",
  "renew",
  "acknowledge",
  "poll",
  "load",
  "scan",
  "kill",
  "write",
] as const;
export interface Bias {
  readonly mishaps: readonly Mishap[];
  readonly hindered?: Weather["hindered"];
}
