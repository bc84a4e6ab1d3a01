import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, suite, test } from "node:test";
import { Client } from "pg";
import {
  parseRevision,
  parseTimeline,
  type ConsistencyToken,
  type Revision,
} from "../../src/core/revision.ts";
import { openHintSeal } from "../../src/store/hint-seal.ts";
import { listenForHints, type AcknowledgementHint } from "../../src/store/hints.ts";
import {
  acknowledgeRevision,
  killLease,
  registerLease,
  releaseLease,
  renewLease,
  scanLeases,
  subscribeLease,
  type ScannedLeases,
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

  function at(revision: Revision): ConsistencyToken {
    return { tenant: store.tenant, timeline: parseTimeline("00000001"), revision };
  }

  async function scan(tenant: string, revision: Revision): Promise<ScannedLeases> {
    const { scanned } = await scanLeases(store.database, [{ tenant, revision }]);
    assert(scanned[0] !== undefined);
    return scanned[0];
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
    await acknowledgeRevision(store.database, leaseId, at(revision));
    const wanted = [{ tenant: store.tenant, revision }];
    const enforced = await scanLeases(store.database, wanted);
    assert.deepEqual(enforced, {
      timeline: "00000001",
      scanned: [{ waitingFor: [], leases: 1 }],
    });
    await client.query("update lease set tl = '00000000' where lease_id = $1", [leaseId]);
    const scan = await scanLeases(store.database, wanted);
    assert.deepEqual(scan.scanned[0]?.waitingFor, [leaseId]);
    assert.equal((await renewLease(store.database, leaseId)).renewed, false);
    await releaseLease(store.database, leaseId);
  });

  test("an acknowledgement never goes back", async () => {
    const leaseId = await register();
    await subscribeLease(store.database, leaseId, store.tenant);
    const { revision } = await store.write();
    assert.deepEqual((await scan(store.tenant, revision)).waitingFor, [leaseId]);
    await acknowledgeRevision(store.database, leaseId, at(revision));
    await acknowledgeRevision(store.database, leaseId, at(parseRevision(0)));
    assert.deepEqual((await scan(store.tenant, revision)).waitingFor, []);
    await releaseLease(store.database, leaseId);
  });

  test("a scan answers for each tenant in the order of the question", async () => {
    const leaseId = await register();
    await subscribeLease(store.database, leaseId, store.tenant);
    const { revision } = await store.write();
    const wanted = [
      { tenant: "nobody", revision },
      { tenant: store.tenant, revision },
      { tenant: store.tenant, revision: parseRevision(0) },
    ];
    assert.deepEqual((await scanLeases(store.database, wanted)).scanned, [
      { waitingFor: [], leases: 0 },
      { waitingFor: [leaseId], leases: 1 },
      { waitingFor: [], leases: 1 },
    ]);
    await releaseLease(store.database, leaseId);
  });

  test("an acknowledgement is told to whoever asked for it, and to nobody where no scan would find it", async () => {
    const leaseId = await register();
    await subscribeLease(store.database, leaseId, store.tenant);
    const { revision } = await store.write();
    const heard: AcknowledgementHint[] = [];
    const last = Promise.withResolvers<void>();
    const own = await openHintSeal(store.database);
    const other = await openHintSeal(store.database);
    const listener = await listenForHints(store.connectionString, own, {
      onHead: () => {},
      onAcknowledgement: (hint) => {
        heard.push(hint);
        if (hint.revision === revision) last.resolve();
      },
      onGap: () => {},
    });
    const asked = { seal: other, by: ["other", own.name] };
    const before = parseRevision(revision - 1);
    await acknowledgeRevision(store.database, randomUUID(), at(before), asked);
    const elsewhere = { ...at(before), timeline: parseTimeline("00000002") };
    await acknowledgeRevision(store.database, leaseId, elsewhere, asked);
    // Of an earlier timeline than the primary, as after a failover.
    await client.query("update lease set tl = '00000000' where lease_id = $1", [leaseId]);
    const former = { ...at(before), timeline: parseTimeline("00000000") };
    await acknowledgeRevision(store.database, leaseId, former, asked);
    await client.query("update lease set tl = '00000001' where lease_id = $1", [leaseId]);
    await acknowledgeRevision(store.database, leaseId, at(revision), asked);
    await last.promise;
    assert.deepEqual(heard, [{ ...at(revision), leaseId }]);
    await listener.close();
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
    assert.equal((await scan(store.tenant, parseRevision(1))).leases, 0);
    assert.equal(await subscribeLease(store.database, leaseId, store.tenant), "lease_lost");
    assert.equal((await renewLease(store.database, leaseId)).renewed, false);
  });
});

/** Returns when a session waits for a lock of another. */
async function someoneWaits(observer: Client): Promise<void> {
  for (;;) {
    // Within a transaction the sessions are otherwise shown as they were at the first look.
    await observer.query("select pg_stat_clear_snapshot()");
    const { rowCount } = await observer.query(
      "select 1 from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()",
    );
    if (rowCount !== 0) return;
  }
}
