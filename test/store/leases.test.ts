import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, suite, test } from "node:test";
import { Client } from "pg";
import { parseRevision } from "../../src/core/revision.ts";
import {
  acknowledgeRevision,
  killLease,
  registerLease,
  releaseLease,
  renewLease,
  scanLeases,
  subscribeLease,
} from "../../src/store/leases.ts";
import { openTestStore, type TestStore } from "../support/store.ts";

suite("leases", () => {
  let store: TestStore;
  let client: Client;
  before(async () => {
    store = await openTestStore();
    client = new Client({ connectionString: store.connectionString });
    await client.connect();
  });
  after(async () => {
    await client.end();
    await store[Symbol.asyncDispose]();
  });

  async function register(): Promise<string> {
    const leaseId = randomUUID();
    await registerLease(store.database, { leaseId, node: "n1", killMs: 12_000 });
    return leaseId;
  }

  test("an id is registered once", async () => {
    const leaseId = await register();
    await assert.rejects(registerLease(store.database, { leaseId, node: "n1", killMs: 1 }));
    await releaseLease(store.database, leaseId);
  });

  test("a renewal counts, and tells of the heads and of the other leases", async () => {
    const leaseId = await register();
    assert.equal(await subscribeLease(store.database, leaseId, store.tenant), "subscribed");
    assert.equal(await subscribeLease(store.database, leaseId, store.tenant), "subscribed");
    const { revision } = await store.write();
    const renewal = await renewLease(store.database, leaseId);
    assert.equal(renewal.renewed, true);
    assert.deepEqual(renewal.heads, [{ tenant: store.tenant, revision }]);
    assert.deepEqual(renewal.leases, [{ leaseId, node: "n1", renewSeq: 0, killMs: 12_000 }]);
    assert.equal((await renewLease(store.database, leaseId)).leases[0]?.renewSeq, 1);
    assert.ok(Math.abs(renewal.databaseTimeMs - Date.now()) < 60_000);
    await releaseLease(store.database, leaseId);
  });

  test("a lease of another timeline is not renewed, and is waited for although it acknowledged", async () => {
    const leaseId = await register();
    await subscribeLease(store.database, leaseId, store.tenant);
    const { revision } = await store.write();
    await acknowledgeRevision(store.database, leaseId, store.tenant, revision);
    const enforced = await scanLeases(store.database, store.tenant, revision, undefined);
    assert.deepEqual(enforced, { timeline: "00000001", waitingFor: [], leases: 1 });
    await client.query("update lease set tl = '00000000' where lease_id = $1", [leaseId]);
    const scan = await scanLeases(store.database, store.tenant, revision, [leaseId]);
    assert.deepEqual(scan.waitingFor, [leaseId]);
    assert.equal((await renewLease(store.database, leaseId)).renewed, false);
    await releaseLease(store.database, leaseId);
  });

  test("an acknowledgement never goes back, and a narrowed scan sees none but its own", async () => {
    const leaseId = await register();
    await subscribeLease(store.database, leaseId, store.tenant);
    const { revision } = await store.write();
    const scan = () => scanLeases(store.database, store.tenant, revision, undefined);
    assert.deepEqual((await scan()).waitingFor, [leaseId]);
    assert.deepEqual(
      (await scanLeases(store.database, store.tenant, revision, [randomUUID()])).waitingFor,
      [],
    );
    await acknowledgeRevision(store.database, leaseId, store.tenant, revision);
    await acknowledgeRevision(store.database, leaseId, store.tenant, parseRevision(0));
    assert.deepEqual((await scan()).waitingFor, []);
    await releaseLease(store.database, leaseId);
  });

  test("a kill by a counter that was seen before a renewal removes nothing", async () => {
    const leaseId = await register();
    await renewLease(store.database, leaseId);
    assert.equal(await killLease(store.database, leaseId, 0), false);
    assert.equal(await killLease(store.database, leaseId, 1), true);
  });

  test("a renewal in flight saves its row from the kill that waits for it", async () => {
    const leaseId = await register();
    await client.query("begin");
    await client.query("update lease set renew_seq = renew_seq + 1 where lease_id = $1", [leaseId]);
    const kill = killLease(store.database, leaseId, 0);
    await someoneWaits(client);
    await client.query("commit");
    assert.equal(await kill, false);
    assert.equal((await renewLease(store.database, leaseId)).renewed, true);
    await releaseLease(store.database, leaseId);
  });

  test("a kill in flight makes the renewal that waits for it fail", async () => {
    const leaseId = await register();
    await client.query("begin");
    await client.query("delete from lease where lease_id = $1 and renew_seq = 0", [leaseId]);
    const renewal = renewLease(store.database, leaseId);
    await someoneWaits(client);
    await client.query("commit");
    assert.equal((await renewal).renewed, false);
  });

  test("a lost lease takes its subscriptions along, and gets no more", async () => {
    const leaseId = await register();
    await subscribeLease(store.database, leaseId, store.tenant);
    await killLease(store.database, leaseId, 0);
    const { leases } = await scanLeases(store.database, store.tenant, parseRevision(1), undefined);
    assert.equal(leases, 0);
    assert.equal(await subscribeLease(store.database, leaseId, store.tenant), "lease_lost");
    assert.equal((await renewLease(store.database, leaseId)).renewed, false);
  });
});

/** Returns when a session waits for a lock of another. */
async function someoneWaits(observer: Client): Promise<void> {
  for (;;) {
    const { rowCount } = await observer.query(
      "select 1 from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()",
    );
    if (rowCount !== 0) return;
  }
}
