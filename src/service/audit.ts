import type { SignedCheckpoint } from "../audit/checkpoint.ts";
import type { LogPart } from "../audit/log-part.ts";
import type { ReadRow } from "../audit/log-row.ts";
import { verifyLog, type Evidence, type LogReport } from "../audit/verify-log.ts";
import type { Permits } from "../core/caller.ts";
import { DomainError } from "../core/error.ts";
import type { Json } from "../core/json.ts";
import { formatObject, type ObjectRef } from "../core/object.ts";
import type { EngineLimits } from "../engine/limits.ts";
import type { FoundRevision } from "../store/log-revisions.ts";
import type { ToolLister, ToolQuery } from "./authorizer.ts";
import type { EvaluatePast } from "./evaluator.ts";
import { findDecision, findDecisions, type DecisionQuery, type LogPage } from "./find-decisions.ts";
import { formatLogPage, parseLogPage } from "./log-page.ts";
import { readLog, type LogStorage } from "./log-reader.ts";
import { pageSizeOf } from "./page-token.ts";
import type { Paged, PageRequest, RequestContext } from "./request.ts";
import { reviewDecision, type GivenContexts, type ReviewedDecision } from "./review-decision.ts";
import type { Storage } from "./storage.ts";

/** What auditors ask. Everything fails with `caller_not_permitted` for whoever is none of the tenant. */
export interface Audit {
  listDecisions(
    context: RequestContext,
    query: DecisionQuery | { readonly decisionId: string },
    page: PageRequest,
  ): Promise<LogPage<ReadRow>>;
  listChanges(
    context: RequestContext,
    query: ChangeQuery,
    page: PageRequest,
  ): Promise<LogPage<FoundRevision>>;
  /** `decision_not_found`, `revision_expired`. */
  review(
    context: RequestContext,
    decisionId: string,
    given: GivenContexts,
  ): Promise<ReviewedDecision>;
  /** `revision_expired`. */
  listPastTools(
    context: RequestContext,
    query: ToolQuery & { readonly page: PageRequest },
  ): Promise<Paged<ObjectRef>>;
  verify(context: RequestContext, evidence: Evidence): Promise<LogReport>;
  export(context: RequestContext): AsyncIterable<LogPart>;
  checkpoints(context: RequestContext): Promise<readonly SignedCheckpoint[]>;
}

/** Which changes are looked for. What is absent matches all. */
export interface ChangeQuery {
  readonly sinceMs?: number;
  /** Not included. */
  readonly untilMs?: number;
  readonly callerId?: string;
  readonly operation?: string;
  readonly object?: ObjectRef;
  readonly newestFirst: boolean;
}

interface Dependencies {
  readonly permits: Permits;
  readonly logs: LogStorage;
  readonly storage: Storage;
  readonly evaluatePast: EvaluatePast;
  readonly limits: EngineLimits;
  /** Lists for auditors: see `asAuditor`. */
  readonly tools: Pick<ToolLister, "listTools">;
  readonly nowMs: () => number;
}

export function createAudit(dependencies: Dependencies): Audit {
  const { permits, logs, storage, tools, nowMs } = dependencies;
  const permit = async ({ caller, tenant }: RequestContext): Promise<void> => {
    await permits(caller, "auditor", { tenant });
    // A tenant that does not exist has no empty log.
    await storage.tenants.head(tenant);
  };
  return {
    async listDecisions(context, query, page) {
      await permit(context);
      if (!("decisionId" in query)) return findDecisions(logs, context, query, page, nowMs());
      const row = await findDecision(logs, context.tenant, query.decisionId);
      return { items: row === undefined ? [] : [row] };
    },
    async listChanges(context, query, page) {
      await permit(context);
      return listChanges(logs, context, query, page);
    },
    async review(context, decisionId, given) {
      await permit(context);
      const row = await findDecision(logs, context.tenant, decisionId);
      if (row !== undefined) return reviewDecision(dependencies, context, row, given);
      throw new DomainError("decision_not_found", "there is no such decision in the log", {
        field: "decision_id",
      });
    },
    async listPastTools(context, query) {
      await permit(context);
      return tools.listTools(context, query);
    },
    async verify(context, evidence) {
      await permit(context);
      return verifyLog(context.tenant, readLog(logs, context.tenant, context.signal), evidence);
    },
    async *export(context) {
      await permit(context);
      yield* readLog(logs, context.tenant, context.signal);
    },
    async checkpoints(context) {
      await permit(context);
      return (await logs.lastCheckpoints(context.tenant)).map(({ signed }) => signed);
    },
  };
}

/** The same question of permission, but for an auditor: what callers that check may not ask of the past. */
export function asAuditor(permits: Permits): Permits {
  return (caller, _permission, { tenant }) => permits(caller, "auditor", { tenant });
}

async function listChanges(
  logs: LogStorage,
  { tenant }: RequestContext,
  query: ChangeQuery,
  page: PageRequest,
): Promise<LogPage<FoundRevision>> {
  const { sinceMs = 0, callerId, operation, object, newestFirst } = query;
  const request: Json = {
    list: "changes",
    sinceMs,
    untilMs: query.untilMs ?? null,
    callerId: callerId ?? null,
    operation: operation ?? null,
    object: object === undefined ? null : formatObject(object),
    newestFirst,
  };
  const start = parseLogPage(page.pageToken, request, 1);
  const untilMs = start?.untilMs ?? query.untilMs ?? Number.MAX_SAFE_INTEGER;
  const size = pageSizeOf(page);
  const items = await logs.findRevisions(tenant, {
    sinceMs,
    untilMs,
    newestFirst,
    limit: size,
    ...(callerId === undefined ? {} : { callerId }),
    ...(operation === undefined ? {} : { operation }),
    ...(object === undefined ? {} : { object }),
    ...(start === undefined ? {} : { after: Number(start.after[0]) }),
  });
  const last = items.at(-1);
  // A page that has many tuples is shorter than it was asked to be: an empty one is the end.
  if (last === undefined) return { items };
  const after = [last.part.facts.revision];
  return { items, nextPageToken: formatLogPage({ untilMs, after }, request) };
}
