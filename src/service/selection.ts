import type { Now } from "../core/now.ts";
import type { EngineLimits } from "../engine/limits.ts";
import { DelegationSelection, type SelectQuery } from "../engine/select-delegations.ts";
import type { Pin } from "./evaluator.ts";
import { readWhole, type ListPorts } from "./lists.ts";
import type { Consistency, RequestContext } from "./request.ts";

/** The delegations that were chosen, in canonical order, as they stood at one revision. */
export interface Selection {
  readonly pin: Pin;
  readonly now: Now;
  readonly selected: readonly string[];
}

/**
 * All that the query chooses, however many they are: at the head as the call arrives, or later, unless
 * less is asked for.
 */
export async function selectAll(
  ports: ListPorts & { readonly limits: EngineLimits },
  context: RequestContext,
  query: SelectQuery,
  consistency: Consistency = { kind: "fully_consistent" },
): Promise<Selection> {
  const listing = new DelegationSelection(query, ports.limits);
  const { elements, pin, now } = await readWhole(ports, context, { listing, consistency });
  return { pin, now, selected: elements };
}
