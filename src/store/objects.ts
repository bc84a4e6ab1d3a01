import { parseObject, sameObject, type ObjectRef } from "../core/object.ts";
import type { Database, Statement } from "./database.ts";

interface ObjectRow {
  readonly object_type: string;
  readonly object_id: string;
}

/** An object with more tuples than this is skipped past all the same: what follows is asked for by key. */
const rowsMax = 600;

const objectsStatement: Statement = {
  name: "objects_after",
  text: `select object_type, object_id from relation_tuple
    where tenant_id = $1 and deleted_rev is null and (object_type, object_id) > ($2, $3)
    order by object_type, object_id limit $4`,
};

/** The next objects that have live tuples, in canonical order, some hundreds at most; none at the end. */
export async function readObjectsAfter(
  database: Database,
  tenant: string,
  after: ObjectRef | undefined,
): Promise<readonly ObjectRef[]> {
  const values = [tenant, after?.type ?? "", after?.id ?? "", rowsMax];
  const rows = await database.query<ObjectRow>("reads", objectsStatement, values);
  const objects: ObjectRef[] = [];
  for (const row of rows) {
    const object = parseObject(row.object_type, row.object_id, "object");
    const last = objects.at(-1);
    if (last === undefined || !sameObject(last, object)) objects.push(object);
  }
  return objects;
}
