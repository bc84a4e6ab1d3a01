import { parseRevision, type Revision } from "../core/revision.ts";
import type { Database, Statement } from "./database.ts";

/** A process that holds a lease, and how far it has come with one tenant. */
export interface LeasedNode {
  readonly leaseId: string;
  readonly node: string;
  /** Absent where it does not hold the tenant. */
  readonly acknowledged?: Revision;
  /** Revisions that it has not acknowledged, and for how long the first of them has been there. */
  readonly revisionsBehind: number;
  readonly behindMs: number;
  /** True where the lease is of an earlier timeline: it can no longer be renewed. */
  readonly outdated: boolean;
}

interface NodeRow {
  readonly lease_id: string;
  readonly node: string;
  readonly outdated: boolean;
  readonly acked_rev: number | null;
  readonly behind: number | null;
  readonly behind_ms: number | null;
}

const nodesStatement: Statement = {
  name: "lease_nodes",
  text: `select l.lease_id::text, l.node, l.tl <> (select prokura_timeline()) as outdated, s.acked_rev,
      t.head - s.acked_rev as behind,
      (select prokura_now_ms() - r.committed_at_ms from revision r
        where r.tenant_id = $1 and r.rev > s.acked_rev order by r.rev limit 1) as behind_ms
    from lease l left join lease_tenant s on s.lease_id = l.lease_id and s.tenant_id = $1
      left join tenant t on t.id = $1
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
    // It may have acknowledged what came after the statement's snapshot of the head.
    revisionsBehind: Math.max(0, row.behind ?? 0),
    behindMs: Math.max(0, row.behind_ms ?? 0),
    ...(row.acked_rev === null ? {} : { acknowledged: parseRevision(row.acked_rev) }),
  }));
}
