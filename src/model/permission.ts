import { DomainError } from "../core/error.ts";
import { parseName, quote, type Name } from "../core/object.ts";

/**
 * What a tool requires, as the id of an object of type `permission`: `none`, `<type>/<relation>`,
 * `<type>/<relation>/<role>`, or `<type>/<relation>/<role>?` where a call may lack the role.
 */
export type Permission =
  /** The tool touches no resource and asks nothing of the principal. */
  { readonly kind: "none" } | RequiredRelation;

/** The principal must have `relation` on each access of this type and role. */
export interface RequiredRelation {
  readonly kind: "relation";
  readonly type: Name;
  readonly relation: Name;
  /** Absent: accesses without a role. */
  readonly role?: Name;
  /** True where a call need not have an access in this role; false without a role. */
  readonly optional: boolean;
}

/** Fails with `malformed`. Whether the active model has the relation is another question. */
export function parsePermission(id: string, field: string): Permission {
  if (id === "none") return { kind: "none" };
  const [type, relation, roleText, ...rest] = id.split("/");
  if (type === undefined || relation === undefined || rest.length > 0) {
    throw new DomainError(
      "malformed",
      `${field} must read none, type/relation, type/relation/role or type/relation/role?, got ${quote(id)}`,
      { field },
    );
  }
  const required = {
    kind: "relation",
    type: parseName(type, `${field}.type`),
    relation: parseName(relation, `${field}.relation`),
  } as const;
  if (roleText === undefined) return { ...required, optional: false };
  const optional = roleText.endsWith("?");
  const role = parseName(optional ? roleText.slice(0, -1) : roleText, `${field}.role`);
  return { ...required, role, optional };
}

/** Inverse of `parsePermission`. */
export function formatPermission(permission: Permission): string {
  switch (permission.kind) {
    case "none":
      return "none";
    case "relation": {
      const { type, relation, role, optional } = permission;
      if (role === undefined) return `${type}/${relation}`;
      return `${type}/${relation}/${role}${optional ? "?" : ""}`;
    }
  }
}
