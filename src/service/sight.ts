import type { Delegation } from "../core/delegation.ts";
import { DomainError } from "../core/error.ts";
import { sameObject, type ObjectRef } from "../core/object.ts";
import type { DelegationFilter } from "./delegations.ts";
import type { RequestContext } from "./request.ts";
import { actorOf, holds, shownStanding, type StandingPorts } from "./standing.ts";

/** Which delegations a caller sees. What it does not see is for it as if it were not there. */
export interface Sight {
  shows(delegation: Delegation): boolean;
  /** The filter, narrowed to what can be seen at all. Fails with `caller_not_permitted`. */
  narrowed(filter: DelegationFilter): DelegationFilter;
}

const everything: Sight = { shows: () => true, narrowed: (filter) => filter };

/**
 * A reader sees all; a delegator those of the principal whose token it shows, or those that the agent
 * in the token was given or gave. Fails as `standingOf` does.
 */
export async function sightOf(ports: StandingPorts, context: RequestContext): Promise<Sight> {
  if (await holds(ports.permits, context, "reader")) return everything;
  const standing = await shownStanding(ports, context);
  const actor = actorOf(standing);
  return actor === undefined ? ofPrincipal(standing.principal) : ofActor(actor);
}

function ofPrincipal(principal: ObjectRef): Sight {
  return {
    shows: (delegation) => is(delegation.principal, principal),
    narrowed: (filter) => {
      if (filter.principal === undefined || sameObject(filter.principal, principal)) {
        return { ...filter, principal };
      }
      throw new DomainError(
        "caller_not_permitted",
        "the token that is shown is not the principal's",
        { field: "proof_token" },
      );
    },
  };
}

function ofActor(actor: ObjectRef): Sight {
  return {
    shows: ({ delegate, delegator }) => is(delegate, actor) || is(delegator, actor),
    narrowed: (filter) => {
      const isNarrow = filter.delegate !== undefined || filter.parentId !== undefined;
      return isNarrow ? filter : { ...filter, delegate: actor };
    },
  };
}

function is(object: ObjectRef | undefined, wanted: ObjectRef): boolean {
  return object !== undefined && sameObject(object, wanted);
}
