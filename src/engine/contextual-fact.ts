import type { Call } from "../core/decision.ts";
import { formatObject } from "../core/object.ts";
import { formatTuple, type RelationTuple } from "../core/tuple.ts";
import type { Contract } from "./contract.ts";
import type { SubjectPage } from "./graph.ts";
import {
  findRelation,
  relationOf,
  type Plan,
  type RelationPlan,
  type RewritePlan,
} from "./plan.ts";
import type { Run } from "./run.ts";
import type { EngineError } from "./view.ts";

/**
 * A delegated call may bring facts about where its resources lie, and nothing else: R#p@O where R is
 * a resource of the call or what another of these facts says that one lies in, `within` of R's type
 * reads the tupleset p, and no stored tuple says anything else of R#p. A gateway can so add knowledge
 * about the world, not authority: a way up in several steps passes more rules than one in a single
 * step, which it could claim as well.
 */
export function refuseOtherFacts(
  run: Run,
  contract: Contract,
  call: Call,
): EngineError | undefined {
  if (call.contextualTuples.length === 0) return undefined;
  const placed = placedObjects(call);
  for (const tuple of call.contextualTuples) {
    const relation = findRelation(run.plan, tuple.object.type, tuple.relation);
    if (relation === undefined || !isPlacement(run.plan, contract, placed, tuple, relation)) {
      return refuse(tuple, "says nothing of where a resource of the call lies");
    }
    const stored = run.scope.storedForward(run.scope.object(tuple.object), relation.relation);
    if (stored !== undefined && !agrees(run, tuple, stored)) {
      return refuse(tuple, `is about what is stored for \`${formatObject(tuple.object)}\``);
    }
  }
  return undefined;
}

/** Nothing is stored, or the very same, for ever: then the fact adds nothing. */
function agrees(run: Run, { subject }: RelationTuple, stored: SubjectPage): boolean {
  if (stored.complete && stored.count === 0) return true;
  if (subject.kind !== "object") return false;
  const position = run.scope.positionIn(stored, run.scope.object(subject.object));
  return (
    position !== -1 &&
    stored.conditionAt(position) === undefined &&
    stored.expiresAtMsAt(position) === Number.POSITIVE_INFINITY
  );
}

/** The resources, and the whole way up from them that the facts describe, in whatever order. */
function placedObjects(call: Call): ReadonlySet<string> {
  const placed = new Set(call.accesses.map(({ resource }) => formatObject(resource)));
  let before: number;
  do {
    before = placed.size;
    for (const { object, subject } of call.contextualTuples) {
      if (subject.kind === "object" && placed.has(formatObject(object))) {
        placed.add(formatObject(subject.object));
      }
    }
  } while (placed.size > before);
  return placed;
}

function isPlacement(
  plan: Plan,
  contract: Contract,
  placed: ReadonlySet<string>,
  tuple: RelationTuple,
  relation: RelationPlan,
): boolean {
  const { type } = relation;
  const within = relationOf(plan, type, contract.withinName);
  return (
    tuple.subject.kind === "object" &&
    tuple.condition === undefined &&
    type !== contract.delegation &&
    type !== contract.toolType &&
    placed.has(formatObject(tuple.object)) &&
    within !== undefined &&
    readsTupleset(within, relation, new Set())
  );
}

/** Whether the relation's rewrite follows the tupleset, on the same object. */
function readsTupleset(
  relation: RelationPlan,
  tupleset: RelationPlan,
  seen: Set<RelationPlan>,
): boolean {
  if (seen.has(relation)) return false;
  seen.add(relation);
  return reads(relation.rewrite);

  function reads(rewrite: RewritePlan): boolean {
    switch (rewrite.kind) {
      case "this":
        return false;
      case "computed_userset":
        return rewrite.relation === tupleset || readsTupleset(rewrite.relation, tupleset, seen);
      case "tuple_to_userset":
        return rewrite.tupleset === tupleset;
      case "union":
      case "intersection":
        return rewrite.of.some(reads);
      case "exclusion":
        return reads(rewrite.base);
    }
  }
}

function refuse(tuple: RelationTuple, why: string): EngineError {
  return {
    kind: "error",
    code: "tuple_refused",
    detail: `contextual tuple \`${formatTuple(tuple)}\` ${why}`,
  };
}
