import type { JsonObject } from "../core/json.ts";
import { formatObject, type Name, type ObjectRef } from "../core/object.ts";
import { formatSubject, type Subject } from "../core/subject.ts";
import type { RelationTuple } from "../core/tuple.ts";
import { Checker } from "./checker.ts";
import type { Evaluated } from "./graph.ts";
import type { EngineLimits } from "./limits.ts";
import { granting, member, needs, notMember } from "./membership.ts";
import { findRelation } from "./plan.ts";
import { Run, sortNames } from "./run.ts";
import type { Trace } from "./trace.ts";
import { unknownRelation } from "./unknown-relation.ts";
import type { EngineError, View } from "./view.ts";

/** Zanzibar's question: has the subject this relation to the object? */
export interface CheckQuery {
  readonly object: ObjectRef;
  readonly relation: Name;
  readonly subject: Subject;
  readonly context: JsonObject;
  /** Count as stored; those that the model does not allow are ignored, as stored ones are. */
  readonly contextualTuples: readonly RelationTuple[];
}

export type CheckAnswer =
  | {
      readonly kind: "member";
      /** As in core's `Allowed`. */
      readonly validUntilMs?: number;
    }
  | { readonly kind: "not_member" }
  /** The answer hangs on these condition parameters. Sorted. */
  | { readonly kind: "needs"; readonly names: readonly string[] }
  | EngineError;

/** Decides at the revision of the view's graph. What meets a limit is an error, never `not_member`. */
export function checkRelation(
  view: View,
  query: CheckQuery,
  limits: EngineLimits,
  trace?: Trace,
): Evaluated<CheckAnswer> {
  const { plan } = view;
  const relation = findRelation(plan, query.object.type, query.relation);
  if (relation === undefined) {
    return { kind: "decided", value: unknownRelation(plan, query.object.type, query.relation) };
  }
  const run = new Run(view, limits, query.contextualTuples, trace);
  const subject = run.scope.findSubject(query.subject);
  if (subject === undefined) {
    return decidedError(
      "unknown_type",
      `the model has no type or relation for subject \`${formatSubject(query.subject)}\``,
    );
  }
  const checker = new Checker(run, subject, query.context);
  const value = checker.check(run.scope.object(query.object), relation, granting);
  return run.finish(answer());

  function answer(): CheckAnswer {
    switch (value) {
      case member:
        return Number.isFinite(run.untilMs)
          ? { kind: "member", validUntilMs: run.untilMs }
          : { kind: "member" };
      case notMember:
        return { kind: "not_member" };
      case needs:
        return { kind: "needs", names: sortNames(run.names) };
      default:
        return run.error();
    }
  }
}

/** The line for people: `document:1#viewer@user:alice`. */
export function formatCheck(query: CheckQuery): string {
  return `${formatObject(query.object)}#${query.relation}@${formatSubject(query.subject)}`;
}

function decidedError(code: EngineError["code"], detail: string): Evaluated<EngineError> {
  return { kind: "decided", value: { kind: "error", code, detail } };
}
