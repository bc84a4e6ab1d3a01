import { parseRevision, type Revision } from "../core/revision.ts";
import type { Database, Statement } from "./database.ts";

/** A process that holds a lease, and how far it has come with one tenant. */
export interface LeasedNode {
  readonly leaseId: string;
  readonly node: string;
  /** Absent where it does not hold the tenant. */
  readonly acknowledged?: Revision;
  /** True where the lease is of an earlier timeline: it can no longer be renewed. */
  readonly outdated: boolean;
}

interface NodeRow {
  readonly lease_id: string;
  readonly node: string;
  readonly outdated: boolean;
  readonly acked_rev: number | null;
}

const nodesStatement: Statement = {
  name: "lease_nodes",
  text: `select l.lease_id::text, l.node, l.tl <> (select prokura_timeline()) as outdated, s.acked_rev
    from lease l left join lease_tenant s on s.lease_id = l.lease_id and s.tenant_id = $1
    order by l.node, l.lease_id`,
};

export async function listNodes(
  database: Database,
  tenant: string,
): Promise<readonly LeasedNode[]> {
  const rows = await database.query<NodeRow>("reads", nodesStatement, [tenant]);
  return rows.map((row) => ({
    leaseId: row.lease_id,
    node: row.node,
    outdated: row.outdated,
    ...(row.acked_rev === null ? {} : { acknowledged: parseRevision(row.acked_rev) }),
  }));
}
