import { DomainError } from "../core/error.ts";
import { quote } from "../core/object.ts";
import { asDomainError } from "./database-error.ts";
import type { Database, Statement } from "./database.ts";
import type { AuthorizationModelTable } from "./schema.ts";

/** An authorization model as it is kept: never changed, active or not. */
export interface StoredModel {
  readonly id: string;
  /** What the user wrote, in a form that the service chooses. */
  readonly sources: string;
  /** What the compiler made of it, in a form that the service chooses. */
  readonly parsed: string;
  readonly createdBy: string;
  readonly createdAtMs: number;
}

const insertStatement: Statement = {
  name: "model_insert",
  text: `insert into authorization_model (tenant_id, id, sources, parsed, created_by, created_at_ms)
    select t.id, $2, $3, $4, $5, $6 from tenant t where t.id = $1 returning id`,
};

/** Stores a model without activating it: that takes a mutation. Fails with `tenant_not_found`. */
export async function storeModel(
  database: Database,
  tenant: string,
  model: StoredModel,
): Promise<void> {
  const values = [
    tenant,
    model.id,
    model.sources,
    model.parsed,
    model.createdBy,
    model.createdAtMs,
  ];
  const rows = await database.query<{ readonly id: string }>("writes", insertStatement, values);
  if (rows.length === 0) {
    throw new DomainError("tenant_not_found", `there is no tenant ${quote(tenant)}`, {
      field: "tenant",
    });
  }
}

/** Fails with `model_not_found`. */
export async function readModel(
  database: Database,
  tenant: string,
  id: string,
): Promise<StoredModel> {
  try {
    const row = await database.kysely
      .selectFrom("authorization_model")
      .selectAll()
      .where("tenant_id", "=", tenant)
      .where("id", "=", id)
      .executeTakeFirst();
    if (row === undefined) {
      throw new DomainError("model_not_found", `there is no model ${quote(id)}`);
    }
    return modelOfRow(row);
  } catch (error) {
    throw asDomainError(error);
  }
}

/** The newest first, behind the one given. */
export async function listModels(
  database: Database,
  tenant: string,
  page: { readonly after?: Pick<StoredModel, "id" | "createdAtMs">; readonly limit: number },
): Promise<readonly StoredModel[]> {
  const { after } = page;
  let query = database.kysely
    .selectFrom("authorization_model")
    .selectAll()
    .where("tenant_id", "=", tenant)
    .orderBy("created_at_ms", "desc")
    .orderBy("id", "desc")
    .limit(page.limit);
  if (after !== undefined) {
    query = query.where((where) =>
      where(where.refTuple("created_at_ms", "id"), "<", where.tuple(after.createdAtMs, after.id)),
    );
  }
  try {
    return (await query.execute()).map(modelOfRow);
  } catch (error) {
    throw asDomainError(error);
  }
}

function modelOfRow(row: AuthorizationModelTable): StoredModel {
  return {
    id: row.id,
    sources: row.sources,
    parsed: row.parsed,
    createdBy: row.created_by,
    createdAtMs: row.created_at_ms,
  };
}
