import type { SubjectSymbol } from "../core/symbols.ts";
import type { AccessCase, CallCase } from "./call-case.ts";
import type { Closure } from "./closure.ts";
import {
  complement,
  granting,
  intersection,
  member,
  needs,
  notMember,
  unknown,
  type Membership,
} from "./membership.ts";
import { findRelation, type RelationPlan } from "./plan.ts";
import { concerns, type Requirement } from "./requirements.ts";
import { isSuspended } from "./suspension.ts";
import type { Tally } from "./tally.ts";

/** Rule 1 for all that the call names: principal, actors, tool, servers, session, resources. */
export function judgeSuspensions(call: CallCase, tally: Tally): void {
  const { parties, tool, servers, accesses } = call;
  const { principal, actors, session } = parties;
  if (!judgeNamed(call, principal, tally)) return;
  for (const actor of actors) if (!judgeNamed(call, actor, tally)) return;
  if (!judgeNamed(call, tool, tally)) return;
  if (session !== undefined && !judgeNamed(call, session, tally)) return;
  for (const { object } of servers.elements) if (!judgeNamed(call, object, tally)) return;
  if (!servers.isWhole) tally.add(unknown, Infinity);
  for (const access of accesses) if (!judgeResourceUnsuspended(call, access, tally)) return;
}

/** Rule 4: the tool is registered, its requirements and the accesses fit, the principal may do it. */
export function judgeRequirements(call: CallCase, tally: Tally): void {
  const { requirements, accesses } = call;
  if (!judgeRegistration(call, tally)) return;
  for (const access of accesses) if (!judgeRegistered(call, access, tally)) return;
  for (const requirement of requirements.all) {
    if (!judgeMet(call, requirement, tally)) return;
  }
  for (const access of accesses) if (!judgePermissions(call, access, tally)) return;
  judgeOwnPermissions(call, tally);
}

/** The part of rule 4 that needs no access: the tool requires something, or says that it does not. */
export function judgeRegistration(call: CallCase, tally: Tally): boolean {
  const { requirements, parties } = call;
  if (!requirements.isWhole) tally.add(unknown, Infinity);
  if (tally.add(requirements.registered, requirements.untilMs)) return true;
  tally.fail("tool_unregistered", `${parties.format(call.tool)} requires no permission`);
  return false;
}

/** The part of rule 4 that asks the principal's permissions on the tool itself and its servers. */
export function judgeOwnPermissions(call: CallCase, tally: Tally): void {
  for (const requirement of call.requirements.all) {
    if (!judgeOwn(call, requirement, tally)) return;
  }
}

function judgeResourceUnsuspended(
  call: CallCase,
  { resource, within }: AccessCase,
  tally: Tally,
): boolean {
  if (!judgeNamed(call, resource, tally)) return false;
  if (within === undefined) return true;
  for (const { object, value, names } of within.elements) {
    if (!judgeUnsuspended(call, object, value, names, tally)) return false;
  }
  if (!within.isWhole) tally.add(unknown, Infinity);
  return true;
}

const noNames: readonly string[] = [];

function judgeNamed(call: CallCase, object: SubjectSymbol, tally: Tally): boolean {
  return judgeUnsuspended(call, object, member, noNames, tally);
}

/** `involved` says whether the object is involved at all; what is not may be suspended. */
function judgeUnsuspended(
  { parties }: CallCase,
  object: SubjectSymbol,
  involved: Membership,
  names: readonly string[],
  tally: Tally,
): boolean {
  const { run, contract } = parties;
  const value = complement(intersection(involved, isSuspended(run, contract, object)));
  if (value === needs) run.names.push(...names);
  if (tally.add(value, Infinity)) return true;
  tally.fail("suspended", `${parties.format(object)} is suspended`);
  return false;
}

function judgeRegistered(call: CallCase, { access, resource }: AccessCase, tally: Tally): boolean {
  const { parties, requirements } = call;
  let value = requirements.isWhole ? notMember : unknown;
  let untilMs = -Infinity;
  for (const requirement of requirements.all) {
    const { registersUntilMs } = requirement;
    if (registersUntilMs === undefined) continue;
    if (!concerns(requirement, access.resource.type, access.role)) continue;
    value = member;
    untilMs = Math.max(untilMs, registersUntilMs);
  }
  if (tally.add(value, untilMs)) return true;
  const role = access.role === undefined ? "" : ` in role \`${access.role}\``;
  tally.fail(
    "access_unregistered",
    `the tool requires nothing for ${parties.format(resource)}${role}`,
  );
  return false;
}

/** Some access is of the type and role that the requirement is about. */
function judgeMet(call: CallCase, requirement: Requirement, tally: Tally): boolean {
  const { permission } = requirement;
  const relation = permission.required;
  if (relation.optional || permission.isOwn) return true;
  const isMet = call.accesses.some(({ access }) =>
    concerns(requirement, access.resource.type, access.role),
  );
  if (isMet) return true;
  const role = relation.role === undefined ? "" : ` in role \`${relation.role}\``;
  tally.fail("access_missing", `the call has no access to a \`${relation.type}\`${role}`);
  return false;
}

function judgePermissions(call: CallCase, access: AccessCase, tally: Tally): boolean {
  const { type } = access.access.resource;
  for (const requirement of call.requirements.all) {
    if (!concerns(requirement, type, access.access.role)) continue;
    const { relation, required } = requirement.permission;
    const { value, untilMs } = holdsOn(call, access, relation, required.relation);
    if (!judgeRequired(call, requirement, value, untilMs, access.resource, tally)) return false;
  }
  const { permission } = access.access;
  if (permission === undefined) return true;
  const relation = findRelation(call.parties.run.plan, type, permission);
  const { value, untilMs } = holdsOn(call, access, relation, permission);
  if (tally.add(value, untilMs)) return true;
  failPermission(call, permission, access.resource, tally);
  return false;
}

/** Permissions on the tool itself or on its server: no access brings them. */
function judgeOwn(call: CallCase, requirement: Requirement, tally: Tally): boolean {
  const { parties, servers, certainServers, tool } = call;
  const { run } = parties;
  const { relation, isOwn } = requirement.permission;
  if (!isOwn) return true;
  const checker = parties.checker(parties.principal);
  if (relation === undefined) return judgeUnknownRelation(call, requirement, tally);
  if (relation.type === parties.contract.toolType) {
    const value = checker.check(tool, relation, granting);
    return judgeRequired(call, requirement, value, run.untilMs, tool, tally);
  }
  for (const server of servers.elements) {
    if (run.scope.typeOf(server.object) !== relation.type) continue;
    const value = checker.check(server.object, relation, granting);
    if (!judgeRequired(call, requirement, value, run.untilMs, server.object, tally)) return false;
  }
  return judgeServed(call, requirement, relation, certainServers, tally);
}

/** A permission on a server is met by none where there is no server to have it on. */
function judgeServed(
  call: CallCase,
  requirement: Requirement,
  { type }: RelationPlan,
  servers: Closure,
  tally: Tally,
): boolean {
  const { run } = call.parties;
  let value = servers.isWhole ? notMember : unknown;
  let untilMs = -Infinity;
  for (const server of servers.elements) {
    if (run.scope.typeOf(server.object) !== type) continue;
    value = member;
    untilMs = Math.max(untilMs, server.untilMs);
  }
  return judgeRequired(call, requirement, value, untilMs, call.tool, tally);
}

function holdsOn(
  { parties }: CallCase,
  { principal, resource, access }: AccessCase,
  relation: RelationPlan | undefined,
  name: string,
): { readonly value: Membership; readonly untilMs: number } {
  const { run } = parties;
  if (relation === undefined) {
    const problem = `the model has no relation \`${name}\` on type \`${access.resource.type}\``;
    return { value: run.fail("model_mismatch", problem), untilMs: Infinity };
  }
  const value = principal.check(resource, relation, granting);
  return { value, untilMs: run.untilMs };
}

function judgeRequired(
  call: CallCase,
  { permission }: Requirement,
  has: Membership,
  untilMs: number,
  object: SubjectSymbol,
  tally: Tally,
): boolean {
  if (tally.add(has, untilMs)) return true;
  failPermission(call, permission.required.relation, object, tally);
  return false;
}

function failPermission(
  { parties }: CallCase,
  name: string,
  object: SubjectSymbol,
  tally: Tally,
): void {
  tally.fail(
    "principal_lacks_permission",
    `${parties.format(parties.principal)} is not \`${name}\` of ${parties.format(object)}`,
  );
}

function judgeUnknownRelation(
  { parties }: CallCase,
  { permission }: Requirement,
  tally: Tally,
): boolean {
  const { type, relation } = permission.required;
  const problem = `the model has no relation \`${relation}\` on type \`${type}\``;
  return tally.add(parties.run.fail("model_mismatch", problem), Infinity);
}
