import { delegationType, permissionType, toolType } from "../core/delegation.ts";
import { DomainError } from "../core/error.ts";
import type { JsonObject } from "../core/json.ts";
import { parseName, quote, type Name } from "../core/object.ts";
import { formatTuple, type RelationTuple, type StoredCondition } from "../core/tuple.ts";
import { typeOfSubject } from "../core/subject.ts";
import type { AuthorizationModel, RelationDefinition, Restriction } from "./authorization-model.ts";
import { timeParameter } from "./compile-condition.ts";
import { convertJson } from "./context-value.ts";
import { parsePermission } from "./permission.ts";

const tool = parseName(toolType, "type");
const serverRelation = parseName("server", "relation");

/**
 * What keeps a tuple from being written under the model, if anything: `unknown_type`,
 * `unknown_relation`, `tuple_refused`, or `malformed` for a bad context or permission. Whether a
 * delegation already has a principal is a question to the stored tuples, not to the model.
 */
export function checkTuple(
  model: AuthorizationModel,
  tuple: RelationTuple,
): DomainError | undefined {
  const { object, relation: name, subject, condition } = tuple;
  const relation = model.types.get(object.type)?.relations.get(name);
  if (relation === undefined) return unknownRelation(model, object.type, name, "relation");
  const subjectType = typeOfSubject(subject);
  if (!model.types.has(subjectType)) {
    return new DomainError("unknown_type", `there is no type ${quote(subjectType)}`, {
      field: "subject.type",
    });
  }
  if (subject.kind === "userset") {
    const known = model.types.get(subjectType)?.relations.has(subject.relation);
    if (known !== true)
      return unknownRelation(model, subjectType, subject.relation, "subject.relation");
  }
  if (!relation.restrictions.some((restriction) => takes(restriction, tuple))) {
    return refuse(tuple, `it takes ${formatRestrictions(relation)}`);
  }
  const problem = condition === undefined ? undefined : checkStoredContext(model, condition);
  return problem ?? (model.hasDelegations ? checkContract(model, tuple) : undefined);
}

/**
 * Whether a stored tuple still has a meaning: its relation takes such a subject, under this very
 * condition or none. A tuple that has lost it is ignored, as if it were not there.
 */
export function allowsTuple(model: AuthorizationModel, tuple: RelationTuple): boolean {
  const relation = model.types.get(tuple.object.type)?.relations.get(tuple.relation);
  return relation?.restrictions.some((restriction) => takes(restriction, tuple)) === true;
}

/** `current_time` is the server's: a context that names it is `malformed`, in a tuple as in a request. */
export function checkReservedName(context: JsonObject, field: string): DomainError | undefined {
  if (!Object.hasOwn(context, timeParameter)) return undefined;
  const message = `${field} must not have \`${timeParameter}\`, which is the server's clock`;
  return new DomainError("malformed", message, { field });
}

function takes(restriction: Restriction, { subject, condition }: RelationTuple): boolean {
  if (restriction.form !== subject.kind || restriction.condition !== condition?.name) return false;
  switch (subject.kind) {
    case "object":
      return subject.object.type === restriction.type;
    case "wildcard":
      return subject.type === restriction.type;
    case "userset":
      return subject.object.type === restriction.type && subject.relation === restriction.relation;
  }
}

function checkStoredContext(
  model: AuthorizationModel,
  { name, context }: StoredCondition,
): DomainError | undefined {
  const field = "condition.context";
  const reserved = checkReservedName(context, field);
  if (reserved !== undefined) return reserved;
  const parameters = model.conditions.get(name)?.parameters;
  for (const [parameter, value] of Object.entries(context)) {
    const type = parameters?.get(parameter);
    if (type === undefined) {
      const message = `the condition ${quote(name)} has no parameter ${quote(parameter)}`;
      return new DomainError("malformed", message, { field: `${field}.${parameter}` });
    }
    const converted = convertJson(value, type, parameter);
    if (converted.kind === "wrong_type") {
      return new DomainError("malformed", `${field}: ${converted.detail}`, {
        field: `${field}.${parameter}`,
      });
    }
  }
  return undefined;
}

function checkContract(model: AuthorizationModel, tuple: RelationTuple): DomainError | undefined {
  const { object, relation, subject, expiresAtMs } = tuple;
  if (object.type === delegationType && relation === "parent" && expiresAtMs !== undefined) {
    return refuse(tuple, "a parent does not expire: it goes with the whole delegation");
  }
  if (relation !== "requires" || subject.kind !== "object") return undefined;
  if (subject.object.type !== permissionType || !holdsRequirements(model, object.type)) {
    return undefined;
  }
  return checkPermission(model, subject.object.id);
}

/** Tools, and the servers that they may take requirements from. */
function holdsRequirements(model: AuthorizationModel, type: string): boolean {
  return type === toolType || serverTypes(model).includes(type);
}

function serverTypes(model: AuthorizationModel): readonly string[] {
  const server = model.types.get(tool)?.relations.get(serverRelation);
  return server?.restrictions.map(({ type }) => type) ?? [];
}

function checkPermission(model: AuthorizationModel, id: string): DomainError | undefined {
  try {
    const permission = parsePermission(id, "subject.id");
    if (permission.kind === "none") return undefined;
    const { type, relation, role } = permission;
    if (model.types.get(type)?.relations.has(relation) !== true) {
      return unknownRelation(model, type, relation, "subject.id");
    }
    const needsAccess = type !== toolType && !serverTypes(model).includes(type);
    if (role === undefined || needsAccess) return undefined;
    const message = `a permission on ${quote(type)} needs no access and so takes no role, write ${quote(`${type}/${relation}`)}`;
    return new DomainError("malformed", message, { field: "subject.id" });
  } catch (error) {
    if (error instanceof DomainError) return error;
    throw error;
  }
}

function unknownRelation(
  model: AuthorizationModel,
  type: Name,
  relation: Name,
  field: string,
): DomainError {
  if (!model.types.has(type)) {
    return new DomainError("unknown_type", `there is no type ${quote(type)}`, { field });
  }
  const message = `the type ${quote(type)} has no relation ${quote(relation)}`;
  return new DomainError("unknown_relation", message, { field });
}

function refuse(tuple: RelationTuple, why: string): DomainError {
  const condition = tuple.condition === undefined ? "" : ` with ${tuple.condition.name}`;
  const shown = quote(`${formatTuple(tuple)}${condition}`);
  return new DomainError("tuple_refused", `the model refuses ${shown}: ${why}`);
}

function formatRestrictions({ name, restrictions }: RelationDefinition): string {
  if (restrictions.length === 0) return `no tuples, ${quote(name)} is computed`;
  return quote(`[${restrictions.map(formatRestriction).join(", ")}]`);
}

/** As the language writes it, as in `group#member with weekdays`. */
export function formatRestriction(restriction: {
  readonly type: string;
  readonly form: Restriction["form"];
  readonly relation?: string;
  readonly condition?: string;
}): string {
  const { type, form, relation, condition } = restriction;
  const suffix = form === "wildcard" ? ":*" : form === "userset" ? `#${relation ?? ""}` : "";
  return `${type}${suffix}${condition === undefined ? "" : ` with ${condition}`}`;
}
