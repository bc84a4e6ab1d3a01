import { objectText, type LoggedDecision } from "./decision-row.ts";

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

/** What the decision is found by, each as a text; it may name one twice. */
export function addTerms({ call, outcome, callerId }: LoggedDecision, terms: Set<string>): void {
  terms.add(`principal ${objectText(call.principal)}`);
  for (const actor of call.actors) terms.add(`actor ${objectText(actor)}`);
  terms.add(`tool ${objectText(call.tool)}`);
  for (const { resource } of call.accesses) terms.add(`resource ${objectText(resource)}`);
  if (call.session !== undefined) terms.add(`session ${objectText(call.session)}`);
  if ("verdict" in outcome) {
    for (const id of outcome.verdict.delegationIds) terms.add(`delegation ${id}`);
  }
  terms.add(`caller ${callerId}`);
}

/**
 * A term as the index holds it, a number of 53 bits. No secret hangs on it, and nothing is believed of
 * it: rows that are found by it are looked at again, so a fast hash will do.
 */
export function hashTerm(text: string): number {
  let low = 0xdeadbeef;
  let high = 0x41c6ce57;
  for (let index = 0; index < text.length; index += 1) {
    const unit = text.charCodeAt(index);
    low = Math.imul(low ^ unit, 0x85ebca6b);
    high = Math.imul(high ^ unit, 0xc2b2ae35);
    low ^= high >>> 15;
    high ^= low >>> 13;
  }
  low = Math.imul(low ^ (low >>> 16), 0x45d9f3b);
  high = Math.imul(high ^ (high >>> 16), 0x27d4eb2f);
  return ((high ^ low) & 0x1fffff) * 0x100000000 + (low >>> 0);
}
