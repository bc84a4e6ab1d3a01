import { compareBytes } from "../core/byte-order.ts";
import type { JsonObject } from "../core/json.ts";
import type { Name, ObjectRef } from "../core/object.ts";
import type { Subject } from "../core/subject.ts";
import type { SubjectSymbol } from "../core/symbols.ts";
import type { RelationTuple } from "../core/tuple.ts";
import { Checker } from "./checker.ts";
import type { Evaluated } from "./graph.ts";
import type { EngineLimits } from "./limits.ts";
import { granting, isCertain, member, notMember } from "./membership.ts";
import { findRelation, type RelationPlan } from "./plan.ts";
import { Run, sortNames } from "./run.ts";
import { takeSlice } from "./slice.ts";
import { candidateSubjects } from "./subject-search.ts";
import { unknownRelation } from "./unknown-relation.ts";
import type { EngineError, View } from "./view.ts";

/** Which subjects of a type (and, for usersets, a relation) have the relation to the object? */
export interface ListSubjectsQuery {
  readonly object: ObjectRef;
  readonly relation: Name;
  readonly subjectType: Name;
  /** Set where usersets are asked for. */
  readonly subjectRelation?: Name;
  readonly context: JsonObject;
  readonly contextualTuples: readonly RelationTuple[];
  /** The id after which the slice begins; a wildcard's is `*`. */
  readonly after?: string;
  readonly limit: number;
}

/** A subject, or everyone of its type but the excluded. */
export interface ListedSubject {
  readonly subject: Subject;
  /** Parameters on which it hangs whether the subject belongs here; empty where it does. */
  readonly needs: readonly string[];
  /** Of a wildcard: those who are not in it, or not for certain. In canonical order. */
  readonly excluded: readonly ObjectRef[];
}

export type ListSubjectsAnswer =
  | { readonly kind: "slice"; readonly subjects: readonly ListedSubject[]; readonly next?: string }
  | EngineError;

/**
 * The reverse of `checkRelation`: a subject is listed if and only if the check says member or needs.
 * Plain objects that only a wildcard makes members, and no tuple names, are in the wildcard.
 */
export function listSubjects(
  view: View,
  query: ListSubjectsQuery,
  limits: EngineLimits,
): Evaluated<ListSubjectsAnswer> {
  const refused = refuse(view, query);
  if (refused !== undefined) return { kind: "decided", value: refused };
  const relation = findRelation(view.plan, query.object.type, query.relation);
  const run = new Run(view, limits, query.contextualTuples);
  if (relation === undefined) {
    return run.finish(unknownRelation(view.plan, query.object.type, query.relation));
  }
  const object = run.scope.object(query.object);
  const candidates = [...candidateSubjects(run, object, relation)].filter((candidate) =>
    isAskedFor(run, candidate, query),
  );
  if (run.problem !== undefined) return run.finish(run.error());
  const listing = new Listing(run, object, relation, query.context, candidates);
  const keyed = candidates.map((candidate) => ({ key: keyOf(run, candidate), candidate }));
  const { elements: subjects, next } = takeSlice(
    run,
    keyed,
    query.after,
    query.limit,
    (candidate) => listing.list(candidate),
  );
  if (listing.isUnknown) return run.finish(run.error());
  return run.finish({ kind: "slice", subjects, ...(next === undefined ? {} : { next }) });
}

class Listing {
  isUnknown = false;
  readonly #run: Run;
  readonly #object: SubjectSymbol;
  readonly #relation: RelationPlan;
  readonly #context: JsonObject;
  readonly #candidates: readonly SubjectSymbol[];

  constructor(
    run: Run,
    object: SubjectSymbol,
    relation: RelationPlan,
    context: JsonObject,
    candidates: readonly SubjectSymbol[],
  ) {
    this.#run = run;
    this.#object = object;
    this.#relation = relation;
    this.#context = context;
    this.#candidates = candidates;
  }

  list(candidate: SubjectSymbol): ListedSubject | undefined {
    const { scope, names } = this.#run;
    const mark = names.length;
    const value = this.#check(candidate);
    const needs = sortNames(names.slice(mark));
    names.length = mark;
    if (value === notMember) return undefined;
    const subject = scope.subjectOf(candidate);
    const excluded = subject.kind === "wildcard" ? this.#excluded() : [];
    return { subject, needs, excluded };
  }

  /** Without intersection, exclusion and condition, a wildcard leaves nobody out. */
  #excluded(): readonly ObjectRef[] {
    const { scope, names } = this.#run;
    if (this.#relation.simple) return [];
    const mark = names.length;
    const excluded = this.#candidates
      .filter((candidate) => scope.kindOf(candidate) === "object")
      .filter((candidate) => this.#check(candidate) !== member)
      .map((candidate) => scope.refOf(candidate));
    names.length = mark;
    return excluded.toSorted((left, right) => compareBytes(left.id, right.id));
  }

  #check(candidate: SubjectSymbol): number {
    const checker = new Checker(this.#run, candidate, this.#context);
    const value = checker.check(this.#object, this.#relation, granting);
    if (!isCertain(value)) this.isUnknown = true;
    return value;
  }
}

function refuse({ plan }: View, query: ListSubjectsQuery): EngineError | undefined {
  const { subjectType, subjectRelation } = query;
  if (!plan.model.types.has(subjectType)) {
    const detail = `the model has no type \`${subjectType}\``;
    return { kind: "error", code: "unknown_type", detail };
  }
  if (subjectRelation === undefined) return undefined;
  if (findRelation(plan, subjectType, subjectRelation) !== undefined) return undefined;
  return unknownRelation(plan, subjectType, subjectRelation);
}

function isAskedFor(run: Run, candidate: SubjectSymbol, query: ListSubjectsQuery): boolean {
  const { scope, plan } = run;
  if (scope.typeOf(candidate) !== plan.numbers.get(query.subjectType)) return false;
  if (query.subjectRelation === undefined) return !scope.isUserset(candidate);
  return scope.relationOf(candidate) === plan.numbers.get(query.subjectRelation);
}

function keyOf(run: Run, candidate: SubjectSymbol): string {
  return run.scope.kindOf(candidate) === "wildcard" ? "*" : run.scope.idOf(candidate);
}
