import assert from "node:assert/strict";
import { after, before, suite, test } from "node:test";
import { parseRevision } from "../../src/core/revision.ts";
import { formatTuple } from "../../src/core/tuple.ts";
import { pollChanges, readChanges } from "../../src/store/changes.ts";
import { readDelegationRecords } from "../../src/store/delegation-records.ts";
import type { TupleStep } from "../../src/store/mutation.ts";
import { findExpiredTuples, forgetReplies, truncateHistory } from "../../src/store/retention.ts";
import { findRevisionAt, readRevision } from "../../src/store/revisions.ts";
import { getTenant } from "../../src/store/tenants.ts";
import { readTuples } from "../../src/store/tuples.ts";
import { create, mutation, openTestStore, remove, type TestStore } from "../support/store.ts";

suite("retention", () => {
  let store: TestStore;
  before(async () => {
    store = await openTestStore();
  });
  after(() => store[Symbol.asyncDispose]());

  /** Writes after the clock of the database has moved on, so that instants tell revisions apart. */
  async function writeLater(...steps: readonly TupleStep[]): Promise<number> {
    const before = Date.now();
    while (Date.now() <= before + 1);
    const result = await store.write(...steps);
    assert.ok(result.kind === "committed");
    return result.committedAtMs;
  }

  test("keeps what is needed from the horizon on, and answers nothing below it", async () => {
    const record = {
      id: "gone",
      purpose: "p",
      labels: { team: "a" },
      createdBy: "c",
      createdAtMs: 1,
      consent: { issuer: "i", subject: "s", tokenId: "t", claims: { a: [1] } },
    };
    await store.writer.write(
      mutation({ steps: [create("delegation:gone#principal@user:a")], records: [record] }),
    );
    await writeLater(create("doc:1#viewer@user:a"));
    await writeLater(remove("doc:1#viewer@user:a"), remove("delegation:gone#principal@user:a"));
    const kept = await writeLater(create("doc:2#viewer@user:a"));
    await writeLater(remove("doc:2#viewer@user:a"));
    await writeLater(create("doc:3#viewer@user:a"));
    assert.deepEqual(
      (await readDelegationRecords(store.database, store.tenant, ["gone", "none"])).get("gone"),
      record,
    );

    assert.equal(await truncateHistory(store.database, store.tenant, kept), 4);
    assert.equal(await truncateHistory(store.database, store.tenant, 0), 4);

    const read = (revision: number) =>
      readTuples(store.database, store.tenant, {
        filter: {},
        revision: parseRevision(revision),
        limit: 10,
      });
    assert.deepEqual((await read(4)).tuples.map(formatTuple), ["doc:2#viewer@user:a"]);
    assert.deepEqual((await read(5)).tuples.map(formatTuple), []);
    await assert.rejects(read(3), { code: "revision_expired" });
    await assert.rejects(read(7), { code: "revision_ahead" });
    const poll = (applied: number) =>
      pollChanges(store.database, store.tenant, parseRevision(applied));
    assert.equal((await poll(3)).changes, undefined);
    assert.deepEqual(
      (await poll(4)).changes?.map((change) => change.revision),
      [5, 6],
    );
    assert.deepEqual((await poll(6)).changes, []);
    const range = { after: parseRevision(3), upTo: parseRevision(6), tuplesMax: 10 };
    await assert.rejects(readChanges(store.database, store.tenant, range), {
      code: "revision_expired",
    });
    assert.equal((await readDelegationRecords(store.database, store.tenant, ["gone"])).size, 0);
    const again = await store.write(create("delegation:gone#principal@user:a"));
    assert.ok(again.kind === "refused" && again.error.code === "tuple_refused");
  });

  test("finds the revision of an instant, and when a revision was", async () => {
    const { head, horizon } = await getTenant(store.database, store.tenant);
    await store.database.snapshot(async (session) => {
      for (let revision = horizon; revision <= head; revision = parseRevision(revision + 1)) {
        const { committedAtMs } = await readRevision(session, store.tenant, revision);
        const found = await findRevisionAt(session, store.tenant, committedAtMs);
        assert.ok(found !== undefined && found >= revision);
        const earlier = await findRevisionAt(session, store.tenant, committedAtMs - 1);
        assert.ok(revision === horizon ? earlier === undefined : (earlier ?? revision) < revision);
      }
      assert.equal(await findRevisionAt(session, store.tenant, Date.now() + 1_000_000), head);
      assert.equal(await findRevisionAt(session, store.tenant, 1), undefined);
    });
  });

  test("forgets the responses to old requests only", async () => {
    const idempotency = { key: "k", requestHash: "h", respond: () => new Uint8Array() };
    await store.writer.write(mutation({ idempotency }));
    assert.equal(await forgetReplies(store.database, store.tenant, Date.now() - 60_000), 0);
    assert.equal((await store.writer.write(mutation({ idempotency }))).kind, "replayed");
    assert.equal(await forgetReplies(store.database, store.tenant, Date.now() + 60_000), 1);
    assert.equal((await store.writer.write(mutation({ idempotency }))).kind, "committed");
  });

  test("finds what expired before a time, and deletes what was not renewed since", async () => {
    await store.write(
      create("doc:4#viewer@user:a", 2_000),
      create("doc:4#viewer@user:b", 1_000),
      create("doc:4#viewer@user:c", 9_000),
    );
    const beforeMs = 3_000;
    const found = await findExpiredTuples(store.database, store.tenant, beforeMs, 10);
    assert.deepEqual(found.map(formatTuple), ["doc:4#viewer@user:b", "doc:4#viewer@user:a"]);
    await store.write(create("doc:4#viewer@user:b", 8_000));
    const swept = await store.write(
      ...found.map((tuple) => ({ kind: "delete_expired", tuple, beforeMs }) as const),
    );
    assert.ok(swept.kind === "committed");
    assert.deepEqual(swept.deleted.map(formatTuple), ["doc:4#viewer@user:a"]);
  });
});
