import type { Permission } from "../core/caller.ts";
import { DomainError } from "../core/error.ts";
import { parseName, parseObject, type Name, type ObjectRef } from "../core/object.ts";

/** The tenant whose graph says who may ask what. Its model is `schema/models/system.fga`. */
export const systemTenant = "system";

export const callerType: Name = parseName("caller", "type");
export const holderRelation: Name = parseName("holder", "relation");

/** Every tenant, and the service itself. */
export const deploymentObject: ObjectRef = parseObject("deployment", "all", "deployment");

const relations = new Map<Permission, Name>();

export function permissionRelation(permission: Permission): Name {
  const known = relations.get(permission) ?? parseName(permission, "permission");
  relations.set(permission, known);
  return known;
}

export function callerObject(callerId: string): ObjectRef {
  try {
    return parseObject(callerType, callerId, "caller");
  } catch (cause) {
    throw new DomainError("unauthenticated", "the caller's name is too long, or is no text", {
      cause,
    });
  }
}

export function keyObject(keyId: string): ObjectRef {
  return parseObject("api_key", keyId, "key_id");
}

export function tenantObject(tenant: string): ObjectRef {
  return parseObject("tenant", tenant, "tenant");
}

/** A tool or server of a tenant; `undefined` where its id is too long for one to be granted. */
export function scopedObject(tenant: string, { type, id }: ObjectRef): ObjectRef | undefined {
  const scoped = `${tenant}/${id}`;
  if (Buffer.byteLength(scoped) > 512 || (type !== "tool" && type !== "mcp_server"))
    return undefined;
  return parseObject(type, scoped, "tool");
}
