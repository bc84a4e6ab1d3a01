import type { Head } from "../core/change.ts";
import { DomainError } from "../core/error.ts";
import { quote } from "../core/object.ts";
import { parseRevision, parseTimeline, type Revision } from "../core/revision.ts";
import { asDomainError } from "./database-error.ts";
import type { Database, Session, Statement } from "./database.ts";

export interface Tenant {
  readonly id: string;
  readonly head: Revision;
  readonly horizon: Revision;
  readonly modelId?: string;
  readonly createdAtMs: number;
}

/** Made at the first start; an empty tenant in a request means it. */
const defaultTenant = "default";
/** Kept for the service's own graph. */
const systemTenant = "system";

const tenantPattern = /^[a-z][a-z0-9_-]{0,62}$/;

/** Fails with `tenant_exists`, or with `malformed` where the id is none or is reserved. */
export async function createTenant(database: Database, id: string): Promise<Tenant> {
  if (!tenantPattern.test(id)) {
    throw new DomainError(
      "malformed",
      `a tenant must match [a-z][a-z0-9_-]{0,62}, got ${quote(id)}`,
      { field: "tenant" },
    );
  }
  if (id === systemTenant) {
    throw new DomainError("malformed", `tenant \`${id}\` is reserved`, { field: "tenant" });
  }
  if (!(await insertTenant(database, id))) {
    throw new DomainError("tenant_exists", `tenant \`${id}\` exists already`);
  }
  return await getTenant(database, id);
}

/** Makes the tenants that are always there. */
export async function ensureStandingTenants(database: Database): Promise<void> {
  await insertTenant(database, defaultTenant);
  await insertTenant(database, systemTenant);
}

/** Fails with `tenant_not_found`. */
export async function getTenant(database: Database, id: string): Promise<Tenant> {
  const [found] = await listTenants(database, { only: id, limit: 1 });
  if (found === undefined) throw tenantNotFound(id);
  return found;
}

/** In order of ids, after the id given. */
export async function listTenants(
  database: Database,
  page: { readonly after?: string; readonly only?: string; readonly limit: number },
): Promise<readonly Tenant[]> {
  let query = database.kysely.selectFrom("tenant").selectAll().orderBy("id").limit(page.limit);
  if (page.after !== undefined) query = query.where("id", ">", page.after);
  if (page.only !== undefined) query = query.where("id", "=", page.only);
  try {
    return (await query.execute()).map((row) => ({
      id: row.id,
      head: parseRevision(row.head),
      horizon: parseRevision(row.horizon),
      ...(row.active_model_id === null ? {} : { modelId: row.active_model_id }),
      createdAtMs: row.created_at_ms,
    }));
  } catch (error) {
    throw asDomainError(error);
  }
}

export interface HeadRow {
  readonly timeline: string;
  readonly head: number;
  readonly horizon: number;
  readonly active_model_id: string | null;
}

/** Columns of a `HeadRow`. The sub-select is computed once a statement, not once a row. */
export const headColumns =
  "(select prokura_timeline()) as timeline, t.head, t.horizon, t.active_model_id";

const headStatement: Statement = {
  name: "head",
  text: `select ${headColumns} from tenant t where t.id = $1`,
};

/** Where the tenant stands. Fails with `tenant_not_found`. */
export async function readHead(database: Database, tenant: string): Promise<Head> {
  return headOfRow(tenant, await database.query<HeadRow>("reads", headStatement, [tenant]));
}

/** The same, on the snapshot of the session. */
export async function readHeadIn(session: Session, tenant: string): Promise<Head> {
  return headOfRow(tenant, await session.query<HeadRow>(headStatement, [tenant]));
}

export function headOfRow(tenant: string, [row]: readonly HeadRow[]): Head {
  if (row === undefined) throw tenantNotFound(tenant);
  return {
    timeline: parseTimeline(row.timeline),
    revision: parseRevision(row.head),
    horizon: parseRevision(row.horizon),
    ...(row.active_model_id === null ? {} : { modelId: row.active_model_id }),
  };
}

const insertStatement: Statement = {
  name: "tenant_insert",
  text: `insert into tenant (id, created_at_ms) values ($1, prokura_now_ms())
    on conflict do nothing returning id`,
};

async function insertTenant(database: Database, id: string): Promise<boolean> {
  return (await database.query("writes", insertStatement, [id])).length === 1;
}

function tenantNotFound(id: string): DomainError {
  return new DomainError("tenant_not_found", `there is no tenant ${quote(id)}`, {
    field: "tenant",
  });
}
