import type { Paged, PageRequest, RequestContext } from "./request.ts";

/** Spaces that share nothing, and the processes that serve them. */
export interface Tenants {
  /** `[a-z][a-z0-9_-]{0,62}`, not `system`. `tenant_exists`. */
  create(context: Omit<RequestContext, "tenant">, tenant: string): Promise<TenantFacts>;
  list(context: Omit<RequestContext, "tenant">, page: PageRequest): Promise<Paged<TenantFacts>>;
  nodes(context: Omit<RequestContext, "tenant">): Promise<readonly NodeFacts[]>;
}

export interface TenantFacts {
  readonly tenant: string;
  readonly revision: number;
  readonly modelId?: string;
  readonly createdAtMs: number;
}

export interface NodeFacts {
  readonly leaseId: string;
  readonly node: string;
  /** This very process. */
  readonly self: boolean;
  readonly tenants: readonly { readonly tenant: string; readonly acknowledgedRevision: number; readonly headRevision: number }[];
}
