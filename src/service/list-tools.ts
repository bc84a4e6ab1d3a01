import type { Permits } from "../core/caller.ts";
import { toolType } from "../core/delegation.ts";
import type { Json } from "../core/json.ts";
import { DomainError } from "../core/error.ts";
import { formatObject, parseName, type ObjectRef } from "../core/object.ts";
import { formatToken, type Revision } from "../core/revision.ts";
import type { RelationTuple } from "../core/tuple.ts";
import type { EngineLimits } from "../engine/limits.ts";
import { listTools, type ListToolsQuery } from "../engine/list-tools.ts";
import type { Replica } from "../replica/replica.ts";
import type { ToolLister, ToolQuery } from "./authorizer.ts";
import { errorOf, type Evaluator } from "./evaluator.ts";
import { readPage } from "./lists.ts";
import { parsePageToken } from "./page-token.ts";
import type { Paged, RequestContext } from "./request.ts";
import type { Storage } from "./storage.ts";
import { pinNow, pinOfPage } from "./tuple-reader.ts";
import { wakeOnApplied } from "./wake.ts";

interface Dependencies {
  readonly evaluator: Evaluator;
  readonly storage: Storage;
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
  return new EngineToolLister(dependencies);
}

class EngineToolLister implements ToolLister {
  readonly #ports: Dependencies;

  constructor(dependencies: Dependencies) {
    this.#ports = dependencies;
  }

  async listTools(
    context: RequestContext,
    query: Parameters<ToolLister["listTools"]>[1],
  ): Promise<Paged<ObjectRef>> {
    await this.#permit(context, query);
    const { page, consistency } = query;
    const pages = { request: requestOf(query), page, consistency };
    try {
      return await this.#readTools(context, query, pages, undefined);
    } catch (error) {
      if (!rangesOverAll(error)) throw error;
      const start = parsePageToken(page, pages.request);
      const pin = await pinOfPage(this.#ports, context, consistency, start);
      const registered = await readRegistered(this.#ports.storage, context.tenant, pin.revision);
      return this.#readTools(context, query, { ...pages, pin }, registered);
    }
  }

  async *watchTools(
    context: RequestContext,
    query: WatchedQuery,
  ): AsyncGenerator<{ readonly token: string }, void, undefined> {
    using wake = wakeOnApplied(this.#ports.replica, context.tenant, context.signal);
    let last: string | undefined;
    for (;;) {
      await this.#permit(context, query);
      const { tools, token } = await this.#wholeSet(context, query);
      if (tools !== last) yield { token };
      last = tools;
      if (await wake.next(lookMs)) await wake.next(settleMs);
    }
  }

  async #permit(context: RequestContext, query: WatchedQuery): Promise<void> {
    const { caller, tenant } = context;
    await this.#ports.permits(caller, "checker", { tenant, principal: query.principal });
  }

  #readTools(
    context: RequestContext,
    query: ToolQuery,
    pages: Parameters<typeof readPage>[2],
    registered: readonly ObjectRef[] | undefined,
  ): Promise<Paged<ObjectRef>> {
    const { evaluator, limits } = this.#ports;
    return readPage(evaluator, context, pages, (view, after, limit) => {
      const asked = engineQuery(query, registered, after, limit);
      const evaluated = listTools(view, asked, limits);
      if (evaluated.kind === "missing") return evaluated;
      const answer = evaluated.value;
      if (answer.kind === "error") return { kind: "decided", value: answer };
      const slice = { kind: "slice" as const, items: answer.tools };
      const { next } = answer;
      return { kind: "decided", value: next === undefined ? slice : { ...slice, next } };
    });
  }

  /** The ids of all tools as one text, to compare. */
  async #wholeSet(
    context: RequestContext,
    query: WatchedQuery,
  ): Promise<{ readonly tools: string; readonly token: string }> {
    const { evaluator, storage, limits } = this.#ports;
    const consistency = { kind: "default" as const };
    const pin = await pinNow(this.#ports, context, consistency);
    const registered = await readRegistered(storage, context.tenant, pin.revision);
    const ids: string[] = [];
    let after: string | undefined;
    do {
      const asked = engineQuery(query, registered, after, sliceTools);
      const answer = await evaluator.runPinned(context, consistency, pin, (snapshot) =>
        listTools(snapshot, asked, limits),
      );
      if (answer.kind === "error") throw errorOf(answer);
      ids.push(...answer.tools.map(({ id }) => id));
      after = answer.next;
    } while (after !== undefined);
    const token = formatToken({ tenant: context.tenant, ...pin });
    return { tools: JSON.stringify(ids), token };
  }
}

type WatchedQuery = Omit<ToolQuery, "consistency">;

const chunkTuples = 5_000;

/** Every tool that may be registered at the revision: it requires something, or its server may. */
async function readRegistered(
  storage: Storage,
  tenant: string,
  revision: Revision,
): Promise<readonly ObjectRef[]> {
  const tools = new Map<string, ObjectRef>();
  for (const relation of ["requires", "server"]) {
    const filter = {
      objectType: parseName(toolType, "type"),
      relation: parseName(relation, "relation"),
    };
    let after: RelationTuple | undefined;
    do {
      const query = { filter, revision, limit: chunkTuples };
      const tuples: readonly RelationTuple[] = await storage.tuples.read(
        tenant,
        after === undefined ? query : { ...query, after },
      );
      for (const { object } of tuples) tools.set(object.id, object);
      after = tuples.length < chunkTuples ? undefined : tuples.at(-1);
    } while (after !== undefined);
  }
  return [...tools.values()];
}

/** A delegation of every tool ranges over all that are registered, which no page of the graph lists. */
function rangesOverAll(error: unknown): boolean {
  return error instanceof DomainError && error.code === "not_supported";
}

function engineQuery(
  query: Omit<ToolQuery, "consistency">,
  registered: readonly ObjectRef[] | undefined,
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
    ...(registered === undefined ? {} : { registered }),
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
