import { runHistory, type HistoryOptions } from "../test/support/simulation/world.ts";
import { optionsOf } from "./options.ts";

const runsMax = 150;

/**
 * What happened in a history that is violated, as short as leaving out mishaps and writes makes it:
 * halves, quarters and so on are tried, and stay out where the history is violated without them.
 */
export async function shrink(
  seed: number,
  options: HistoryOptions = optionsOf(seed),
): Promise<readonly string[]> {
  const whole = await runHistory(options);
  let without: ReadonlySet<number> = new Set();
  let runs = 0;
  for (let size = Math.ceil(whole.steps / 2); size >= 1 && runs < runsMax; size >>= 1) {
    for (let from = 1; from <= whole.steps && runs < runsMax; from += size) {
      const chunk = Array.from({ length: size }, (_, index) => from + index);
      if (chunk.every((step) => without.has(step))) continue;
      const fewer = new Set([...without, ...chunk]);
      runs += 1;
      const { violation } = await runHistory({ ...options, without: fewer });
      if (violation !== undefined) without = fewer;
    }
  }
  const lines: string[] = [];
  const { violation } = await runHistory({ ...options, without, tell: (line) => lines.push(line) });
  return [...lines, violation ?? "no violation"];
}
