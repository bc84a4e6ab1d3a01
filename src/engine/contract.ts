import assert from "node:assert/strict";
import { delegationType, toolType } from "../core/delegation.ts";
import { parseName } from "../core/object.ts";
import type { NameNumber, Symbols } from "../core/symbols.ts";
import type { RelationPlan } from "./plan.ts";

/** The relations that the engine knows by name, of a model with delegations. */
export interface Contract {
  readonly delegation: NameNumber;
  readonly principal: RelationPlan;
  readonly delegator: RelationPlan;
  readonly delegate: RelationPlan;
  readonly parent: RelationPlan;
  readonly delegableTo: RelationPlan;
  readonly session: RelationPlan;
  readonly tool: RelationPlan;
  readonly resource: RelationPlan;
  readonly toolType: NameNumber;
  readonly server: RelationPlan;
  readonly requires: RelationPlan;
  /** Types whose objects may be servers. */
  readonly serverTypes: readonly NameNumber[];
  /** Names of relations that a type may have or not. */
  readonly suspendedName: NameNumber;
  readonly withinName: NameNumber;
  readonly eligibleName: NameNumber;
  readonly principalName: NameNumber;
  readonly actorName: NameNumber;
}

export function bindContract(
  symbols: Symbols,
  byType: readonly (readonly (RelationPlan | undefined)[] | undefined)[],
): Contract {
  const delegation = number(delegationType);
  const tool = number(toolType);
  const server = relation(tool, "server");
  return {
    delegation,
    principal: relation(delegation, "principal"),
    delegator: relation(delegation, "delegator"),
    delegate: relation(delegation, "delegate"),
    parent: relation(delegation, "parent"),
    delegableTo: relation(delegation, "delegable_to"),
    session: relation(delegation, "session"),
    tool: relation(delegation, "tool"),
    resource: relation(delegation, "resource"),
    toolType: tool,
    server,
    requires: relation(tool, "requires"),
    serverTypes: server.restrictions.map(({ type }) => type),
    suspendedName: number("suspended"),
    withinName: number("within"),
    eligibleName: number("eligible"),
    principalName: number("principal"),
    actorName: number("actor"),
  };

  function number(name: string): NameNumber {
    return symbols.internName(parseName(name, "name"));
  }

  function relation(type: NameNumber, name: string): RelationPlan {
    const found = byType[type]?.[number(name)];
    assert(found !== undefined, `the model was not checked: no relation ${name}`);
    return found;
  }
}
