import type {
  MutationOptions,
  Paged,
  PageRequest,
  RequestContext,
  WriteResult,
} from "./request.ts";

/** Spaces that share nothing, and the processes that serve them. */
export interface Tenants {
  /** `[a-z][a-z0-9_-]{0,62}`, not `system`. `tenant_exists`. */
  create(
    context: RequestContext,
    options: MutationOptions,
  ): Promise<{ readonly tenant: TenantFacts; readonly result: WriteResult }>;
  list(
    context: Omit<RequestContext, "tenant">,
    page: PageRequest,
  ): Promise<Omit<Paged<TenantFacts>, "token">>;
  /** The processes that hold a lease, and how far each has come with the tenant. */
  nodes(
    context: RequestContext,
  ): Promise<{ readonly nodes: readonly NodeFacts[]; readonly token: string }>;
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
  /** Absent where the node does not hold this tenant. */
  readonly acknowledged?: { readonly revision: number; readonly token: string };
  /** Revisions that it has not acknowledged, and for how long the first of them has been there. */
  readonly revisionsBehind: number;
  readonly behindMs: number;
  /** Its lease is of an earlier timeline of the database. */
  readonly outdated: boolean;
}
