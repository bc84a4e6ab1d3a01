/** The candidate that was probably meant, if one is near enough: for "did you mean". */
export function nearest(text: string, candidates: readonly string[]): string | undefined {
  // Two letters in the wrong order are two steps apart.
  const nearEnough = Math.max(text.length < 4 ? 1 : 2, Math.floor(text.length / 3));
  const [best] = candidates
    .map((candidate) => ({ candidate, distance: distanceBetween(text, candidate) }))
    .filter(({ distance }) => distance <= nearEnough)
    .toSorted((left, right) => left.distance - right.distance);
  return best?.candidate;
}

/** Letters to insert, remove or change (Levenshtein). */
function distanceBetween(left: string, right: string): number {
  let row = [...Array(right.length + 1).keys()];
  for (let i = 0; i < left.length; i += 1) {
    const next = [i + 1];
    for (let j = 0; j < right.length; j += 1) {
      const changed = (row[j] ?? 0) + (left[i] === right[j] ? 0 : 1);
      next.push(Math.min(changed, (row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1));
    }
    row = next;
  }
  return row.at(-1) ?? 0;
}
