import { createHash } from "node:crypto";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client } from "pg";
import { startEmbeddedPostgres } from "../../src/store/embedded-postgres.ts";
import { migrate, readMigrations } from "../../src/store/migrations.ts";
import { removeWithProcess } from "./remains.ts";

/** A database of its own with the current schema and nothing in it. */
export interface TestDatabase {
  readonly connectionString: string;
  /** Disconnects whoever is connected. Not needed on the embedded server, which ends with the process. */
  drop(): Promise<void>;
}

/**
 * Makes a database on the PostgreSQL of this test process, which starts with the first call and ends,
 * its data with it, however the process ends. With PROKURA_TEST_DATABASE_URL it is that server's.
 */
export async function createTestDatabase(): Promise<TestDatabase> {
  server ??= startServer();
  const { address, template } = await server;
  counter += 1;
  const name = `prokura_test_${process.pid}_${counter}`;
  await execute(address, `create database ${name} template ${template}`);
  return {
    connectionString: withDatabase(address, name),
    drop: () => execute(address, `drop database if exists ${name} with (force)`),
  };
}

interface TestServer {
  /** Of a database in which others can be made. */
  readonly address: string;
  readonly template: string;
}

let server: Promise<TestServer> | undefined;
let counter = 0;

async function startServer(): Promise<TestServer> {
  const address = process.env["PROKURA_TEST_DATABASE_URL"] ?? (await startOwnServer());
  return { address, template: await makeTemplate(address) };
}

async function startOwnServer(): Promise<string> {
  const dataDir = await mkdtemp(join(tmpdir(), "prokura-test-"));
  removeWithProcess(dataDir);
  const embedded = await startEmbeddedPostgres({
    dataDir,
    log: () => undefined,
    settings: { fsync: "off", full_page_writes: "off", max_connections: "200" },
  });
  return embedded.connectionString;
}

/** Made once a version of the schema: other test processes may want the same one at the same time. */
async function makeTemplate(address: string): Promise<string> {
  const migrations = await readMigrations();
  const hash = createHash("sha256").update(migrations.map((each) => each.checksum).join());
  const template = `prokura_template_${hash.digest("hex").slice(0, 16)}`;
  const client = await connect(address);
  try {
    await client.query("select pg_advisory_lock(7765746233)");
    const { rowCount } = await client.query("select 1 from pg_database where datname = $1", [
      template,
    ]);
    if (rowCount === 0) {
      const draft = `${template}_${process.pid}`;
      await client.query(`create database ${draft}`);
      await migrate(withDatabase(address, draft), migrations);
      await client.query(`alter database ${draft} rename to ${template}`);
    }
  } finally {
    await client.end();
  }
  return template;
}

function withDatabase(address: string, name: string): string {
  return address.replace(/\/[^/?]*(\?|$)/, `/${name}$1`);
}

async function execute(address: string, statement: string): Promise<void> {
  const client = await connect(address);
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}

async function connect(address: string): Promise<Client> {
  const client = new Client({ connectionString: address });
  await client.connect();
  return client;
}
