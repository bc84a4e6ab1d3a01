import fc from "fast-check";

/**
 * How many worlds a law is tried on, but for the few that say otherwise: some 60 s of one processor
 * for all laws. A longer search by hand: `PROKURA_LAWS_RUNS=20000 node --test test/laws/check.test.ts`.
 */
export const lawRuns: number = Number(process.env["PROKURA_LAWS_RUNS"] ?? 1_000);

/**
 * Tries a law on random worlds and counts what it met, so that a law cannot hold for want of cases.
 * A failure names seed and path; `PROKURA_LAWS_SEED` repeats it.
 */
export function holdsFor<Case>(
  cases: fc.Arbitrary<Case>,
  law: (one: Case, tally: Tally) => void,
  runs: number = lawRuns,
): Tally {
  const tally = new Tally();
  const seed = process.env["PROKURA_LAWS_SEED"];
  fc.assert(
    fc.property(cases, (one) => law(one, tally)),
    { numRuns: runs, ...(seed === undefined ? {} : { seed: Number(seed) }) },
  );
  return tally;
}

/** Counts by name. */
export class Tally {
  readonly #counts = new Map<string, number>();

  count(name: string): void {
    this.#counts.set(name, this.of(name) + 1);
  }

  of(name: string): number {
    return this.#counts.get(name) ?? 0;
  }

  /** `yes 120, no 77`, the most frequent first. */
  format(): string {
    return [...this.#counts]
      .toSorted(([, left], [, right]) => right - left)
      .map(([name, count]) => `${name} ${count}`)
      .join(", ");
  }
}

/** Numbers that look random and are the same for the same seed. */
export function chooserOf(seed: number): (count: number) => number {
  let state = seed % 2_147_483_647 || 1;
  return (count) => {
    state = (state * 48_271) % 2_147_483_647;
    return state % count;
  };
}

export function shuffle<Element>(elements: readonly Element[], seed: number): Element[] {
  const choose = chooserOf(seed);
  const shuffled = [...elements];
  for (let last = shuffled.length - 1; last > 0; last -= 1) {
    const at = choose(last + 1);
    const [moved] = shuffled.splice(at, 1);
    if (moved !== undefined) shuffled.push(moved);
  }
  return shuffled;
}
