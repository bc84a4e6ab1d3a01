import type { ObjectRef } from "../core/object.ts";
import { formatObject } from "../core/object.ts";
import type { SubjectSymbol } from "../core/symbols.ts";
import { Checker } from "./checker.ts";
import { closureOf } from "./closure.ts";
import type { Contract } from "./contract.ts";
import type { Evaluated } from "./graph.ts";
import type { EngineLimits } from "./limits.ts";
import { notMember, taking } from "./membership.ts";
import { relationOf, type RelationPlan } from "./plan.ts";
import { candidateObjects } from "./reverse-expansion.ts";
import { Run } from "./run.ts";
import { takeSlice } from "./slice.ts";
import type { EngineError, View } from "./view.ts";

/** Which delegations cover a tool, a resource or a session? */
export interface CoverersQuery {
  readonly covers: "tool" | "resource" | "session";
  readonly object: ObjectRef;
  /** The id after which the slice begins. */
  readonly after?: string;
  readonly limit: number;
}

export type CoverersAnswer =
  | { readonly kind: "slice"; readonly delegationIds: readonly string[]; readonly next?: string }
  | EngineError;

/**
 * The delegations that may let something through, for one who wants to revoke them: wildcards and
 * `within` count, conditions are ignored, and in doubt a delegation is listed.
 */
export function coverers(
  view: View,
  query: CoverersQuery,
  limits: EngineLimits,
): Evaluated<CoverersAnswer> {
  const { contract, model } = view.plan;
  if (contract === undefined) {
    const detail = "the active model defines no type `delegation`";
    return { kind: "decided", value: { kind: "error", code: "no_delegations", detail } };
  }
  if (!model.types.has(query.object.type)) {
    const detail = `the model has no type for \`${formatObject(query.object)}\``;
    return { kind: "decided", value: { kind: "error", code: "unknown_type", detail } };
  }
  const run = new Run(view, limits, []);
  const relation = contract[query.covers];
  const places = placesOf(run, contract, run.scope.object(query.object), query.covers);
  if (run.problem !== undefined) return run.finish(run.error());
  const checkers = places.map((place) => new Checker(run, place, undefined));
  const candidates = candidatesOf(run, places, relation);
  if (run.problem !== undefined) return run.finish(run.error());
  const { elements, next } = takeSlice(run, candidates, query.after, query.limit, (candidate) =>
    checkers.some((checker) => checker.check(candidate, relation, taking) !== notMember)
      ? run.scope.idOf(candidate)
      : undefined,
  );
  if (run.problem !== undefined) return run.finish(run.error());
  return run.finish({
    kind: "slice",
    delegationIds: elements,
    ...(next === undefined ? {} : { next }),
  });
}

/** The object and all that it is, or may be, within. */
function placesOf(
  run: Run,
  contract: Contract,
  object: SubjectSymbol,
  covers: CoverersQuery["covers"],
): readonly SubjectSymbol[] {
  const within =
    covers === "session"
      ? undefined
      : relationOf(run.plan, run.scope.typeOf(object), contract.withinName);
  if (within === undefined) return [object];
  const closure = closureOf(run, object, within, taking, {});
  return [object, ...closure.elements.map((element) => element.object)];
}

function candidatesOf(
  run: Run,
  places: readonly SubjectSymbol[],
  relation: RelationPlan,
): readonly { readonly key: string; readonly candidate: SubjectSymbol }[] {
  const candidates = new Set(places.flatMap((place) => candidateObjects(run, place, relation)));
  return [...candidates].map((candidate) => ({ key: run.scope.idOf(candidate), candidate }));
}
