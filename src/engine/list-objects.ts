import assert from "node:assert/strict";
import type { JsonObject } from "../core/json.ts";
import type { Name, ObjectId, ObjectRef } from "../core/object.ts";
import { formatSubject, type Subject } from "../core/subject.ts";
import type { RelationTuple } from "../core/tuple.ts";
import { Checker } from "./checker.ts";
import type { Evaluated } from "./graph.ts";
import type { EngineLimits } from "./limits.ts";
import { takeSlices, type Listing, type Slice } from "./listing.ts";
import { granting, isCertain, notMember } from "./membership.ts";
import { findRelation, type RelationPlan } from "./plan.ts";
import { ReverseExpansion } from "./reverse-expansion.ts";
import { Run, sortNames } from "./run.ts";
import { SortedRuns, type SortedCursor } from "./sorted-runs.ts";
import { unknownRelation } from "./unknown-relation.ts";
import { leftOut, unsure, verifyInOrder } from "./verification.ts";
import { mapAnswer, type EngineError, type View } from "./view.ts";

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

/** As `Slice`. */
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
  const evaluated = takeSlices(listing, view, query.limit, nothingWanted);
  return mapAnswer(evaluated, ({ elements: objects, ...rest }) => ({ ...rest, objects }));
}

const nothingWanted: EngineError = {
  kind: "error",
  code: "not_supported",
  detail: "pages list all that a list of objects reads",
};

/** `listObjects` in slices. */
export class ObjectListing implements Listing<ListedObject> {
  readonly wanted = undefined;
  readonly #query: Omit<ListObjectsQuery, "limit">;
  readonly #limits: EngineLimits;
  readonly #expansion: ReverseExpansion;
  readonly #candidates = new SortedRuns<ObjectId>();
  /** Where the relation is simple: those of the candidates that are not members for certain. */
  readonly #doubtful = new Set<ObjectId>();
  /** Set once all candidates are found. */
  #cursor: SortedCursor<ObjectId> | undefined;
  #last: string;

  constructor(query: Omit<ListObjectsQuery, "limit">, limits: EngineLimits) {
    this.#query = query;
    this.#limits = limits;
    this.#expansion = new ReverseExpansion(query.type, query.relation);
    this.#expansion.start(query.subject);
    this.#last = query.after ?? "";
  }

  get weight(): number {
    return this.#expansion.weight + this.#candidates.size;
  }

  supply(): void {
    // Nothing is wanted.
  }

  slice(view: View, limit: number): Evaluated<Slice<ListedObject> | EngineError> {
    const { type, relation: name, subject, contextualTuples } = this.#query;
    const relation = findRelation(view.plan, type, name);
    if (relation === undefined) {
      return { kind: "decided", value: unknownRelation(view.plan, type, name) };
    }
    const run = new Run(view, this.#limits, contextualTuples);
    if (run.scope.findSubject(subject) === undefined) {
      const detail = `the model has no type or relation for subject \`${formatSubject(subject)}\``;
      return { kind: "decided", value: { kind: "error", code: "unknown_type", detail } };
    }
    return this.#cursor === undefined
      ? this.#search(run, relation)
      : this.#verify(run, this.#cursor, relation, limit);
  }

  #search(run: Run, relation: RelationPlan): Evaluated<Slice<ListedObject> | EngineError> {
    const mark = this.#expansion.mark();
    const { found, doubtful } = this.#expansion.advance(run, this.#limits.sliceStepsMax);
    if (run.scope.hasMissed) this.#expansion.restore(mark);
    if (run.scope.hasMissed || run.problem !== undefined) return run.finish(run.error());
    this.#candidates.add(found);
    if (relation.simple) for (const id of doubtful) this.#doubtful.add(id);
    if (this.#expansion.isDone) {
      this.#expansion.forget();
      this.#cursor = this.#candidates.cursor(this.#query.after);
    }
    return run.finish(this.#sliceOf([]));
  }

  #verify(
    run: Run,
    cursor: SortedCursor<ObjectId>,
    relation: RelationPlan,
    limit: number,
  ): Evaluated<Slice<ListedObject> | EngineError> {
    const { type, context, subject } = this.#query;
    const symbol = run.scope.findSubject(subject);
    assert(symbol !== undefined, "the subject was found when the slice began");
    const checker = new Checker(run, symbol, context);
    const verified = verifyInOrder<ListedObject, ObjectId>(run, cursor, limit, (id) => {
      const object = { type, id };
      if (relation.simple && !this.#doubtful.has(id)) {
        run.spend();
        return { kind: "listed", element: { object, needs: [] } };
      }
      const value = checker.check(run.scope.object(object), relation, granting);
      const needed = sortNames(run.names);
      run.cutNames(0);
      if (!isCertain(value)) return unsure;
      return value === notMember ? leftOut : { kind: "listed", element: { object, needs: needed } };
    });
    return mapAnswer(verified, ({ elements, last = this.#last }) => {
      this.#last = last;
      return this.#sliceOf(elements);
    });
  }

  #sliceOf(elements: readonly ListedObject[]): Slice<ListedObject> {
    const isWhole = this.#cursor?.isEmpty === true;
    return isWhole ? { kind: "slice", elements } : { kind: "slice", elements, next: this.#last };
  }
}
