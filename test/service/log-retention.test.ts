import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { verifyLog } from "../../src/audit/verify-log.ts";
import { agedLogOf, logStorageOf } from "../../src/service/database-log.ts";
import { readLog } from "../../src/service/log-reader.ts";
import { LogSweeper } from "../../src/service/log-retention.ts";
import { truncateHistory } from "../../src/store/retention.ts";
import { openTestLog } from "../support/decision-log.ts";
import { create, openTestStore, remove, type TestStore } from "../support/store.ts";

suite("what a log forgets", () => {
  test("is said and signed first, and forgotten the time after", async () => {
    await using store = await openTestStore();
    await change(store);
    const log = openTestLog(store.database);
    const sweeper = sweeperOf(store, log);
    const beforeMs = Date.now();
    assert.equal(await sweeper.sayHistory(store.tenant, beforeMs), undefined);
    const dueMs = await sweeper.sayHistory(store.tenant, beforeMs + 1);
    assert.equal(dueMs, beforeMs);
    await truncateHistory(store.database, store.tenant, beforeMs);
    await log[Symbol.asyncDispose]();
    const { findings, changes } = await verify(store);
    assert.deepEqual([findings, changes.contents], [[], 0]);
  });

  test("is missed where nobody said it", async () => {
    await using store = await openTestStore();
    await change(store);
    await truncateHistory(store.database, store.tenant, Date.now());
    const { findings } = await verify(store);
    assert.deepEqual(
      findings.map(({ code }) => code),
      ["change_altered", "change_altered"],
    );
  });

  test("says nothing where nothing is old", async () => {
    await using store = await openTestStore();
    await change(store);
    const log = openTestLog(store.database);
    const sweeper = sweeperOf(store, log);
    assert.equal(await sweeper.sayHistory(store.tenant, 1), undefined);
    assert.equal(await sweeper.sayHistory(store.tenant, 1), undefined);
    await log[Symbol.asyncDispose]();
    assert.deepEqual((await verify(store)).chains, []);
  });
});

async function change(store: TestStore): Promise<void> {
  await store.write(create("doc:1#viewer@user:a"));
  await store.write(remove("doc:1#viewer@user:a"));
}

function sweeperOf({ database }: TestStore, log: ReturnType<typeof openTestLog>): LogSweeper {
  const tenants = { list: () => Promise.resolve([]) };
  const aged = agedLogOf(database);
  return new LogSweeper({ log, aged, tenants, keepMs: 1_000, nowMs: Date.now });
}

function verify({ database, tenant }: TestStore) {
  const parts = readLog(logStorageOf(database), tenant, new AbortController().signal);
  return verifyLog(tenant, parts, { checkpoints: [], keys: [] });
}
