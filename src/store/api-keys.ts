import type { Database, Statement } from "./database.ts";

/** What is kept of an API key. The key itself is not. */
export interface StoredApiKey {
  readonly id: string;
  /** The tenant that it was made for. */
  readonly tenant: string;
  readonly name: string;
  readonly permissions: readonly string[];
  readonly secretHash: string;
  readonly createdBy: string;
  readonly createdAtMs: number;
  readonly expiresAtMs?: number;
}

interface ApiKeyRow {
  readonly id: string;
  readonly good_for: string;
  readonly name: string;
  readonly permissions: string;
  readonly secret_hash: string;
  readonly created_by: string;
  readonly created_at_ms: number;
  readonly expires_at_ms: number | null;
}

const columns =
  "id, good_for, name, permissions, secret_hash, created_by, created_at_ms, expires_at_ms";

const insertStatement: Statement = {
  name: "api_key_insert",
  text: `insert into api_key (tenant_id, ${columns})
    values ('system', $1, $2, $3, $4, $5, $6, $7, $8)`,
};

const findStatement: Statement = {
  name: "api_key_find",
  text: `select ${columns} from api_key where tenant_id = 'system' and id = $1`,
};

const listStatement: Statement = {
  name: "api_key_list",
  text: `select ${columns} from api_key
    where tenant_id = 'system' and good_for = $1 and id > $2 order by id limit $3`,
};

/** Keys that were made with a key of theirs are theirs as well. */
const madeByStatement: Statement = {
  name: "api_key_made_by",
  text: `with recursive made as (
      select ${columns} from api_key where tenant_id = 'system' and created_by = any($1::text[])
      union
      select ${columns.replaceAll(/[a-z_]+/g, "k.$&")} from made m
        join api_key k on k.tenant_id = 'system' and k.created_by = 'key:' || m.id)
    select * from made where id <> all($2::text[]) order by id limit $3`,
};

/** A row is no key yet: it is good once the graph says so. */
export async function insertApiKey(database: Database, key: StoredApiKey): Promise<void> {
  await database.query("writes", insertStatement, [
    key.id,
    key.tenant,
    key.name,
    key.permissions.join(" "),
    key.secretHash,
    key.createdBy,
    key.createdAtMs,
    key.expiresAtMs ?? null,
  ]);
}

export async function findApiKey(
  database: Database,
  id: string,
): Promise<StoredApiKey | undefined> {
  const [row] = await database.query<ApiKeyRow>("reads", findStatement, [id]);
  return row === undefined ? undefined : keyOfRow(row);
}

/** In the order of ids, after the id given. */
export async function listApiKeys(
  database: Database,
  tenant: string,
  page: { readonly after?: string; readonly limit: number },
): Promise<readonly StoredApiKey[]> {
  const values = [tenant, page.after ?? "", page.limit];
  return (await database.query<ApiKeyRow>("reads", listStatement, values)).map(keyOfRow);
}

/** Keys of whatever tenant that callers made, or that were made with such keys; without those given. */
export async function listKeysMadeBy(
  database: Database,
  callerIds: readonly string[],
  page: { readonly without: readonly string[]; readonly limit: number },
): Promise<readonly StoredApiKey[]> {
  const values = [callerIds, page.without, page.limit];
  return (await database.query<ApiKeyRow>("reads", madeByStatement, values)).map(keyOfRow);
}

function keyOfRow(row: ApiKeyRow): StoredApiKey {
  return {
    id: row.id,
    tenant: row.good_for,
    name: row.name,
    permissions: row.permissions === "" ? [] : row.permissions.split(" "),
    secretHash: row.secret_hash,
    createdBy: row.created_by,
    createdAtMs: row.created_at_ms,
    ...(row.expires_at_ms === null ? {} : { expiresAtMs: row.expires_at_ms }),
  };
}
