import type { Permits } from "../core/caller.ts";
import { formatToken, parseRevision } from "../core/revision.ts";
import { pageSizeOf } from "./page-token.ts";
import type { Storage } from "./storage.ts";
import type { NodeFacts, TenantFacts, Tenants } from "./tenants.ts";

interface Dependencies {
  readonly storage: Storage;
  readonly permits: Permits;
  /** The lease under which this node serves; absent while it has none. */
  readonly ownLeaseId: () => string | undefined;
}

export function createTenants(dependencies: Dependencies): Tenants {
  const { storage, permits, ownLeaseId } = dependencies;

  return {
    async create(context, options) {
      await permits(context.caller, "admin", { tenant: "system" });
      const { tenant, caller } = context;
      const head = await storage.tenants.create(tenant, caller.id, options.reason);
      const { timeline, revision } = head;
      // No node can hold what did not exist: there is nobody to wait for.
      return {
        tenant: { tenant, revision, createdAtMs: head.createdAtMs },
        result: {
          token: formatToken({ tenant, timeline, revision }),
          timeline,
          revision,
          enforced: true,
          nodesAcknowledged: 0,
          waitedMs: 0,
        },
      };
    },

    async list(context, page) {
      await permits(context.caller, "admin", { tenant: "system" });
      const size = pageSizeOf(page);
      const after = page.pageToken === "" ? {} : { after: page.pageToken };
      const kept = await storage.tenants.list({ ...after, limit: size + 1 });
      const items = kept.slice(0, size).map(({ tenant, head, createdAtMs }): TenantFacts => {
        const facts = { tenant, revision: head.revision, createdAtMs };
        return head.modelId === undefined ? facts : { ...facts, modelId: head.modelId };
      });
      const last = items.at(-1);
      if (kept.length <= size || last === undefined) return { items };
      return { items, nextPageToken: last.tenant };
    },

    async nodes(context) {
      const { tenant } = context;
      await permits(context.caller, "operator", { tenant });
      const { timeline, revision } = await storage.tenants.head(tenant);
      const self = ownLeaseId();
      const nodes = (await storage.tenants.leases(tenant)).map(
        ({ acknowledged, ...leased }): NodeFacts => {
          const facts = { ...leased, self: leased.leaseId === self };
          if (acknowledged === undefined) return facts;
          const token = formatToken({ tenant, timeline, revision: parseRevision(acknowledged) });
          return { ...facts, acknowledged: { revision: acknowledged, token } };
        },
      );
      return { nodes, token: formatToken({ tenant, timeline, revision }) };
    },
  };
}
