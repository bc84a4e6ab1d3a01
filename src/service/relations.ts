import type { Permits } from "../core/caller.ts";
import { DomainError } from "../core/error.ts";
import type { Json } from "../core/json.ts";
import { formatObject } from "../core/object.ts";
import { formatSubject } from "../core/subject.ts";
import { formatTuple } from "../core/tuple.ts";
import { checkRelation, type CheckAnswer, type CheckQuery } from "../engine/check.ts";
import { expand } from "../engine/expand.ts";
import { explainCheck } from "../engine/explain.ts";
import type { Evaluated } from "../engine/graph.ts";
import type { EngineLimits } from "../engine/limits.ts";
import { ObjectListing, type ListedObject } from "../engine/list-objects.ts";
import { SubjectListing, type ListedSubject } from "../engine/list-subjects.ts";
import type { View } from "../engine/view.ts";
import type { Explanation } from "../core/decision.ts";
import type { RelationAnswer, RelationQuery, RelationReader } from "./authorizer.ts";
import { requireContextual } from "./contextual.ts";
import { errorOf, type Evaluator } from "./evaluator.ts";
import { readPage, type ListPorts } from "./lists.ts";
import { ListingShelf } from "./listing-shelf.ts";
import type { RequestContext } from "./request.ts";
import { tokenFormatter, type FormatToken } from "./token-formatter.ts";

interface Dependencies extends ListPorts {
  readonly permits: Permits;
  readonly limits: EngineLimits;
}

/** Zanzibar's questions, on the same evaluator as delegated checks. */
export function createRelationReader(dependencies: Dependencies): RelationReader {
  return new EngineRelationReader(dependencies);
}

class EngineRelationReader implements RelationReader {
  readonly #evaluator: Evaluator;
  readonly #permits: Permits;
  readonly #limits: EngineLimits;
  readonly #tokenOf: FormatToken = tokenFormatter();
  readonly #ports: ListPorts;
  readonly #objectLists = new ListingShelf<ListedObject>();
  readonly #subjectLists = new ListingShelf<ListedSubject>();

  constructor({ evaluator, storage, permits, limits }: Dependencies) {
    this.#evaluator = evaluator;
    this.#permits = permits;
    this.#limits = limits;
    this.#ports = { evaluator, storage };
  }

  checkRelation(
    context: RequestContext,
    query: Parameters<RelationReader["checkRelation"]>[1],
  ): RelationAnswer | Promise<RelationAnswer> {
    const permitted = this.#permit(context, query);
    return permitted === undefined
      ? this.#checkRelation(context, query)
      : permitted.then(() => this.#checkRelation(context, query));
  }

  #checkRelation(
    context: RequestContext,
    query: Parameters<RelationReader["checkRelation"]>[1],
  ): RelationAnswer | Promise<RelationAnswer> {
    return this.#evaluator.run(context, query.consistency, (snapshot) => {
      requireContextual(snapshot.plan.model, query.contextualTuples);
      const evaluated = this.#judge(snapshot, query, query.explain);
      if (evaluated.kind === "missing") return evaluated;
      const { answer, explanation } = evaluated.value;
      const base = { member: memberOf(answer), token: this.#tokenOf(snapshot) };
      return {
        kind: "decided",
        value: explanation === undefined ? base : { ...base, explanation },
      };
    });
  }

  async expand(
    context: RequestContext,
    query: Parameters<RelationReader["expand"]>[1],
  ): ReturnType<RelationReader["expand"]> {
    await this.#permit(context, query);
    const { answer, token } = await this.#evaluator.run(context, query.consistency, (snapshot) => {
      requireContextual(snapshot.plan.model, query.contextualTuples);
      const evaluated = expand(snapshot, { ...query, depth: query.depthMax }, this.#limits);
      if (evaluated.kind === "missing") return evaluated;
      return {
        kind: "decided",
        value: { answer: evaluated.value, token: this.#tokenOf(snapshot) },
      };
    });
    if (answer.kind === "error") throw errorOf(answer);
    return { tree: answer.tree, token };
  }

  async listObjects(
    context: RequestContext,
    query: Parameters<RelationReader["listObjects"]>[1],
  ): ReturnType<RelationReader["listObjects"]> {
    await this.#permit(context, query);
    const { page, consistency, reportConditional } = query;
    const { type, subject } = query;
    const request = {
      list: "objects",
      type,
      subject: formatSubject(subject),
      ...requestOf(query, reportConditional),
    };
    return readPage(this.#ports, context, {
      request,
      page,
      consistency,
      shelf: this.#objectLists,
      open: (after) => new ObjectListing({ ...query, ...afterOf(after) }, this.#limits),
      check: (view) => requireContextual(view.plan.model, query.contextualTuples),
      itemOf: ({ object, needs }) => ({
        object,
        missingNames: requireKnown(needs, reportConditional),
      }),
    });
  }

  async listSubjects(
    context: RequestContext,
    query: Parameters<RelationReader["listSubjects"]>[1],
  ): ReturnType<RelationReader["listSubjects"]> {
    await this.#permit(context, query);
    const { page, consistency, reportConditional } = query;
    const { object, subjectType, subjectRelation } = query;
    const request = {
      list: "subjects",
      object: formatObject(object),
      subject: `${subjectType}#${subjectRelation ?? ""}`,
      ...requestOf(query, reportConditional),
    };
    return readPage(this.#ports, context, {
      request,
      page,
      consistency,
      shelf: this.#subjectLists,
      open: (after) => new SubjectListing({ ...query, ...afterOf(after) }, this.#limits),
      check: (view) => requireContextual(view.plan.model, query.contextualTuples),
      itemOf: ({ subject, needs, excluded }) => ({
        subject,
        missingNames: requireKnown(needs, reportConditional),
        excluded: excluded.map((one) => ({ kind: "object" as const, object: one })),
      }),
    });
  }

  /** `undefined`: permitted, with no promise made. */
  #permit({ caller, tenant }: RequestContext, query: RelationQuery): undefined | Promise<void> {
    const scope = { tenant };
    const checks = this.#permits(caller, "checker", scope);
    if (query.contextualTuples.length === 0) return checks instanceof Promise ? checks : undefined;
    if (checks instanceof Promise) {
      return checks.then(() => this.#permits(caller, "context_provider", scope));
    }
    const provides = this.#permits(caller, "context_provider", scope);
    return provides instanceof Promise ? provides : undefined;
  }

  #judge(
    view: View,
    query: CheckQuery,
    explain: boolean,
  ): Evaluated<{ readonly answer: CheckAnswer; readonly explanation?: Explanation }> {
    if (explain) return explainCheck(view, query, this.#limits);
    const evaluated = checkRelation(view, query, this.#limits);
    if (evaluated.kind === "missing") return evaluated;
    return { kind: "decided", value: { answer: evaluated.value } };
  }
}

function memberOf(answer: CheckAnswer): boolean {
  switch (answer.kind) {
    case "member":
      return true;
    case "not_member":
      return false;
    case "needs":
      throw missing(answer.names);
    case "error":
      throw errorOf(answer);
  }
}

/** Not a page of a list that is silently short: what hangs on context fails it, or is reported. */
function requireKnown(names: readonly string[], reportConditional: boolean): readonly string[] {
  if (names.length > 0 && !reportConditional) throw missing(names);
  return names;
}

function missing(names: readonly string[]): DomainError {
  return new DomainError(
    "context_missing",
    `the answer hangs on missing context: ${names.map((name) => `\`${name}\``).join(", ")}`,
    { names, field: "context" },
  );
}

function requestOf(query: RelationQuery, reportConditional: boolean): Record<string, Json> {
  const { relation, context, contextualTuples, consistency } = query;
  return {
    relation,
    context,
    contextual: contextualTuples.map((tuple) => [
      formatTuple(tuple),
      tuple.condition === undefined ? null : { ...tuple.condition },
      tuple.expiresAtMs ?? null,
    ]),
    consistency: { ...consistency },
    reportConditional,
  };
}

function afterOf(after: string | undefined): { readonly after?: string } {
  return after === undefined ? {} : { after };
}
