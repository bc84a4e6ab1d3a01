import { compareBytes } from "../core/byte-order.ts";
import type { JsonObject } from "../core/json.ts";
import type { Name, ObjectRef } from "../core/object.ts";
import { formatSubject, type Subject } from "../core/subject.ts";
import type { SubjectSymbol } from "../core/symbols.ts";
import type { RelationTuple } from "../core/tuple.ts";
import { Checker } from "./checker.ts";
import type { Evaluated } from "./graph.ts";
import type { EngineLimits } from "./limits.ts";
import { granting, isCertain, notMember } from "./membership.ts";
import { findRelation, type RelationPlan } from "./plan.ts";
import { ReverseExpansion } from "./reverse-expansion.ts";
import { Run, sortNames } from "./run.ts";
import { SortedRuns } from "./sorted-runs.ts";
import { unknownRelation } from "./unknown-relation.ts";
import type { EngineError, View } from "./view.ts";

/** To which objects of a type has the subject the relation? */
export interface ListObjectsQuery {
  readonly type: Name;
  readonly relation: Name;
  readonly subject: Subject;
  readonly context: JsonObject;
  readonly contextualTuples: readonly RelationTuple[];
  /** The id after which the slice begins. */
  readonly after?: string;
  readonly limit: number;
}

export interface ListedObject {
  readonly object: ObjectRef;
  /** Parameters on which it hangs whether the object belongs here; empty where it does. */
  readonly needs: readonly string[];
}

export type ListObjectsAnswer =
  | { readonly kind: "slice"; readonly objects: readonly ListedObject[]; readonly next?: string }
  | EngineError;

/** The reverse of `checkRelation`: an object is listed if and only if the check says member or needs. */
export function listObjects(
  view: View,
  query: ListObjectsQuery,
  limits: EngineLimits,
): Evaluated<ListObjectsAnswer> {
  const listing = new ObjectListing(query, limits);
  const objects: ListedObject[] = [];
  for (;;) {
    const evaluated = listing.slice(view, query.limit - objects.length);
    if (evaluated.kind === "missing" || evaluated.value.kind === "error") return evaluated;
    objects.push(...evaluated.value.objects);
    const { next } = evaluated.value;
    if (next === undefined) return { kind: "decided", value: { kind: "slice", objects } };
    if (objects.length < query.limit) continue;
    return { kind: "decided", value: { kind: "slice", objects, next } };
  }
}

/**
 * A list that is made slice by slice, each of little work, in ticks of their own, all at one revision
 * and model. Between slices it keeps texts alone. A slice that misses pages leaves it as it was.
 */
export class ObjectListing {
  readonly #query: ListObjectsQuery;
  readonly #limits: EngineLimits;
  readonly #expansion: ReverseExpansion;
  readonly #candidates = new SortedRuns();
  #last: string;

  constructor(query: ListObjectsQuery, limits: EngineLimits) {
    this.#query = query;
    this.#limits = limits;
    this.#expansion = new ReverseExpansion(query.subject, query.type, query.relation);
    this.#last = query.after ?? "";
  }

  /** Perhaps without an object, as long as candidates are searched for; whole without `next`. */
  slice(view: View, limit: number): Evaluated<ListObjectsAnswer> {
    const { type, relation: name, subject, contextualTuples } = this.#query;
    const relation = findRelation(view.plan, type, name);
    if (relation === undefined) {
      return { kind: "decided", value: unknownRelation(view.plan, type, name) };
    }
    const run = new Run(view, this.#limits, contextualTuples);
    const symbol = run.scope.findSubject(subject);
    if (symbol === undefined) {
      const detail = `the model has no type or relation for subject \`${formatSubject(subject)}\``;
      return { kind: "decided", value: { kind: "error", code: "unknown_type", detail } };
    }
    return this.#expansion.isDone ? this.#verify(run, symbol, relation, limit) : this.#search(run);
  }

  #search(run: Run): Evaluated<ListObjectsAnswer> {
    const mark = this.#expansion.mark();
    const found = this.#expansion.advance(run, this.#limits.sliceStepsMax);
    if (run.scope.hasMissed) this.#expansion.restore(mark);
    if (run.scope.hasMissed || run.problem !== undefined) return run.finish(run.error());
    const { after } = this.#query;
    this.#candidates.add(
      after === undefined ? found : found.filter((id) => compareBytes(id, after) > 0),
    );
    return run.finish(this.#sliceOf([]));
  }

  #verify(
    run: Run,
    subject: SubjectSymbol,
    relation: RelationPlan,
    limit: number,
  ): Evaluated<ListObjectsAnswer> {
    const { type, context } = this.#query;
    const checker = new Checker(run, subject, context);
    const mark = this.#candidates.mark();
    const objects: ListedObject[] = [];
    let last: string | undefined;
    let isUnknown = false;
    while (last === undefined || (objects.length < limit && run.steps < run.limits.sliceStepsMax)) {
      const id = this.#candidates.take();
      if (id === undefined) break;
      last = id;
      const candidate = run.scope.object({ type, id });
      const value = checker.check(candidate, relation, granting);
      const needed = sortNames(run.names);
      run.cutNames(0);
      if (!isCertain(value)) isUnknown = true;
      // A page that is missing leaves it unknown too: what others miss is then asked for as well.
      if (isUnknown && !run.scope.hasMissed) break;
      if (value !== notMember) objects.push({ object: { type, id }, needs: needed });
    }
    const evaluated = run.finish(isUnknown ? run.error() : this.#sliceOf(objects, last));
    if (evaluated.kind === "missing") this.#candidates.restore(mark);
    else this.#last = last ?? this.#last;
    return evaluated;
  }

  #sliceOf(objects: readonly ListedObject[], last: string = this.#last): ListObjectsAnswer {
    const isWhole = this.#expansion.isDone && this.#candidates.isEmpty;
    return isWhole ? { kind: "slice", objects } : { kind: "slice", objects, next: last };
  }
}
