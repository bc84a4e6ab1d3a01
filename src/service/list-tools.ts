import type { Permits } from "../core/caller.ts";
import type { Json } from "../core/json.ts";
import { formatObject, type ObjectRef } from "../core/object.ts";
import { formatToken } from "../core/revision.ts";
import type { EngineLimits } from "../engine/limits.ts";
import { listTools, type ListToolsQuery } from "../engine/list-tools.ts";
import type { Replica } from "../replica/replica.ts";
import type { ToolLister, ToolQuery } from "./authorizer.ts";
import { errorOf, pinOf, type Evaluator } from "./evaluator.ts";
import { readPage } from "./lists.ts";
import type { RequestContext } from "./request.ts";
import { wakeOnApplied } from "./wake.ts";

interface Dependencies {
  readonly evaluator: Evaluator;
  readonly replica: Pick<Replica, "onApplied">;
  readonly permits: Permits;
  readonly limits: EngineLimits;
}

/** Changes come in bursts: after one, the set is looked at once they have settled this long. */
const settleMs = 50;
/** Expiry moves no revision: the set is looked at this often in any case. */
const lookMs = 5_000;
const sliceTools = 1_000;

export function createToolLister(dependencies: Dependencies): ToolLister {
  const { evaluator, replica, permits, limits } = dependencies;

  return {
    async listTools(context, query) {
      await permit(context, query);
      const { page, consistency } = query;
      const pages = { request: requestOf(query), page, consistency };
      return readPage(evaluator, context, pages, (view, after, limit) => {
        const evaluated = listTools(view, engineQuery(query, after, limit), limits);
        if (evaluated.kind === "missing") return evaluated;
        const answer = evaluated.value;
        if (answer.kind === "error") return { kind: "decided", value: answer };
        const slice = { kind: "slice" as const, items: answer.tools };
        const { next } = answer;
        return { kind: "decided", value: next === undefined ? slice : { ...slice, next } };
      });
    },

    async *watchTools(context, query) {
      await permit(context, query);
      using wake = wakeOnApplied(replica, context.tenant, context.signal);
      let last: string | undefined;
      for (;;) {
        const { tools, token } = await wholeSet(context, query);
        if (tools !== last) yield { token };
        last = tools;
        if (await wake.next(lookMs)) {
          await wake.next(settleMs);
        }
      }
    },
  };

  async function permit(
    context: RequestContext,
    query: Omit<ToolQuery, "consistency">,
  ): Promise<void> {
    const { caller, tenant } = context;
    await permits(caller, "checker", { tenant, principal: query.principal });
  }

  /** The ids of all tools as one text, to compare. */
  async function wholeSet(
    context: RequestContext,
    query: Omit<ToolQuery, "consistency">,
  ): Promise<{ readonly tools: string; readonly token: string }> {
    const ids: string[] = [];
    for (let after: string | undefined; ;) {
      const key = after;
      const { answer, pin } = await evaluator.run(context, { kind: "default" }, (snapshot) => {
        const evaluated = listTools(snapshot, engineQuery(query, key, sliceTools), limits);
        if (evaluated.kind === "missing") return evaluated;
        return { kind: "decided", value: { answer: evaluated.value, pin: pinOf(snapshot) } };
      });
      if (answer.kind === "error") throw errorOf(answer);
      ids.push(...answer.tools.map(({ id }) => id));
      after = answer.next;
      if (after === undefined) {
        const token = formatToken({ tenant: context.tenant, ...pin });
        return { tools: JSON.stringify(ids), token };
      }
    }
  }
}

function engineQuery(
  query: Omit<ToolQuery, "consistency">,
  after: string | undefined,
  limit: number,
): ListToolsQuery {
  const { principal, actors, partialChain, session, delegationId, context } = query;
  return {
    principal,
    actors,
    partialChain,
    context,
    limit,
    ...(session === undefined ? {} : { session }),
    ...(delegationId === undefined ? {} : { delegationId }),
    ...(after === undefined ? {} : { after }),
  };
}

function requestOf(query: ToolQuery): Json {
  const { principal, actors, partialChain, session, delegationId, context, consistency } = query;
  const text = (object: ObjectRef): string => formatObject(object);
  return {
    list: "tools",
    principal: text(principal),
    actors: actors.map(text),
    partialChain,
    session: session === undefined ? null : text(session),
    delegationId: delegationId ?? null,
    context,
    consistency: { ...consistency },
  };
}
