import type { Permits } from "../core/caller.ts";
import type { Json } from "../core/json.ts";
import { formatObject, type ObjectRef } from "../core/object.ts";
import { formatToken } from "../core/revision.ts";
import type { EngineLimits } from "../engine/limits.ts";
import { ToolListing, type ListToolsQuery } from "../engine/list-tools.ts";
import type { Replica } from "../replica/replica.ts";
import type { ToolLister, ToolQuery } from "./authorizer.ts";
import { readPage, readWhole, type ListPorts } from "./lists.ts";
import { ListingShelf } from "./listing-shelf.ts";
import type { Paged, RequestContext } from "./request.ts";
import { holds } from "./standing.ts";
import { wakeOnApplied } from "./wake.ts";

interface Dependencies extends ListPorts {
  readonly replica: Pick<Replica, "onApplied">;
  readonly permits: Permits;
  readonly limits: EngineLimits;
}

/** Changes come in bursts: after one, the set is looked at once they have settled this long. */
const settleMs = 50;
/** Expiry moves no revision: the set is looked at this often in any case. */
const lookMs = 5_000;

export function createToolLister(dependencies: Dependencies): ToolLister {
  return new EngineToolLister(dependencies);
}

class EngineToolLister implements ToolLister {
  readonly #ports: Dependencies;
  readonly #lists = new ListingShelf<ObjectRef>();

  constructor(dependencies: Dependencies) {
    this.#ports = dependencies;
  }

  async listTools(
    context: RequestContext,
    query: Parameters<ToolLister["listTools"]>[1],
  ): Promise<Paged<ObjectRef>> {
    const isWhole = await this.#permit(context, query);
    const { page, consistency } = query;
    const listed = await readPage(this.#ports, context, {
      request: requestOf(query),
      page,
      consistency,
      shelf: this.#lists,
      open: (after) => new ToolListing(engineQuery(query, after), this.#ports.limits),
      check: () => undefined,
      itemOf: (tool) => tool,
    });
    return isWhole ? listed : { ...listed, items: await this.#checked(context, listed.items) };
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

  /** Whether all tools may be told, or only those that the caller is a checker of. */
  async #permit(context: RequestContext, { principal }: WatchedQuery): Promise<boolean> {
    const { permits } = this.#ports;
    if (await holds(permits, context, "checker", { principal })) return true;
    await permits(context.caller, "tool_lister", { tenant: context.tenant, principal });
    return false;
  }

  /** Those of the tools that the caller may ask about at all, as it may now. */
  async #checked(
    context: RequestContext,
    tools: readonly ObjectRef[],
  ): Promise<readonly ObjectRef[]> {
    const checked: ObjectRef[] = [];
    for (const tool of tools) {
      if (await holds(this.#ports.permits, context, "checker", { tool })) checked.push(tool);
    }
    return checked;
  }

  /** The ids of all tools as one text, to compare. */
  async #wholeSet(
    context: RequestContext,
    query: WatchedQuery,
  ): Promise<{ readonly tools: string; readonly token: string }> {
    const listing = new ToolListing(engineQuery(query, undefined), this.#ports.limits);
    const consistency = { kind: "default" as const };
    const { elements, pin } = await readWhole(this.#ports, context, { listing, consistency });
    const token = formatToken({ tenant: context.tenant, ...pin });
    return { tools: JSON.stringify(elements.map(({ id }) => id)), token };
  }
}

type WatchedQuery = Omit<ToolQuery, "consistency">;

function engineQuery(
  query: Omit<ToolQuery, "consistency">,
  after: string | undefined,
): Omit<ListToolsQuery, "limit"> {
  const { principal, actors, partialChain, session, delegationId, context } = query;
  return {
    principal,
    actors,
    partialChain,
    context,
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
