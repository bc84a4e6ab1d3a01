/**
 * Compares two strings by the bytes of their UTF-8 form: the canonical order of everything that is
 * listed, and the order of PostgreSQL's `COLLATE "C"`. It differs from `<` of JavaScript, which
 * compares UTF-16 units, where one side has a surrogate pair.
 */
export function compareBytes(left: string, right: string): number {
  if (left === right) return 0;
  const length = Math.min(left.length, right.length);
  for (let index = 0; index < length; index += 1) {
    const leftUnit = left.charCodeAt(index);
    const rightUnit = right.charCodeAt(index);
    if (leftUnit !== rightUnit) return rank(leftUnit) - rank(rightUnit);
  }
  return left.length - right.length;
}

/** Moves surrogates above all other units: what they encode lies above U+FFFF. */
function rank(unit: number): number {
  if (unit < 0xd800) return unit;
  return unit < 0xe000 ? unit + 0x2000 : unit - 0x800;
}
