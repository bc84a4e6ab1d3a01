import type { SubjectSymbol } from "../core/symbols.ts";
import { granting, member, notMember, union, type Membership } from "./membership.ts";
import type { Parties } from "./parties.ts";
import { relationOf } from "./plan.ts";
import type { Tally } from "./tally.ts";

/** Rule 6, the part that the session's own tuples decide: it is this principal's and this actor's. */
export function judgeSessionParties(parties: Parties, tally: Tally): void {
  const { run, contract, session, principal, actors } = parties;
  const actor = actors.at(-1);
  if (session === undefined || actor === undefined) return;
  const type = run.scope.typeOf(session);
  for (const [name, party] of [
    [contract.principalName, principal],
    [contract.actorName, actor],
  ] as const) {
    const relation = relationOf(run.plan, type, name);
    if (relation === undefined) continue;
    const value = parties.checker(party).check(session, relation, granting);
    if (tally.add(value, run.untilMs)) continue;
    tally.fail(
      "session_mismatch",
      `${parties.format(session)} is not a session of ${parties.format(party)}`,
    );
    return;
  }
}

/** Rule 6, the part of one delegation: it names the session, or any. */
export function judgeSession(parties: Parties, delegation: SubjectSymbol, tally: Tally): boolean {
  const { run, contract, session } = parties;
  const value =
    session === undefined
      ? fitsAnySession(parties, delegation)
      : parties.checker(session).check(delegation, contract.session, granting);
  if (tally.add(value, run.untilMs)) return true;
  const asked = session === undefined ? "a call without a session" : parties.format(session);
  tally.fail("session_mismatch", `${parties.format(delegation)} does not let in ${asked}`);
  return false;
}

function fitsAnySession(parties: Parties, delegation: SubjectSymbol): Membership {
  const { run, contract } = parties;
  let result = notMember;
  for (const { kind, type } of contract.session.restrictions) {
    if (kind !== "wildcard") continue;
    const checker = parties.checker(run.scope.wildcard(type));
    result = union(result, checker.check(delegation, contract.session, granting));
    if (result === member) break;
  }
  return result;
}
