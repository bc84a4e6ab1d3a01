import type { Call, Verdict } from "../core/decision.ts";
import type { LoggedDecision } from "./decision-row.ts";

/** What a decision can be found by. */
export type TermKind =
  | "principal"
  | "actor"
  | "tool"
  | "resource"
  | "delegation"
  | "session"
  | "caller";

export function termText(kind: TermKind, value: string): string {
  return `${kind} ${value}`;
}

/** What rows are found by, gathered: what was just gathered is not gathered again. */
export class Terms {
  readonly #terms = new Set<number>();
  readonly #calls = new Set<Call>();
  readonly #verdicts = new Set<Verdict>();
  #callerId: string | undefined;

  get numbers(): readonly number[] {
    return [...this.#terms];
  }

  add({ call, outcome, callerId }: LoggedDecision): void {
    const terms = this.#terms;
    if (!this.#calls.has(call)) {
      if (call.isShared === true) this.#calls.add(call);
      addCall(call, terms);
    }
    if ("verdict" in outcome && !this.#verdicts.has(outcome.verdict)) {
      const { verdict } = outcome;
      if (call.isShared === true) this.#verdicts.add(verdict);
      for (const id of verdict.delegationIds) terms.add(hashTerm("delegation ", id));
    }
    if (callerId !== this.#callerId) {
      this.#callerId = callerId;
      terms.add(hashTerm("caller ", callerId));
    }
  }
}

/** Each term as `hashTerm` has its text, but without making it. */
function addCall(call: Call, terms: Set<number>): void {
  const { principal, actors, tool, accesses, session } = call;
  terms.add(hashTerm("principal ", principal.type, ":", principal.id));
  for (const { type, id } of actors) terms.add(hashTerm("actor ", type, ":", id));
  terms.add(hashTerm("tool ", tool.type, ":", tool.id));
  for (const { resource } of accesses) {
    terms.add(hashTerm("resource ", resource.type, ":", resource.id));
  }
  if (session !== undefined) terms.add(hashTerm("session ", session.type, ":", session.id));
}

/**
 * A term as the index holds it, a number of 53 bits of the text that the parts make up. No secret hangs
 * on it, and nothing is believed of it: rows that are found by it are looked at again, so a fast hash
 * will do.
 */
export function hashTerm(text: string, second = "", third = "", fourth = ""): number {
  let low = 0xdeadbeef;
  let high = 0x41c6ce57;
  for (let part = 0; part < 4; part += 1) {
    const units = part === 0 ? text : part === 1 ? second : part === 2 ? third : fourth;
    for (let index = 0; index < units.length; index += 1) {
      const unit = units.charCodeAt(index);
      low = Math.imul(low ^ unit, 0x85ebca6b);
      high = Math.imul(high ^ unit, 0xc2b2ae35);
      low ^= high >>> 15;
      high ^= low >>> 13;
    }
  }
  low = Math.imul(low ^ (low >>> 16), 0x45d9f3b);
  high = Math.imul(high ^ (high >>> 16), 0x27d4eb2f);
  return ((high ^ low) & 0x1fffff) * 0x100000000 + (low >>> 0);
}
