import type { JsonObject } from "../core/json.ts";
import type { Name, ObjectRef } from "../core/object.ts";
import { formatSubject, type Subject } from "../core/subject.ts";
import type { RelationTuple } from "../core/tuple.ts";
import { Checker } from "./checker.ts";
import type { Evaluated } from "./graph.ts";
import type { EngineLimits } from "./limits.ts";
import { granting, isCertain, notMember } from "./membership.ts";
import { findRelation } from "./plan.ts";
import { candidateObjects } from "./reverse-expansion.ts";
import { Run, sortNames } from "./run.ts";
import { takeSlice } from "./slice.ts";
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
  const relation = findRelation(view.plan, query.type, query.relation);
  if (relation === undefined) {
    const detail = `the model has no relation \`${query.relation}\` on type \`${query.type}\``;
    return { kind: "decided", value: { kind: "error", code: "unknown_relation", detail } };
  }
  const run = new Run(view, limits, query.contextualTuples);
  const subject = run.scope.findSubject(query.subject);
  if (subject === undefined) {
    const detail = `the model has no type or relation for subject \`${formatSubject(query.subject)}\``;
    return { kind: "decided", value: { kind: "error", code: "unknown_type", detail } };
  }
  const checker = new Checker(run, subject, query.context);
  const candidates = candidateObjects(run, subject, relation).map((candidate) => ({
    key: run.scope.idOf(candidate),
    candidate,
  }));
  if (run.problem !== undefined) return run.finish(run.error());
  let isUnknown = false;
  const slice = takeSlice(run, candidates, query.after, query.limit, (candidate) => {
    const mark = run.names.length;
    const value = checker.check(candidate, relation, granting);
    const names = sortNames(run.names.slice(mark));
    run.cutNames(mark);
    if (!isCertain(value)) isUnknown = true;
    return value === notMember ? undefined : { object: run.scope.refOf(candidate), needs: names };
  });
  if (isUnknown) return run.finish(run.error());
  const { elements: objects, next } = slice;
  return run.finish({ kind: "slice", objects, ...(next === undefined ? {} : { next }) });
}
