import type { Call, Decision, Explanation } from "../core/decision.ts";
import type { DomainError } from "../core/error.ts";
import type { JsonObject } from "../core/json.ts";
import type { Name, ObjectRef } from "../core/object.ts";
import type { Subject } from "../core/subject.ts";
import type { RelationTuple } from "../core/tuple.ts";
import type { UsersetTree } from "../engine/expand.ts";
import type { Consistency, Paged, PageRequest, RequestContext } from "./request.ts";

/** Decides calls. Denying is an answer; not knowing throws. */
export interface Authorizer {
  /**
   * Answers in this tick, without a promise, where the replica can. Throws or rejects with
   * `no_delegations`, `malformed`, `unknown_type`, `unknown_relation`, `budget_exceeded`,
   * `model_mismatch` and what the replica throws.
   */
  check(context: RequestContext, call: Call, options: CheckOptions): Decision | Promise<Decision>;
  /** All at one revision; an item that fails is an error in its place. */
  checkBatch(
    context: RequestContext,
    calls: readonly Call[],
    options: CheckOptions,
  ): BatchDecision | Promise<BatchDecision>;
}

export interface BatchDecision {
  readonly items: readonly (Decision | DomainError)[];
  readonly token: string;
}

export interface CheckOptions {
  readonly consistency: Consistency;
  readonly explain: boolean;
}

/** Zanzibar's questions: relations, not delegated calls. */
export interface RelationReader {
  checkRelation(
    context: RequestContext,
    query: RelationQuery & {
      readonly object: ObjectRef;
      readonly subject: Subject;
      readonly explain: boolean;
    },
  ): RelationAnswer | Promise<RelationAnswer>;
  expand(
    context: RequestContext,
    query: RelationQuery & { readonly object: ObjectRef; readonly depthMax: number },
  ): Promise<{ readonly tree: UsersetTree; readonly token: string }>;
  listObjects(
    context: RequestContext,
    query: RelationQuery & { readonly type: Name; readonly subject: Subject } & ListQuery,
  ): Promise<Paged<ListedObject>>;
  listSubjects(
    context: RequestContext,
    query: RelationQuery & {
      readonly object: ObjectRef;
      readonly subjectType: Name;
      readonly subjectRelation?: Name;
    } & ListQuery,
  ): Promise<Paged<ListedSubject>>;
}

export interface RelationQuery {
  readonly relation: Name;
  readonly context: JsonObject;
  readonly contextualTuples: readonly RelationTuple[];
  readonly consistency: Consistency;
}

export interface ListQuery {
  readonly page: PageRequest;
  /** Report elements that hang on missing context instead of failing with `context_missing`. */
  readonly reportConditional: boolean;
}

export interface RelationAnswer {
  readonly member: boolean;
  readonly token: string;
  readonly explanation?: Explanation;
}

export interface ListedObject {
  readonly object: ObjectRef;
  /** Names of missing parameters on which membership hangs; empty: a member. */
  readonly missingNames: readonly string[];
}

export interface ListedSubject {
  readonly subject: Subject;
  readonly missingNames: readonly string[];
  /** Of a wildcard: who is not in it all the same. */
  readonly excluded: readonly Subject[];
}

/** What an agent may see of the tools. */
export interface ToolLister {
  listTools(
    context: RequestContext,
    query: ToolQuery & { readonly page: PageRequest },
  ): Promise<Paged<ObjectRef>>;
  /** Yields at once, then whenever the set may have changed. Never says what changed. */
  watchTools(
    context: RequestContext,
    query: Omit<ToolQuery, "consistency">,
  ): AsyncIterable<{ readonly token: string }>;
}

export interface ToolQuery {
  readonly principal: ObjectRef;
  readonly actors: readonly ObjectRef[];
  readonly partialChain: boolean;
  readonly delegationId?: string;
  readonly session?: ObjectRef;
  readonly context: JsonObject;
  readonly consistency: Consistency;
}
