import assert from "node:assert/strict";
import { after, before, suite, test } from "node:test";
import { Client } from "pg";
import { create, openTestStore, remove, type TestStore } from "../support/store.ts";

/**
 * Why a batch locks in a statement of its own: a statement that waits for the lock and reads in the
 * same breath reads what was there before it waited.
 */
suite("the tenant's lock", () => {
  let store: TestStore;
  let first: Client;
  let second: Client;
  before(async () => {
    store = await openTestStore();
    first = new Client({ connectionString: store.connectionString });
    second = new Client({ connectionString: store.connectionString });
    await Promise.all([first.connect(), second.connect()]);
  });
  after(async () => {
    await Promise.all([first.end(), second.end()]);
    await store[Symbol.asyncDispose]();
  });

  /** Another node's write of the tuple, locked and written but not committed. */
  async function beginCreation(id: string): Promise<void> {
    await first.query("begin");
    const { rows } = await first.query<{ head: string }>(
      "update tenant set head = head + 1 where id = 'acme' returning head",
    );
    await first.query(
      `insert into relation_tuple (tenant_id, created_rev, ord, object_type, object_id, relation,
        subject_type, subject_id, subject_relation)
       values ('acme', $1, 0, 'doc', $2, 'viewer', 'user', 'a', '')`,
      [rows[0]?.head, id],
    );
    await first.query(
      `insert into revision (tenant_id, rev, committed_at_ms, caller_id, operation, reason,
        created_count, deleted_count) values ('acme', $1, 0, 'other', 'write_tuples', '', 1, 0)`,
      [rows[0]?.head],
    );
  }

  test("taken in the statement that deletes, misses what was committed while it was waited for", async () => {
    await beginCreation("missed");
    const deletion = second.query(
      `with lock as (update tenant set head = head + 1 where id = 'acme' returning head)
       update relation_tuple set deleted_rev = lock.head from lock
       where tenant_id = 'acme' and object_id = 'missed' and deleted_rev is null`,
    );
    await blocked(first, 1);
    await first.query("commit");
    assert.equal((await deletion).rowCount, 0);
  });

  test("taken by the writer, lets a delete find what was committed while it was waited for", async () => {
    await store.write(create("doc:warm#viewer@user:a"));
    await beginCreation("found");
    const deletion = store.write(remove("doc:found#viewer@user:a"));
    await blocked(first, 1);
    await first.query("commit");
    const result = await deletion;
    assert.ok(result.kind === "committed");
    assert.equal(result.deleted.length, 1);
  });
});

/** Returns when so many sessions wait for a lock of another. */
async function blocked(observer: Client, sessions: number): Promise<void> {
  for (;;) {
    // Within a transaction the sessions are otherwise shown as they were at the first look.
    await observer.query("select pg_stat_clear_snapshot()");
    const { rows } = await observer.query<{ waiting: string }>(
      "select count(*) as waiting from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()",
    );
    if (Number(rows[0]?.waiting) >= sessions) return;
  }
}
