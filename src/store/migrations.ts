import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Client } from "pg";
import { DomainError } from "../core/error.ts";

/** One step of the SQL schema: a file of `schema/sql`, never changed once it is released. */
export interface Migration {
  readonly number: number;
  readonly name: string;
  readonly sql: string;
  readonly checksum: string;
}

const folder = fileURLToPath(new URL("../../schema/sql/", import.meta.url));
const versionMin = 15;
/** An arbitrary number of ours: one process migrates, the others wait for it. */
const lockKey = "7765746232";

/** Reads the migrations in order. Their numbers run from 1 without a gap. */
export async function readMigrations(): Promise<readonly Migration[]> {
  const names = (await readdir(folder)).filter((name) => name.endsWith(".sql")).toSorted();
  return Promise.all(
    names.map(async (name, index) => {
      const sql = await readFile(join(folder, name), "utf8");
      const number = Number(/^([0-9]{4})_[a-z0-9_]+\.sql$/.exec(name)?.[1]);
      if (number !== index + 1) {
        throw new DomainError("not_supported", `\`schema/sql/${name}\` is not number ${index + 1}`);
      }
      return { number, name, sql, checksum: createHash("sha256").update(sql).digest("hex") };
    }),
  );
}

/**
 * Brings the database's schema to that of this version, each step in a transaction of its own, and
 * returns how many steps it took. Fails with `not_supported` where the database is newer than this
 * version, a step was applied that read differently, or the server is none that can be used.
 */
export async function migrate(
  connectionString: string,
  migrations: readonly Migration[],
): Promise<number> {
  const client = new Client({ connectionString, application_name: "prokura migrations" });
  client.on("error", () => undefined);
  try {
    await client.connect();
  } catch (cause) {
    throw new DomainError("not_serving", "the database does not answer", { cause });
  }
  try {
    await checkServer(client);
    let steps = 0;
    while (await applyNext(client, migrations)) steps += 1;
    return steps;
  } finally {
    await client.end();
  }
}

async function checkServer(client: Client): Promise<void> {
  const { rows } = await client.query<{ version: number; encoding: string; standby: boolean }>(
    `select current_setting('server_version_num')::integer as version,
      current_setting('server_encoding') as encoding, pg_is_in_recovery() as standby`,
  );
  for (const { version, encoding, standby } of rows) {
    if (version < versionMin * 10_000) {
      throw new DomainError(
        "not_supported",
        `the database is PostgreSQL ${Math.floor(version / 10_000)}, this version needs ${versionMin} or newer`,
      );
    }
    if (encoding !== "UTF8") {
      throw new DomainError("not_supported", `the database must be in UTF8, it is in ${encoding}`);
    }
    if (standby) throw new DomainError("not_serving", "the database is a standby");
  }
}

async function applyNext(client: Client, migrations: readonly Migration[]): Promise<boolean> {
  await client.query("begin");
  try {
    await client.query(`select pg_advisory_xact_lock(${lockKey})`);
    await client.query(
      "create table if not exists migration (number integer primary key, name text not null, checksum text not null, applied_at timestamptz not null default clock_timestamp())",
    );
    const next = migrations[await countApplied(client, migrations)];
    if (next !== undefined) {
      await client.query(next.sql);
      await client.query("insert into migration (number, name, checksum) values ($1, $2, $3)", [
        next.number,
        next.name,
        next.checksum,
      ]);
    }
    await client.query("commit");
    return next !== undefined;
  } catch (error) {
    await client.query("rollback").catch(() => undefined);
    throw error;
  }
}

async function countApplied(client: Client, migrations: readonly Migration[]): Promise<number> {
  const { rows } = await client.query<{ number: number; name: string; checksum: string }>(
    "select number, name, checksum from migration order by number",
  );
  for (const row of rows) {
    const known = migrations[row.number - 1];
    if (known === undefined) {
      throw new DomainError(
        "not_supported",
        `the database has migration \`${row.name}\`, which this version does not know: start a newer version`,
      );
    }
    if (known.checksum !== row.checksum) {
      throw new DomainError(
        "not_supported",
        `migration \`${row.name}\` of the database is not the one of this version`,
      );
    }
  }
  return rows.length;
}
