import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, suite, test } from "node:test";
import { parseTimeline, type ConsistencyToken, type Revision } from "../../src/core/revision.ts";
import {
  acknowledgeRevision,
  registerLease,
  releaseLease,
  subscribeLease,
} from "../../src/store/leases.ts";
import { listNodes } from "../../src/store/nodes.ts";
import { openTestStore, type TestStore } from "../support/store.ts";

suite("listNodes", () => {
  let store: TestStore;
  before(async () => {
    store = await openTestStore();
  });
  after(async () => store[Symbol.asyncDispose]());

  function at(revision: Revision): ConsistencyToken {
    return { tenant: store.tenant, timeline: parseTimeline("00000001"), revision };
  }

  test("tells how many revisions a node is behind, and since when", async () => {
    const leaseId = randomUUID();
    await registerLease(store.database, { leaseId, node: "n1", killMs: 12_000 });
    const idle = await listNodes(store.database, store.tenant);
    assert.deepEqual(idle, [
      { leaseId, node: "n1", outdated: false, revisionsBehind: 0, behindMs: 0 },
    ]);
    await subscribeLease(store.database, leaseId, store.tenant);
    await store.write();
    const last = await store.write();
    const [behind] = await listNodes(store.database, store.tenant);
    assert.equal(behind?.revisionsBehind, 2);
    // By the database's clock, from the first of the two on.
    await store.write();
    const [later] = await listNodes(store.database, store.tenant);
    assert.ok((later?.behindMs ?? 0) >= (behind?.behindMs ?? Infinity));
    await acknowledgeRevision(store.database, leaseId, at(last.revision));
    const [nearly] = await listNodes(store.database, store.tenant);
    assert.equal(nearly?.revisionsBehind, 1);
    await releaseLease(store.database, leaseId);
  });

  test("a node that has acknowledged all is behind by nothing", async () => {
    const leaseId = randomUUID();
    await registerLease(store.database, { leaseId, node: "n2", killMs: 12_000 });
    await subscribeLease(store.database, leaseId, store.tenant);
    const { revision } = await store.write();
    await acknowledgeRevision(store.database, leaseId, at(revision));
    const [node] = await listNodes(store.database, store.tenant);
    assert.deepEqual([node?.revisionsBehind, node?.behindMs], [0, 0]);
    await releaseLease(store.database, leaseId);
  });
});
