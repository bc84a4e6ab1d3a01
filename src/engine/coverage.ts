import type { JsonObject } from "../core/json.ts";
import type { SubjectSymbol } from "../core/symbols.ts";
import { Checker } from "./checker.ts";
import { closureOf, type Closure } from "./closure.ts";
import type { Contract } from "./contract.ts";
import {
  granting,
  intersection,
  member,
  needs,
  notMember,
  taking,
  union,
  unknown,
  type Membership,
} from "./membership.ts";
import { relationOf, type RelationPlan } from "./plan.ts";
import type { Run } from "./run.ts";

/** A tool or a resource, and all that it is within: whatever of these is covered covers it. */
export interface Coverable {
  readonly object: SubjectSymbol;
  readonly places: readonly Place[];
  /** False where there may be places that are not known. */
  readonly isWhole: boolean;
}

interface Place {
  readonly object: SubjectSymbol;
  /** Whether the object is within it: a member for the object itself. */
  readonly value: Membership;
  readonly untilMs: number;
  readonly names: readonly string[];
  readonly checker: Checker;
}

const noNames: readonly string[] = [];

/**
 * What the object is within, judged as what takes away: in doubt it is. `undefined` where its type
 * knows no such thing.
 */
export function withinOf(
  run: Run,
  contract: Contract,
  object: SubjectSymbol,
  callContext: JsonObject,
): Closure | undefined {
  const within = relationOf(run.plan, run.scope.typeOf(object), contract.withinName);
  return within === undefined ? undefined : closureOf(run, object, within, taking, callContext);
}

/**
 * `context` is what conditions of covering tuples see, `callContext` what those of `within` see.
 */
export function coverableOf(
  run: Run,
  contract: Contract,
  object: SubjectSymbol,
  context: JsonObject,
  callContext: JsonObject,
  within: Closure | undefined = withinOf(run, contract, object, callContext),
): Coverable {
  const places: Place[] = [
    {
      object,
      value: member,
      untilMs: Number.POSITIVE_INFINITY,
      names: noNames,
      checker: new Checker(run, object, context),
    },
  ];
  const relation = relationOf(run.plan, run.scope.typeOf(object), contract.withinName);
  if (relation === undefined || within === undefined) return { object, places, isWhole: true };
  const granted = within.isTimeless
    ? within
    : closureOf(run, object, relation, granting, callContext);
  for (const element of granted.elements) {
    const { object: place, value, untilMs, names } = element;
    const checker = new Checker(run, place, context);
    places.push({ object: place, value, untilMs, names, checker });
  }
  return { object, places, isWhole: granted.isWhole };
}

/** Whether the delegation's relation covers the object. Sets the run's registers. */
export function covers(
  run: Run,
  delegation: SubjectSymbol,
  relation: RelationPlan,
  coverable: Coverable,
): Membership {
  const mark = run.names.length;
  let result = coverable.isWhole ? notMember : unknown;
  for (const place of coverable.places) {
    const placeMark = run.names.length;
    const value = intersection(place.value, place.checker.check(delegation, relation, granting));
    if (value === member) {
      run.untilMs = Math.min(run.untilMs, place.untilMs);
      run.cutNames(mark);
      return member;
    }
    if (value === needs) run.names.push(...place.names);
    else run.cutNames(placeMark);
    result = union(result, value);
  }
  if (result !== needs) run.cutNames(mark);
  return result;
}

/** Whether one of the places is covered if the conditions on covering tuples turned out well. */
export function coversButForConditions(
  run: Run,
  delegation: SubjectSymbol,
  relation: RelationPlan,
  places: readonly { readonly object: SubjectSymbol }[],
): boolean {
  return places.some(
    ({ object }) =>
      new Checker(run, object, undefined).check(delegation, relation, granting) !== notMember,
  );
}

/** The object, and all that it would be within if the conditions on the way turned out well. */
export function placesButForConditions(
  run: Run,
  contract: Contract,
  object: SubjectSymbol,
): readonly { readonly object: SubjectSymbol }[] {
  const within = relationOf(run.plan, run.scope.typeOf(object), contract.withinName);
  if (within === undefined) return [{ object }];
  return [{ object }, ...closureOf(run, object, within, granting, undefined).elements];
}
