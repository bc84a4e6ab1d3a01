import assert from "node:assert/strict";
import { test } from "node:test";
import { Client } from "pg";
import { inOneFlight } from "../../src/store/database-error.ts";
import { createTestDatabase } from "../support/database.ts";

test("the error of statements sent together is that of the first that failed", async () => {
  const database = await createTestDatabase();
  const client = new Client(database.connectionString);
  await client.connect();
  const late = async (statement: Promise<unknown>): Promise<void> => {
    const settled = await Promise.allSettled([statement]);
    await new Promise(setImmediate);
    if (settled[0].status === "rejected") throw settled[0].reason;
  };
  await assert.rejects(
    inOneFlight([
      client.query("begin"),
      late(client.query("select 1 / 0")),
      client.query("select 1"),
    ]),
    { code: "22012" },
  );
  await client.end();
});
