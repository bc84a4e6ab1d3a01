/**
 * Whether a subject is a member, as an interval on the scale not_member < needs < member: two bits for
 * the least that is certain, two for the most that is possible. Where both are equal it is decided;
 * where they differ it is unknown within these bounds. Intervals make the operators monotone, so
 * that a smaller budget only widens an answer, and a cycle's least fixpoint is reached by repetition.
 */
export type Membership = number;

export const notMember: Membership = 0b0000;
/** A member if the missing parameters of conditions turn out well. */
export const needs: Membership = 0b0101;
export const member: Membership = 0b1010;
/** Anything may be true: a limit was met, a condition failed, or a page is not in memory. */
export const unknown: Membership = 0b1000;

export function union(left: Membership, right: Membership): Membership {
  return Math.max(left & 0b1100, right & 0b1100) | Math.max(left & 0b0011, right & 0b0011);
}

export function intersection(left: Membership, right: Membership): Membership {
  return Math.min(left & 0b1100, right & 0b1100) | Math.min(left & 0b0011, right & 0b0011);
}

export function complement(value: Membership): Membership {
  return ((2 - (value & 0b0011)) << 2) | (2 - (value >> 2));
}

/** True for not_member, needs and member. */
export function isCertain(value: Membership): boolean {
  return value >> 2 === (value & 0b0011);
}

/**
 * How a position counts. `granting`: not below a subtraction, tuples count if they hold at both ends
 * of `now`. `taking`: below an odd number of subtractions, they count if they hold at either.
 * `restoring`: below an even number, at both again, but what expires there can take away.
 */
export type Mode = typeof granting | typeof taking | typeof restoring;

export const granting = 0;
export const taking = 1;
export const restoring = 2;
export const modeCount = 3;

/** The mode of the subtracted operand. */
export function subtracted(mode: Mode): Mode {
  return mode === taking ? restoring : taking;
}
