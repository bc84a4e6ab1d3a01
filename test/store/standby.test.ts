import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, suite, test } from "node:test";
import { Client } from "pg";
import { killLease, registerLease, renewLease, subscribeLease } from "../../src/store/leases.ts";
import { createTenant } from "../../src/store/tenants.ts";
import { openTestStore, type TestStore } from "../support/store.ts";

const shared = process.env["PROKURA_TEST_DATABASE_URL"] !== undefined;
const unknown = { code: "outcome_unknown" } as const;

suite("a statement that waits for a standby", { skip: shared && "changes the server" }, () => {
  let store: TestStore;
  let other: Client;
  let leaseId: string;
  before(async () => {
    store = await openTestStore();
    other = new Client({ connectionString: store.connectionString });
    await other.connect();
    await other.query("set synchronous_commit = local");
    leaseId = randomUUID();
    await registerLease(store.database, { leaseId, node: "n1", killMs: 12_000 });
    await subscribeLease(store.database, leaseId, store.tenant);
    await setStandbys("nobody");
    await untilCommitsWait();
  });
  after(async () => {
    await setStandbys("");
    await other.end();
    await store[Symbol.asyncDispose]();
  });

  test("and is cancelled renews no lease", async () => {
    const renewal = assert.rejects(renewLease(store.database, leaseId), unknown);
    await cancelWaiting("leases");
    await renewal;
  });

  test("and is cancelled registers none", async () => {
    const lease = { leaseId: randomUUID(), node: "n2", killMs: 12_000 };
    const registration = assert.rejects(registerLease(store.database, lease), unknown);
    await cancelWaiting("leases");
    await registration;
  });

  test("and is cancelled has not surely killed", async () => {
    const lease = { leaseId: randomUUID(), node: "n3", killMs: 12_000 };
    const registration = assert.rejects(registerLease(store.database, lease), unknown);
    await cancelWaiting("leases");
    await registration;
    const kill = assert.rejects(killLease(store.database, lease.leaseId, 0), unknown);
    await cancelWaiting("leases");
    await kill;
  });

  test("subscribes again with a commit: the row may be one that the standby lacks", async () => {
    const again = assert.rejects(subscribeLease(store.database, leaseId, store.tenant), unknown);
    await cancelWaiting("leases");
    await again;
  });

  test("and is cancelled has not surely made a tenant", async () => {
    const made = assert.rejects(createTenant(store.database, "umbra"), unknown);
    await cancelWaiting("writes");
    await made;
  });

  /** New sessions have it at once; those of the pools are asked. */
  async function setStandbys(names: string): Promise<void> {
    await other.query(`alter system set synchronous_standby_names = '${names}'`);
    await other.query("select pg_reload_conf()");
    const show = { name: "show_standbys", text: "show synchronous_standby_names" };
    for (const pool of ["leases", "writes"] as const) {
      for (let shown = "?"; shown !== names;) {
        const rows = await store.database.query<{ synchronous_standby_names: string }>(
          pool,
          show,
          [],
        );
        shown = rows[0]?.synchronous_standby_names ?? "";
      }
    }
  }

  /** What a session shows is not enough: the checkpointer must have seen it, which nobody can ask. */
  async function untilCommitsWait(): Promise<void> {
    const { connectionString } = store;
    const probe = new Client({ connectionString, application_name: "probe" });
    await probe.connect();
    for (let hasWaited = false; !hasWaited;) {
      let isOver = false;
      const commit = probe
        .query("select pg_logical_emit_message(true, 'probe', '')")
        .finally(() => (isOver = true));
      while (!isOver && !hasWaited) hasWaited = await cancelOnce("probe");
      await commit;
    }
    await probe.end();
  }

  async function cancelWaiting(pool: string): Promise<void> {
    while (!(await cancelOnce(`prokura ${pool}`)));
  }

  /** False where nobody of that name waits. */
  async function cancelOnce(name: string): Promise<boolean> {
    const { rowCount } = await other.query(
      `select pg_cancel_backend(pid) from pg_stat_activity where wait_event = 'SyncRep'
        and datname = current_database() and application_name = $1`,
      [name],
    );
    return rowCount !== 0;
  }
});
