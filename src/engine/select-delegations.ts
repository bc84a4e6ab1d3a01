import { compareBytes } from "../core/byte-order.ts";
import { delegationType } from "../core/delegation.ts";
import { parseName, parseObjectId, type ObjectRef } from "../core/object.ts";
import type { PageKey } from "../core/page.ts";
import type { SubjectSymbol } from "../core/symbols.ts";
import { coverers } from "./coverers.ts";
import type { Contract } from "./contract.ts";
import type { Evaluated } from "./graph.ts";
import type { EngineLimits } from "./limits.ts";
import { Run } from "./run.ts";
import type { EngineError, View } from "./view.ts";

/** Which delegations are meant; all that is set must hold. Nothing set selects nothing. */
export interface SelectQuery {
  readonly delegationId?: string;
  readonly principal?: ObjectRef;
  readonly actor?: ObjectRef;
  /** By coverage, wildcards and `within` included, conditions ignored. */
  readonly tool?: ObjectRef;
  readonly resource?: ObjectRef;
  readonly session?: ObjectRef;
}

export type SelectAnswer =
  | {
      readonly kind: "selection";
      /** Ids that the query chose, in canonical order; expired delegations are among them. */
      readonly selected: readonly string[];
    }
  | EngineError;

/** Finds delegations by what they say and by what they cover. */
export function selectDelegations(
  view: View,
  query: SelectQuery,
  limits: EngineLimits,
): Evaluated<SelectAnswer> {
  const { contract } = view.plan;
  if (contract === undefined) return { kind: "decided", value: noDelegations };
  const run = new Run(view, limits, []);
  const pages: PageKey[] = [];
  const sets: ReadonlySet<string>[] = [];
  const named = namedBy(run, contract, query);
  if (named !== undefined) sets.push(new Set(named.map((symbol) => run.scope.idOf(symbol))));
  for (const covers of ["tool", "resource", "session"] as const) {
    const object = query[covers];
    if (object === undefined) continue;
    const covering = coveringAll(view, covers, object, limits);
    if (covering.kind === "missing") pages.push(...covering.pages);
    else if ("kind" in covering.value) return { kind: "decided", value: covering.value };
    else sets.push(covering.value);
  }
  const selected = intersect(sets);
  if (run.problem !== undefined) return { kind: "decided", value: run.error() };
  if (run.scope.hasMissed) pages.push(...run.scope.missedPages());
  if (pages.length > 0) return { kind: "missing", pages };
  const value = {
    kind: "selection" as const,
    selected: [...selected].toSorted(compareBytes),
  };
  return { kind: "decided", value };
}

/** By id, principal and actor; `undefined` where the query names none of them. */
function namedBy(
  run: Run,
  contract: Contract,
  query: SelectQuery,
): readonly SubjectSymbol[] | undefined {
  const { scope } = run;
  const { delegationId, principal, actor } = query;
  const found: (readonly SubjectSymbol[])[] = [];
  if (delegationId !== undefined) {
    const delegation = scope.object(delegationRef(delegationId));
    const relations = [contract.principal, contract.delegator, contract.delegate, contract.parent];
    const stands = relations.some(({ relation }) => {
      const page = scope.forward(delegation, relation);
      return page !== undefined && page.count > 0;
    });
    found.push(stands ? [delegation] : []);
  }
  if (principal !== undefined) found.push(holding(run, contract, principal, "principal"));
  if (actor !== undefined) found.push(holding(run, contract, actor, "delegate"));
  const [first, ...others] = found;
  return first?.filter((symbol) => others.every((other) => other.includes(symbol)));
}

/** Delegations that name the object in the relation. */
function holding(
  run: Run,
  contract: Contract,
  object: ObjectRef,
  relation: "principal" | "delegate",
): readonly SubjectSymbol[] {
  const subject = run.scope.findSubject({ kind: "object", object });
  if (subject === undefined) return [];
  return objectsOf(run, contract, subject, contract[relation].relation);
}

function objectsOf(
  run: Run,
  contract: Contract,
  subject: SubjectSymbol,
  relation: Contract["principal"]["relation"],
): readonly SubjectSymbol[] {
  const page = run.scope.reverse(subject, contract.delegation, relation);
  if (page === undefined) return [];
  return Array.from({ length: page.count }, (_, position) => page.objectAt(position));
}

/** Every slice of the answer: a selection is whole or an error. */
function coveringAll(
  view: View,
  covers: "tool" | "resource" | "session",
  object: ObjectRef,
  limits: EngineLimits,
): Evaluated<ReadonlySet<string> | EngineError> {
  const ids = new Set<string>();
  let after: string | undefined;
  do {
    const query = { covers, object, limit: limits.candidatesMax };
    const evaluated = coverers(view, after === undefined ? query : { ...query, after }, limits);
    if (evaluated.kind === "missing") return evaluated;
    const answer = evaluated.value;
    if (answer.kind === "error") return { kind: "decided", value: answer };
    for (const id of answer.delegationIds) ids.add(id);
    after = answer.next;
  } while (after !== undefined);
  return { kind: "decided", value: ids };
}

function intersect(sets: readonly ReadonlySet<string>[]): ReadonlySet<string> {
  const [first, ...others] = sets;
  if (first === undefined) return new Set();
  return new Set([...first].filter((id) => others.every((other) => other.has(id))));
}

const noDelegations: EngineError = {
  kind: "error",
  code: "no_delegations",
  detail: `the active authorization model has no type \`${delegationType}\``,
};

function delegationRef(id: string): ObjectRef {
  return { type: parseName(delegationType, "type"), id: parseObjectId(id, "delegation_id") };
}
