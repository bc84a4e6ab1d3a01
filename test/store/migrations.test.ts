import assert from "node:assert/strict";
import { after, suite, test } from "node:test";
import { Client } from "pg";
import { migrate, readMigrations, type Migration } from "../../src/store/migrations.ts";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";

suite("migrate", () => {
  const databases: TestDatabase[] = [];
  after(async () => {
    for (const database of databases) await database.drop();
  });

  async function makeDatabase(): Promise<string> {
    const database = await createTestDatabase();
    databases.push(database);
    return database.connectionString;
  }

  const extra: Migration = {
    number: 2,
    name: "0002_extra.sql",
    sql: "create table extra (id integer)",
    checksum: "c",
  };

  test("has nothing to do on a database of this version", async () => {
    const connectionString = await makeDatabase();
    assert.equal(await migrate(connectionString, await readMigrations()), 0);
  });

  test("takes each step once, however many nodes start at the same time", async () => {
    const connectionString = await makeDatabase();
    const migrations = await readMigrations();
    const next = { ...extra, number: migrations.length + 1 };
    const steps = await Promise.all(
      Array.from({ length: 4 }, () => migrate(connectionString, [...migrations, next])),
    );
    assert.equal(
      steps.reduce((sum, each) => sum + each),
      1,
    );
  });

  test("refuses a database that is newer, or was made by other steps", async () => {
    const connectionString = await makeDatabase();
    const migrations = await readMigrations();
    const next = { ...extra, number: migrations.length + 1 };
    await migrate(connectionString, [...migrations, next]);
    await assert.rejects(migrate(connectionString, migrations), { code: "not_supported" });
    const other = [...migrations, { ...next, checksum: "d" }];
    await assert.rejects(migrate(connectionString, other), { code: "not_supported" });
  });

  test("leaves no trace of a step that fails", async () => {
    const connectionString = await makeDatabase();
    const migrations = await readMigrations();
    const broken = { ...extra, number: migrations.length + 1, sql: `${extra.sql}; select 1/0` };
    await assert.rejects(migrate(connectionString, [...migrations, broken]));
    const next = { ...extra, number: migrations.length + 1 };
    assert.equal(await migrate(connectionString, [...migrations, next]), 1);
  });

  test("refuses a database that is not in UTF8", async () => {
    const connectionString = await makeDatabase();
    const client = new Client({ connectionString });
    await client.connect();
    await client.query("create database latin template template0 encoding 'LATIN1' locale 'C'");
    await client.end();
    const latin = connectionString.replace(/\/[^/?]*(\?|$)/, "/latin$1");
    databases.push({
      connectionString: latin,
      async drop() {
        const dropper = new Client({ connectionString });
        await dropper.connect();
        await dropper.query("drop database latin with (force)");
        await dropper.end();
      },
    });
    databases.reverse();
    await assert.rejects(migrate(latin, await readMigrations()), { code: "not_supported" });
  });
});
