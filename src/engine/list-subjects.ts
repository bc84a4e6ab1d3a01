import assert from "node:assert/strict";
import type { JsonObject } from "../core/json.ts";
import type { Name, ObjectId, ObjectRef } from "../core/object.ts";
import type { Subject } from "../core/subject.ts";
import type { SubjectSymbol } from "../core/symbols.ts";
import type { RelationTuple } from "../core/tuple.ts";
import { Checker } from "./checker.ts";
import type { Evaluated } from "./graph.ts";
import type { EngineLimits } from "./limits.ts";
import { takeSlices, type Listing, type Slice, type TupleRange } from "./listing.ts";
import { granting, isCertain, member, notMember, type Membership } from "./membership.ts";
import { findRelation, type RelationPlan } from "./plan.ts";
import { Run, sortNames } from "./run.ts";
import { SortedRuns, type SortedCursor } from "./sorted-runs.ts";
import { SubjectSearch } from "./subject-search.ts";
import { unknownRelation } from "./unknown-relation.ts";
import { leftOut, setAside, unsure, verifyInOrder, type Verified } from "./verification.ts";
import { mapAnswer, type EngineError, type View } from "./view.ts";

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

/** As `Slice`. */
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
  const listing = new SubjectListing(query, limits);
  const evaluated = takeSlices(listing, view, query.limit, tooLarge);
  return mapAnswer(evaluated, ({ elements: subjects, ...rest }) => ({ ...rest, subjects }));
}

const tooLarge: EngineError = {
  kind: "error",
  code: "budget_exceeded",
  detail: "a relation of one object has too many tuples to be listed at once",
};

/** A candidate: an id, or the wildcard of the type. */
type Key = ObjectId | "*";

/** The search for those whom a wildcard leaves out, which takes slices of its own. */
interface Excluding {
  readonly cursor: SortedCursor<Key>;
  readonly excluded: readonly ObjectRef[];
  readonly needs: readonly string[];
}

/** `listSubjects` in slices. */
export class SubjectListing implements Listing<ListedSubject> {
  readonly #query: Omit<ListSubjectsQuery, "limit">;
  readonly #limits: EngineLimits;
  readonly #search: SubjectSearch;
  readonly #candidates = new SortedRuns<Key>();
  /** Where the relation is simple: those of the candidates that are not members for certain. */
  readonly #doubtful = new Set<Key>();
  /** Set once all candidates are found. */
  #cursor: SortedCursor<Key> | undefined;
  #excluding: Excluding | undefined;
  #last: string;

  constructor(query: Omit<ListSubjectsQuery, "limit">, limits: EngineLimits) {
    this.#query = query;
    this.#limits = limits;
    this.#search = new SubjectSearch((run, subject) => isAskedFor(run, subject, query));
    this.#search.start(query.object, query.relation);
    this.#last = query.after ?? "";
  }

  get wanted(): TupleRange | undefined {
    return this.#search.wanted;
  }

  get weight(): number {
    return this.#search.weight + this.#candidates.size;
  }

  supply(tuples: readonly RelationTuple[], isLast: boolean): void {
    this.#search.supply(tuples, isLast);
  }

  slice(view: View, limit: number): Evaluated<Slice<ListedSubject> | EngineError> {
    const { object, relation: name, contextualTuples, context } = this.#query;
    const refused = refuse(view, this.#query);
    if (refused !== undefined) return { kind: "decided", value: refused };
    const relation = findRelation(view.plan, object.type, name);
    if (relation === undefined) {
      return { kind: "decided", value: unknownRelation(view.plan, object.type, name) };
    }
    const run = new Run(view, this.#limits, contextualTuples);
    if (this.#cursor === undefined) return this.#searchOn(run, relation);
    const judge = new Judge(run, run.scope.object(object), relation, context);
    return this.#excluding === undefined
      ? this.#verify(run, judge, this.#cursor, limit)
      : this.#exclude(run, judge, this.#excluding);
  }

  #searchOn(run: Run, relation: RelationPlan): Evaluated<Slice<ListedSubject> | EngineError> {
    const mark = this.#search.mark();
    const { found, doubtful } = this.#search.advance(run, this.#limits.sliceStepsMax);
    if (run.scope.hasMissed) this.#search.restore(mark);
    if (run.scope.hasMissed || run.problem !== undefined) return run.finish(run.error());
    this.#candidates.add(found.map(keyOf));
    if (relation.simple) for (const subject of doubtful) this.#doubtful.add(keyOf(subject));
    if (this.#search.isDone) {
      this.#search.forget();
      this.#cursor = this.#candidates.cursor(this.#query.after);
    }
    return { kind: "decided", value: this.#sliceOf([]) };
  }

  #verify(
    run: Run,
    judge: Judge,
    cursor: SortedCursor<Key>,
    limit: number,
  ): Evaluated<Slice<ListedSubject> | EngineError> {
    let needed: readonly string[] = [];
    const verified = verifyInOrder<ListedSubject, Key>(run, cursor, limit, (key) => {
      const subject = subjectOf(this.#query, key);
      if (judge.isSimple && !this.#doubtful.has(key)) {
        run.spend();
        return listed({ subject, needs: [], excluded: [] });
      }
      const { value, needs } = judge.check(subject);
      if (!isCertain(value)) return unsure;
      if (value === notMember) return leftOut;
      if (key !== "*" || judge.isSimple) return listed({ subject, needs, excluded: [] });
      needed = needs;
      return setAside;
    });
    return mapAnswer(verified, ({ elements, last = this.#last, isSetAside }) => {
      this.#last = last;
      if (isSetAside) {
        this.#excluding = { cursor: this.#candidates.cursor(), excluded: [], needs: needed };
      }
      return this.#sliceOf(elements);
    });
  }

  #exclude(
    run: Run,
    judge: Judge,
    excluding: Excluding,
  ): Evaluated<Slice<ListedSubject> | EngineError> {
    const { cursor, needs } = excluding;
    const verified = verifyInOrder<ObjectRef, Key>(run, cursor, Infinity, (key) => {
      const subject = subjectOf(this.#query, key);
      const { value } = judge.check(subject);
      if (!isCertain(value)) return unsure;
      if (value === member || subject.kind !== "object") return leftOut;
      return listed(subject.object);
    });
    return mapAnswer(verified, ({ elements }) => {
      const excluded = [...excluding.excluded, ...elements];
      this.#excluding = cursor.isEmpty ? undefined : { ...excluding, excluded };
      if (this.#excluding !== undefined) return this.#sliceOf([]);
      this.#last = "*";
      const subject = subjectOf(this.#query, "*");
      return this.#sliceOf([{ subject, needs, excluded }]);
    });
  }

  #sliceOf(elements: readonly ListedSubject[]): Slice<ListedSubject> {
    const isWhole = this.#cursor?.isEmpty === true && this.#excluding === undefined;
    return isWhole ? { kind: "slice", elements } : { kind: "slice", elements, next: this.#last };
  }
}

/** Whether subjects have the relation to the object. */
class Judge {
  readonly #run: Run;
  readonly #object: SubjectSymbol;
  readonly #relation: RelationPlan;
  readonly #context: JsonObject;

  constructor(run: Run, object: SubjectSymbol, relation: RelationPlan, context: JsonObject) {
    this.#run = run;
    this.#object = object;
    this.#relation = relation;
    this.#context = context;
  }

  /** Then all that tuples lead to are members, and a wildcard leaves nobody out. */
  get isSimple(): boolean {
    return this.#relation.simple;
  }

  check(subject: Subject): { readonly value: Membership; readonly needs: readonly string[] } {
    const run = this.#run;
    const symbol = run.scope.findSubject(subject);
    assert(symbol !== undefined, "the type and relation were found when the slice began");
    const checker = new Checker(run, symbol, this.#context);
    const value = checker.check(this.#object, this.#relation, granting);
    const needs = sortNames(run.names);
    run.cutNames(0);
    return { value, needs };
  }
}

function listed<Element>(element: Element): Verified<Element> {
  return { kind: "listed", element };
}

function refuse(
  { plan }: View,
  { subjectType, subjectRelation }: Pick<ListSubjectsQuery, "subjectType" | "subjectRelation">,
): EngineError | undefined {
  if (!plan.model.types.has(subjectType)) {
    const detail = `the model has no type \`${subjectType}\``;
    return { kind: "error", code: "unknown_type", detail };
  }
  if (subjectRelation === undefined) return undefined;
  if (findRelation(plan, subjectType, subjectRelation) !== undefined) return undefined;
  return unknownRelation(plan, subjectType, subjectRelation);
}

function isAskedFor(
  { scope, plan }: Run,
  candidate: SubjectSymbol,
  { subjectType, subjectRelation }: Pick<ListSubjectsQuery, "subjectType" | "subjectRelation">,
): boolean {
  if (scope.typeOf(candidate) !== plan.numbers.get(subjectType)) return false;
  if (subjectRelation === undefined) return !scope.isUserset(candidate);
  return scope.relationOf(candidate) === plan.numbers.get(subjectRelation);
}

function keyOf(subject: Subject): Key {
  return subject.kind === "wildcard" ? "*" : subject.object.id;
}

function subjectOf(
  { subjectType, subjectRelation }: Pick<ListSubjectsQuery, "subjectType" | "subjectRelation">,
  key: Key,
): Subject {
  if (key === "*") return { kind: "wildcard", type: subjectType };
  const object = { type: subjectType, id: key };
  if (subjectRelation === undefined) return { kind: "object", object };
  return { kind: "userset", object, relation: subjectRelation };
}
