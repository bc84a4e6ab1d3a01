import type { Access } from "../core/decision.ts";
import type { JsonObject } from "../core/json.ts";
import type { SubjectSymbol } from "../core/symbols.ts";
import { Checker } from "./checker.ts";
import { closureOf, type Closure } from "./closure.ts";
import { coverableOf, withinOf, type Coverable } from "./coverage.ts";
import { granting, taking } from "./membership.ts";
import type { Parties } from "./parties.ts";
import { requirementsOf, type Requirements } from "./requirements.ts";

/** A call with all that does not depend on the chain. */
export interface CallCase {
  readonly parties: Parties;
  readonly tool: SubjectSymbol;
  /** Judged as what takes away: in doubt it is a server. */
  readonly servers: Closure;
  /** Judged as what grants: in doubt it is none. */
  readonly certainServers: Closure;
  readonly requirements: Requirements;
  readonly coverableTool: Coverable;
  readonly accesses: readonly AccessCase[];
}

export interface AccessCase {
  readonly access: Access;
  readonly resource: SubjectSymbol;
  /** What it is within, judged as what takes away. */
  readonly within: Closure | undefined;
  readonly coverable: Coverable;
  /** What the principal has on the resource, under the access's context. */
  readonly principal: Checker;
}

export function callCaseOf(
  parties: Parties,
  tool: SubjectSymbol,
  accesses: readonly Access[],
): CallCase {
  const { run, contract, context: callContext } = parties;
  const servers = closureOf(run, tool, contract.server, taking, callContext);
  return {
    parties,
    tool,
    servers,
    certainServers: servers.isTimeless
      ? servers
      : closureOf(run, tool, contract.server, granting, callContext),
    requirements: requirementsOf(parties, tool),
    coverableTool: coverableOf(run, contract, tool, callContext, callContext),
    accesses: accesses.map((access) => {
      const resource = run.scope.object(access.resource);
      const context = merge(callContext, access.context);
      const within = withinOf(run, contract, resource, callContext);
      return {
        access,
        resource,
        within,
        coverable: coverableOf(run, contract, resource, context, callContext, within),
        principal:
          context === callContext
            ? parties.checker(parties.principal)
            : new Checker(run, parties.principal, context),
      };
    }),
  };
}

/** No name is in both: the caller has seen to that. */
function merge(call: JsonObject, access: JsonObject): JsonObject {
  for (const _name in access) return { ...call, ...access };
  return call;
}
