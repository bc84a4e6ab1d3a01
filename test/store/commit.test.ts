import assert from "node:assert/strict";
import { after, before, suite, test } from "node:test";
import { Client } from "pg";
import { Database } from "../../src/store/database.ts";
import { readHead } from "../../src/store/tenants.ts";
import { createWriter } from "../../src/store/writer.ts";
import { create, mutation, openTestStore, remove, type TestStore } from "../support/store.ts";

const shared = process.env["PROKURA_TEST_DATABASE_URL"] !== undefined;

suite("commit", () => {
  let store: TestStore;
  let other: Client;
  before(async () => {
    store = await openTestStore();
    other = new Client({ connectionString: store.connectionString });
    await other.connect();
  });
  after(async () => {
    await other.end();
    await store[Symbol.asyncDispose]();
  });

  test("is tried again after a deadlock", async () => {
    await store.write(create("doc:dead#viewer@user:a"));
    await other.query("set deadlock_timeout = '60s'");
    await other.query("begin");
    await other.query("select 1 from relation_tuple where object_id = 'dead' for update");
    const write = store.write(remove("doc:dead#viewer@user:a"));
    await waiting("Lock");
    await other.query("update tenant set head = head where id = 'acme'");
    await other.query("commit");
    const result = await write;
    assert.ok(result.kind === "committed");
    assert.equal(result.deleted.length, 1);
  });

  suite("that waits for a standby", { skip: shared && "changes the server" }, () => {
    before(() => setStandbys("nobody"));
    after(() => setStandbys(""));

    test("and is cancelled has an unknown outcome, though PostgreSQL calls it a success", async () => {
      const { revision } = await readHead(store.database, store.tenant);
      const write = assert.rejects(store.write(), { code: "outcome_unknown" });
      await waiting("IPC");
      await other.query(`select pg_cancel_backend(pid) ${ofWriters}`);
      await write;
      assert.equal((await readHead(store.database, store.tenant)).revision, revision + 1);
    });

    test("and loses its connection has an unknown outcome", async () => {
      const write = assert.rejects(store.write(), { code: "outcome_unknown" });
      await waiting("IPC");
      await other.query(`select pg_terminate_backend(pid) ${ofWriters}`);
      await write;
    });
  });

  test("that was never sent is not serving, and the next write finds a new connection", async () => {
    await store.write();
    await other.query("begin");
    await other.query("update tenant set head = head where id = 'acme'");
    const write = assert.rejects(store.write(), { code: "not_serving" });
    await waiting("Lock");
    await other.query(`select pg_terminate_backend(pid) ${ofWriters}`);
    await write;
    await other.query("rollback");
    assert.equal((await store.write()).kind, "committed");
  });

  test("gives up waiting for a lock that another node does not let go", async () => {
    const { connectionString } = store;
    const log = (): void => undefined;
    const impatient = new Database({ connectionString, log, lockTimeoutMs: 50 });
    await other.query("begin");
    await other.query("update tenant set head = head where id = 'acme'");
    await assert.rejects(createWriter(impatient).write(mutation({})), { code: "not_serving" });
    await other.query("rollback");
    assert.equal((await createWriter(impatient).write(mutation({}))).kind, "committed");
    await impatient.close();
  });

  test("is durable, and a node that stands still in the middle loses its lock", async () => {
    const show = (name: string) =>
      store.database.query("writes", { name: `show_${name}`, text: `show ${name}` }, []);
    assert.deepEqual(await show("synchronous_commit"), [{ synchronous_commit: "on" }]);
    assert.deepEqual(await show("idle_in_transaction_session_timeout"), [
      { idle_in_transaction_session_timeout: "10s" },
    ]);
  });

  test("is not serving where there is no database", async () => {
    const connectionString = "postgresql://prokura@127.0.0.1:1/none";
    const database = new Database({ connectionString, log: () => undefined });
    await assert.rejects(createWriter(database).write(mutation({})), { code: "not_serving" });
    await assert.rejects(readHead(database, "acme"), { code: "not_serving" });
    await database.close();
  });

  async function setStandbys(names: string): Promise<void> {
    await other.query("set synchronous_commit = local");
    await other.query(`alter system set synchronous_standby_names = '${names}'`);
    await other.query("select pg_reload_conf()");
    // New sessions have it at once; those of the pools are asked.
    for (let shown = "?"; shown !== names;) {
      const rows = await store.database.query<{ synchronous_standby_names: string }>(
        "writes",
        { name: "show_standbys", text: "show synchronous_standby_names" },
        [],
      );
      shown = rows[0]?.synchronous_standby_names ?? "";
    }
  }

  /** Returns when a session of the writer waits for that. */
  async function waiting(type: string): Promise<void> {
    for (;;) {
      // Within a transaction the sessions are otherwise shown as they were at the first look.
      await other.query("select pg_stat_clear_snapshot()");
      const { rowCount } = await other.query(`select 1 ${ofWriters} and wait_event_type = $1`, [
        type,
      ]);
      if (rowCount !== 0) return;
    }
  }
});

const ofWriters =
  "from pg_stat_activity where application_name = 'prokura writes' and datname = current_database()";
