import type { Reason } from "../core/decision.ts";
import { intersection, member, notMember, type Membership } from "./membership.ts";

/** Why something is denied, and the line for people. */
export interface Failure {
  readonly reason: Reason;
  readonly detail: string;
}

/** The conjunction of rules, taken in the order of their reasons: the first that fails says why. */
export class Tally {
  value: Membership = member;
  /** The earliest time at which a rule that holds could fail. */
  untilMs: number = Number.POSITIVE_INFINITY;
  failure: Failure | undefined;

  /** False where the rule fails for certain: the caller then says why by `fail`. */
  add(value: Membership, untilMs: number): boolean {
    this.value = intersection(this.value, value);
    this.untilMs = Math.min(this.untilMs, untilMs);
    return value !== notMember;
  }

  /** The rules of another, which come after those of this one. */
  addAll({ value, untilMs, failure }: Tally): void {
    this.add(value, untilMs);
    this.failure ??= failure;
  }

  fail(reason: Reason, detail: string): void {
    this.value = notMember;
    this.failure ??= { reason, detail };
  }
}
