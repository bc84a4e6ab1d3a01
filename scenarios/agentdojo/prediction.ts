import type { Grant, GrantedResource } from "./consent.ts";
import type { ConcreteAccess, ConcreteCall } from "./mapped-call.ts";

/** What the server must say, found without it. */
export function isAllowed(grants: readonly Grant[], call: ConcreteCall): boolean {
  return grants.some(
    ({ tool, resources, agreed }) =>
      tool === call.tool &&
      call.accesses.every((access) => resources.some((resource) => isOf(resource, access))) &&
      (agreed === undefined ||
        Object.entries(call.stated).every(([name, value]) => agreed.includes(`${name}=${value}`))),
  );
}

function isOf(resource: GrantedResource, access: ConcreteAccess): boolean {
  return resource.type === access.type && (resource.id === undefined || resource.id === access.id);
}
