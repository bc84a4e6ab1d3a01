import type { Name } from "../core/object.ts";
import type { SubjectSymbol } from "../core/symbols.ts";
import { closureOf, type Closure } from "./closure.ts";
import { granting, member, notMember, taking, unknown, type Membership } from "./membership.ts";
import type { Parties } from "./parties.ts";
import type { RequiredPermission } from "./required-permissions.ts";
import type { Run } from "./run.ts";

/**
 * One permission that a tool or its server requires. The contract lets neither a condition nor an
 * operator that takes away stand there, so that what is listed is required for certain.
 */
export interface Requirement {
  readonly permission: Extract<RequiredPermission, { readonly kind: "relation" }>;
  /** Until when it surely registers the tool; `undefined` where that may be over already. */
  readonly registersUntilMs: number | undefined;
}

/** All that a tool requires. */
export interface Requirements {
  readonly all: readonly Requirement[];
  /** Whether the tool is registered at all, and until when that is sure: by the last that it requires. */
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
  const all: Requirement[] = [];
  let isWhole = required.isWhole && registering.isWhole;
  let none = false;
  for (const element of required.elements) {
    const permission = readPermission(run, element.object);
    switch (permission.kind) {
      case "none":
        none = true;
        break;
      case "relation":
        all.push({ permission, registersUntilMs: untilOf(registering, element.object) });
        break;
      case "malformed":
        isWhole = false;
        break;
    }
  }
  const isNone = none && required.elements.length === 1 && standsOn(parties, tool, required);
  const registrations = isNone
    ? registering.elements.map((element) => element.untilMs)
    : all.map(({ registersUntilMs }) => registersUntilMs);
  let registered = isWhole ? notMember : unknown;
  let untilMs = -Infinity;
  for (const registrationMs of registrations) {
    if (registrationMs === undefined) continue;
    registered = member;
    untilMs = Math.max(untilMs, registrationMs);
  }
  return { all, registered, untilMs, isWhole };
}

/** Whether the requirement is about accesses of this type and role. */
export function concerns(
  { permission }: Requirement,
  type: Name,
  role: string | undefined,
): boolean {
  const { required, isOwn } = permission;
  return !isOwn && required.type === type && required.role === role;
}

/** `permission:none` counts as a tuple on the tool itself only, not by way of its server. */
function standsOn({ run, contract }: Parties, tool: SubjectSymbol, required: Closure): boolean {
  const page = run.scope.forward(tool, contract.requires.relation);
  const none = required.elements[0]?.object;
  if (page === undefined || none === undefined) return false;
  const position = run.scope.positionIn(page, none);
  if (position < 0) return false;
  const condition = page.conditionAt(position);
  const expiresAtMs = page.expiresAtMsAt(position);
  return run.hold(contract.requires, none, condition, expiresAtMs, granting, undefined) === member;
}

function untilOf(closure: Closure, object: SubjectSymbol): number | undefined {
  return closure.elements.find((element) => element.object === object)?.untilMs;
}

/** With the run's problem set where the id is no permission. */
function readPermission(run: Run, permission: SubjectSymbol): RequiredPermission {
  const id = run.scope.idOf(permission);
  const read = run.plan.permissions.read(id);
  if (read.kind === "malformed") {
    run.fail("model_mismatch", `\`${id}\` is required and is no permission`);
  }
  return read;
}
