import {
  cancelledWaits,
  lateRegistrations,
  lateRenewals,
  lateSubscriptions,
  lostStandby,
  restarts,
  shortHistory,
  twoPrimaries,
  undoneKills,
} from "../test/support/simulation/biases.ts";
import type { HistoryOptions } from "../test/support/simulation/world.ts";

const biases = [
  lateSubscriptions,
  lateRegistrations,
  lateRenewals,
  shortHistory,
  restarts,
  lostStandby,
  undoneKills,
  twoPrimaries,
  cancelledWaits,
];

/** Every other history draws its mishaps freely, the others lean towards some. */
export function optionsOf(seed: number): HistoryOptions {
  const bias = seed % 2 === 0 ? undefined : biases[((seed - 1) / 2) % biases.length];
  return bias === undefined ? { seed } : { seed, bias };
}
