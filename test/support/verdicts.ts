import type { Call } from "../../src/core/decision.ts";
import { formatObject } from "../../src/core/object.ts";
import { formatTuple } from "../../src/core/tuple.ts";
import { authorize, type AuthorizeAnswer } from "../../src/engine/authorize.ts";
import { defaultLimits, type EngineLimits } from "../../src/engine/limits.ts";
import type { View } from "../../src/engine/view.ts";
import { decided, viewOf } from "./graphs.ts";
import type { ReferenceVerdict } from "./reference/delegated.ts";
import type { World } from "./reference/world.ts";

/** The engine's view of all tuples of a world. */
export function wholeView(world: World): View {
  return viewOf(world.model, world.tuples, world.now.earliestMs, world.now.latestMs);
}

export function ask(view: View, call: Call, limits: EngineLimits = defaultLimits): AuthorizeAnswer {
  return decided(authorize(view, call, limits));
}

/** Everything of an answer that a program reads: outcome, reason, chain and missing names. */
export function formatAnswer(answer: AuthorizeAnswer | ReferenceVerdict): string {
  switch (answer.kind) {
    case "allowed":
      return ["allowed", ...answer.delegationIds].join(" ");
    case "denied": {
      const { reason, delegationIds, missingNames } = answer;
      const needs = missingNames.length === 0 ? [] : [`needs ${missingNames.join(",")}`];
      return [reason, ...delegationIds, ...needs].join(" ");
    }
    case "error":
    case "undecided":
      return "undecided";
  }
}

/** For people who read a counterexample. */
export function formatCall(call: Call): string {
  const { principal, actors, tool, accesses, session, contextualTuples, ...rest } = call;
  return JSON.stringify({
    principal: formatObject(principal),
    actors: actors.map(formatObject),
    tool: formatObject(tool),
    accesses: accesses.map(({ resource, ...how }) => ({
      resource: formatObject(resource),
      ...how,
    })),
    ...(session === undefined ? {} : { session: formatObject(session) }),
    contextualTuples: contextualTuples.map(formatTuple),
    ...rest,
  });
}
