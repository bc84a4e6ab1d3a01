import { DomainError } from "../core/error.ts";
import type { Name } from "../core/object.ts";
import type { SubjectSymbol } from "../core/symbols.ts";
import { parsePermission, type Permission, type RequiredRelation } from "../model/permission.ts";
import { closureOf, type Closure, type ClosureElement } from "./closure.ts";
import {
  granting,
  member,
  notMember,
  taking,
  union,
  unknown,
  type Membership,
} from "./membership.ts";
import type { Parties } from "./parties.ts";
import type { Run } from "./run.ts";

/** One permission that a tool or its server requires. */
export interface Requirement {
  readonly relation: RequiredRelation;
  /** Whether it is required, judged as what takes away: in doubt it is. */
  readonly required: ClosureElement;
  /** Whether it registers the tool, judged as what grants: in doubt it does not. */
  readonly registers: ClosureElement | undefined;
}

/** All that a tool requires. */
export interface Requirements {
  readonly all: readonly Requirement[];
  /** Whether the tool is registered at all, and until when that is sure. */
  readonly registered: Membership;
  readonly untilMs: number;
  /** False where there may be more. */
  readonly isWhole: boolean;
}

export function requirementsOf(parties: Parties, tool: SubjectSymbol): Requirements {
  const { run, contract, context } = parties;
  const required = closureOf(run, tool, contract.requires, taking, context);
  const registering = required.isTimeless
    ? required
    : closureOf(run, tool, contract.requires, granting, context);
  const permissions = required.elements.map((element) => readPermission(run, element.object));
  const isWhole = required.isWhole && registering.isWhole && !permissions.includes(undefined);
  const sole = required.elements.length === 1 ? permissions[0] : undefined;
  const all = required.elements.flatMap((element, index) => {
    const relation = permissions[index];
    if (relation === undefined || relation.kind === "none") return [];
    return [{ relation, required: element, registers: find(registering, element.object) }];
  });
  const registrations =
    sole?.kind === "none" && standsOn(parties, tool, required)
      ? registering.elements
      : all.flatMap(({ registers }) => (registers === undefined ? [] : [registers]));
  return {
    all,
    registered: registrations.reduce(
      (result, { value }) => union(result, value),
      isWhole ? notMember : unknown,
    ),
    untilMs: Math.min(Infinity, ...registrations.map(({ untilMs }) => untilMs)),
    isWhole,
  };
}

/** Whether the requirement is about accesses of this type and role. */
export function concerns({ relation }: Requirement, type: Name, role: string | undefined): boolean {
  return relation.type === type && relation.role === role;
}

/** `permission:none` counts as a tuple on the tool itself only, not by way of its server. */
function standsOn({ run, contract }: Parties, tool: SubjectSymbol, required: Closure): boolean {
  const page = run.scope.forward(tool, contract.requires.relation);
  const none = required.elements[0]?.object;
  if (page === undefined || none === undefined) return false;
  const position = page.indexOf(none);
  if (position < 0) return false;
  const condition = page.conditionAt(position);
  const expiresAtMs = page.expiresAtMsAt(position);
  return run.hold(contract.requires, none, condition, expiresAtMs, granting, undefined) === member;
}

function find(closure: Closure, object: SubjectSymbol): ClosureElement | undefined {
  return closure.elements.find((element) => element.object === object);
}

/** `undefined`, with the run's problem set, where the id is no permission. */
function readPermission(run: Run, permission: SubjectSymbol): Permission | undefined {
  const id = run.scope.idOf(permission);
  try {
    return parsePermission(id, "permission");
  } catch (error) {
    if (!(error instanceof DomainError)) throw error;
    run.fail("model_mismatch", `\`${id}\` is required and is no permission`);
    return undefined;
  }
}
