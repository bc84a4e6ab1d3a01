import { delegationType } from "../core/delegation.ts";
import type { RelationTuple } from "../core/tuple.ts";
import type { Database, Statement } from "./database.ts";
import type { TupleRow } from "./schema.ts";
import { tupleColumns, tupleOfRow } from "./tuple-row.ts";

const columns = tupleColumns.map((name) => `t.${name}`).join(", ");

/** Ids that were retired before the horizon were looked at while they were younger. */
const orphansStatement: Statement = {
  name: "orphans_find",
  text: `select ${columns} from (
      select r.id from retired_delegation r where r.tenant_id = $1
        and r.rev > (select horizon from tenant where id = $1)
        and exists (select 1 from relation_tuple o where o.tenant_id = $1
          and o.object_type = '${delegationType}' and o.object_id = r.id and o.deleted_rev is null)
      union
      select c.object_id from retired_delegation r join relation_tuple c on c.tenant_id = $1
        and c.subject_type = '${delegationType}' and c.subject_id = r.id and c.subject_relation = ''
        and c.object_type = '${delegationType}' and c.relation = 'parent' and c.deleted_rev is null
      where r.tenant_id = $1 and r.rev > (select horizon from tenant where id = $1)
    ) d cross join lateral (select * from relation_tuple o where o.tenant_id = $1
      and o.object_type = '${delegationType}' and o.object_id = d.id and o.deleted_rev is null) t
    limit $2`,
};

/**
 * Live tuples that mean nothing any more: of delegations that are retired, and of those whose parent
 * is. Deleting them retires the latter in turn, so that asking until nothing is found ends subtrees.
 */
export async function findOrphans(
  database: Database,
  tenant: string,
  limit: number,
): Promise<readonly RelationTuple[]> {
  const rows = await database.query<TupleRow>("reads", orphansStatement, [tenant, limit]);
  return rows.map(tupleOfRow);
}
