import type { SubjectSymbol } from "../core/symbols.ts";
import type { Contract } from "./contract.ts";
import { member, notMember, taking, unknown, type Membership } from "./membership.ts";
import { relationOf } from "./plan.ts";
import type { Run } from "./run.ts";

/**
 * Whether any suspension stands on the object. It takes away, so one that may be over by now, but
 * need not be, still counts. An object whose type knows no suspension has none.
 */
export function isSuspended(run: Run, contract: Contract, object: SubjectSymbol): Membership {
  const { scope, plan } = run;
  const relation = relationOf(plan, scope.typeOf(object), contract.suspendedName);
  if (relation === undefined) return notMember;
  const page = scope.forward(object, relation.relation);
  if (page === undefined) return unknown;
  for (let position = 0; position < page.count; position += 1) {
    const held = run.hold(
      relation,
      page.subjectAt(position),
      page.conditionAt(position),
      page.expiresAtMsAt(position),
      taking,
      undefined,
    );
    if (held === member) return member;
  }
  if (page.complete) return notMember;
  return run.fail("budget_exceeded", "an object has too many suspensions to be told apart");
}
