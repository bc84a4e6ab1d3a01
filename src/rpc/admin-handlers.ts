import type { MessageInitShape } from "@bufbuild/protobuf";
import { DomainError } from "../core/error.ts";
import { AdminService, type TenantSchema } from "../gen/prokura/v1/admin_pb.ts";
import type { ApiKeys } from "../service/api-keys.ts";
import type { TenantFacts, Tenants } from "../service/tenants.ts";
import { addKeyHandlers } from "./key-handlers.ts";
import { inTenant, type Handlers } from "./call.ts";
import { malformed } from "./field.ts";
import type { RequestLimits } from "./limits.ts";
import {
  optionsFromProto,
  pageFromProto,
  resultToProto,
  tenantFromProto,
  tenantNameFromProto,
} from "./request.ts";
import { durationToProto, timestampToProto } from "./time.ts";

export function adminHandlers(
  { tenants, keys }: { readonly tenants: Tenants; readonly keys: ApiKeys },
  limits: RequestLimits,
): Handlers {
  const { method } = AdminService;
  return (transport) => {
    transport.unary(method.createTenant, async (request, call) => {
      const { tenant, result } = await tenants.create(
        inTenant(call, newTenantFromProto(request.tenant)),
        optionsFromProto(request.options),
      );
      return { created: tenantToProto(tenant), result: resultToProto(result) };
    });
    transport.unary(method.listTenants, async (request, call) => {
      if (request.tenant !== "" && request.tenant !== "system") {
        throw malformed("tenant", "must be empty or `system`, in whose name tenants are kept");
      }
      const page = await tenants.list(inTenant(call, "system"), pageFromProto(request, limits));
      return {
        tenants: page.items.map(tenantToProto),
        nextPageToken: page.nextPageToken ?? "",
      };
    });
    transport.unary(method.listNodes, async (request, call) => {
      const { nodes, token } = await tenants.nodes(inTenant(call, tenantFromProto(request.tenant)));
      return {
        nodes: nodes.map((node) => ({
          name: node.node,
          leaseId: node.leaseId,
          self: node.self,
          subscribed: node.acknowledged !== undefined,
          token: node.acknowledged?.token ?? "",
          outdated: node.outdated,
          revisionsBehind: BigInt(node.revisionsBehind),
          ...(node.revisionsBehind === 0 ? {} : { behindFor: durationToProto(node.behindMs) }),
        })),
        token,
      };
    });
    addKeyHandlers(transport, keys, limits);
  };
}

function newTenantFromProto(tenant: string): string {
  if (tenant === "") throw malformed("tenant", "must be set: it names the new tenant");
  if (tenant === "default" || tenant === "system") {
    throw new DomainError("tenant_exists", `the tenant \`${tenant}\` is always there`, {
      field: "tenant",
    });
  }
  return tenantNameFromProto(tenant);
}

function tenantToProto(tenant: TenantFacts): MessageInitShape<typeof TenantSchema> {
  return {
    name: tenant.tenant,
    createdAt: timestampToProto(tenant.createdAtMs),
    modelId: tenant.modelId ?? "",
  };
}
