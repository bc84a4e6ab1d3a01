import type { SubjectSymbol } from "../core/symbols.ts";
import type { Closure } from "./closure.ts";
import { granting, member } from "./membership.ts";
import type { Parties } from "./parties.ts";
import { relationOf } from "./plan.ts";
import type { Tally } from "./tally.ts";

/** Rule 5 for one delegate: fit for the tool and for each of its servers, where the model asks. */
export function judgeEligibility(
  parties: Parties,
  delegate: SubjectSymbol,
  tool: SubjectSymbol,
  servers: Closure,
  tally: Tally,
): void {
  judgeOn(parties, delegate, tool, tally);
  for (const { object } of servers.elements) judgeOn(parties, delegate, object, tally);
}

function judgeOn(
  parties: Parties,
  delegate: SubjectSymbol,
  object: SubjectSymbol,
  tally: Tally,
): void {
  const value = eligibleOn(parties, delegate, object);
  if (tally.add(value, parties.run.untilMs)) return;
  tally.fail(
    "not_eligible",
    `${parties.format(delegate)} is not eligible for ${parties.format(object)}`,
  );
}

function eligibleOn(parties: Parties, delegate: SubjectSymbol, object: SubjectSymbol): number {
  const { run, contract } = parties;
  const relation = relationOf(run.plan, run.scope.typeOf(object), contract.eligibleName);
  run.untilMs = Number.POSITIVE_INFINITY;
  if (relation === undefined) return member;
  return parties.checker(delegate).check(object, relation, granting);
}
