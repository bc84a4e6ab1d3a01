/** A permutation that the seed decides: each seed always gives the same. */
export function shuffle<Item>(items: readonly Item[], seed: number): readonly Item[] {
  const random = numbersFrom(seed);
  return items
    .map((item) => ({ item, at: random() }))
    .toSorted((left, right) => left.at - right.at)
    .map(({ item }) => item);
}

/** xorshift32. */
function numbersFrom(seed: number): () => number {
  // Of zero it would only ever make zeros; spread, so that neighbouring seeds differ at once.
  let state = Math.imul(seed + 1, 0x9e3779b1) | 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
}
