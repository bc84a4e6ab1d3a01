import assert from "node:assert/strict";
import { after, before, suite, test } from "node:test";
import { parseName } from "../../src/core/object.ts";
import { formatTuple } from "../../src/core/tuple.ts";
import { storeModel } from "../../src/store/models.ts";
import type { Idempotency, Mutation, MutationResult } from "../../src/store/mutation.ts";
import { readHead } from "../../src/store/tenants.ts";
import { readTuples } from "../../src/store/tuples.ts";
import { createWriter } from "../../src/store/writer.ts";
import {
  create,
  mutation,
  openTestStore,
  remove,
  touch,
  tuple,
  type TestStore,
} from "../support/store.ts";

const past = Date.now() - 60_000;
const future = Date.now() + 3_600_000;

suite("writer", () => {
  let store: TestStore;
  before(async () => {
    store = await openTestStore();
  });
  after(() => store[Symbol.asyncDispose]());

  const write = (parts: Partial<Mutation>): Promise<MutationResult> =>
    store.writer.write(mutation(parts));

  async function stored(objectId: string): Promise<readonly string[]> {
    const filter = { objectId };
    const page = await readTuples(store.database, store.tenant, { filter, limit: 100 });
    return page.tuples.map(formatTuple);
  }

  test("gives the writes of one tick consecutive revisions in the order of their calls", async () => {
    const results = await Promise.all(
      Array.from({ length: 50 }, (_, index) =>
        store.write(create(`doc:order#viewer@user:u${index}`)),
      ),
    );
    const revisions = results.map((result) => result.revision);
    const [first = 0] = revisions;
    assert.deepEqual(
      revisions,
      Array.from({ length: 50 }, (_, index) => first + index),
    );
    assert.equal((await readHead(store.database, store.tenant)).revision, revisions.at(-1));
  });

  test("puts urgent writes before the ordinary ones that wait", async () => {
    const ordinary = store.write(create("doc:lane#viewer@user:a"));
    const urgent = write({ urgent: true, steps: [create("doc:lane#viewer@user:b")] });
    assert.ok((await urgent).revision < (await ordinary).revision);
  });

  test("refuses one write of a batch and commits its neighbours", async () => {
    const results = await Promise.all([
      store.write(create("doc:n#viewer@user:a")),
      store.write(create("doc:n#viewer@user:b"), create("doc:n#viewer@user:a")),
      store.write(create("doc:n#viewer@user:c")),
    ]);
    assert.deepEqual(
      results.map((result) => result.kind),
      ["committed", "refused", "committed"],
    );
    assert.equal(errorOf(results[1]), "tuple_exists");
    assert.deepEqual(await stored("n"), ["doc:n#viewer@user:a", "doc:n#viewer@user:c"]);
    assert.equal(results[2]?.revision, (results[0]?.revision ?? 0) + 2);
  });

  test("shows a write what the earlier ones of its batch did", async () => {
    const filter = { objectId: "seen", relation: parseName("viewer", "") };
    const results = await Promise.all([
      store.write(create("doc:seen#viewer@user:a")),
      write({ preconditions: [{ kind: "must_exist", filter }] }),
      store.write(remove("doc:seen#viewer@user:a")),
      write({ preconditions: [{ kind: "must_not_exist", filter }] }),
      write({ preconditions: [{ kind: "must_exist", filter }] }),
      store.write(create("doc:seen#viewer@user:a")),
    ]);
    assert.deepEqual(results.map(errorOf), [
      undefined,
      undefined,
      undefined,
      undefined,
      "precondition_failed",
      undefined,
    ]);
    assert.deepEqual(await stored("seen"), ["doc:seen#viewer@user:a"]);
  });

  test("deletes before it creates within one write", async () => {
    await store.write(create("doc:swap#viewer@user:a", future));
    const result = await store.write(
      create("doc:swap#viewer@user:a"),
      remove("doc:swap#viewer@user:a"),
    );
    assert.equal(result.kind, "committed");
    assert.deepEqual(await stored("swap"), ["doc:swap#viewer@user:a"]);
  });

  test("deletes nothing without an error", async () => {
    const result = await store.write(remove("doc:none#viewer@user:a"));
    assert.ok(result.kind === "committed" && result.deleted.length === 0);
  });

  test("refuses a write that has one key twice", async () => {
    const result = await store.write(
      touch("doc:twice#viewer@user:a"),
      create("doc:twice#viewer@user:a"),
    );
    assert.equal(errorOf(result), "malformed");
  });

  test("creates over an expired tuple, and counts it as absent in preconditions", async () => {
    await store.write(create("doc:old#viewer@user:a", past));
    const filter = { objectId: "old" };
    const absent = await write({ preconditions: [{ kind: "must_not_exist", filter }] });
    assert.equal(absent.kind, "committed");
    const again = await store.write(create("doc:old#viewer@user:a", future));
    assert.ok(again.kind === "committed");
    assert.deepEqual(
      again.deleted.map((each) => each.expiresAtMs),
      [past],
    );
    assert.equal(errorOf(await store.write(create("doc:old#viewer@user:a"))), "tuple_exists");
  });

  test("deletes by filter in canonical order up to its limit, and says that more is left", async () => {
    await store.write(...["d", "b", "c", "a"].map((id) => create(`doc:many#viewer@user:${id}`)));
    const steps = [{ kind: "delete_matching", filter: { objectId: "many" }, limit: 3 }] as const;
    const first = await write({ steps });
    assert.ok(first.kind === "committed" && first.moreToDelete);
    assert.deepEqual(await stored("many"), ["doc:many#viewer@user:d"]);
    const second = await write({ steps });
    assert.ok(second.kind === "committed" && !second.moreToDelete);
    assert.deepEqual(await stored("many"), []);
  });

  test("counts what goes along with a delegation's tuple towards the limit of a filter", async () => {
    const ids = ["f1", "f2", "f3"];
    const parts = ["principal@user:f", "delegator@user:f", "delegate@agent:m", "tool@tool:t"];
    await store.write(
      ...ids.flatMap((id) => parts.map((part) => create(`delegation:${id}#${part}`))),
    );
    const filter = { relation: parseName("principal", ""), subjectId: "f" };
    const deleteUpTo = async (limit: number): Promise<readonly [number, boolean]> => {
      const result = await write({ steps: [{ kind: "delete_matching", filter, limit }] });
      assert.ok(result.kind === "committed");
      return [result.deleted.length, result.moreToDelete];
    };
    // One is whole, whatever the limit; a second that does not fit is left.
    assert.deepEqual(await deleteUpTo(1), [3, true]);
    assert.deepEqual(await deleteUpTo(5), [3, true]);
    assert.deepEqual(await deleteUpTo(5), [3, false]);
  });

  test("asks a filter anew for each that has it", async () => {
    await store.write(create("doc:shared#viewer@user:a", past));
    const filter = { objectId: "shared" };
    const [deletion, precondition] = await Promise.all([
      write({ steps: [{ kind: "delete_matching", filter, limit: 0 }] }),
      write({ preconditions: [{ kind: "must_not_exist", filter }] }),
    ]);
    assert.ok(deletion.kind === "committed" && deletion.moreToDelete);
    assert.equal(precondition.kind, "committed");
  });

  test("lets a filter see the writes that were queued before it", async () => {
    const steps = [{ kind: "delete_matching", filter: { objectId: "queued" }, limit: 10 }] as const;
    await Promise.all([store.write(create("doc:queued#viewer@user:a")), write({ steps })]);
    assert.deepEqual(await stored("queued"), []);
  });

  test("deletes an expired tuple by name only while it is expired", async () => {
    const steps = [
      { kind: "delete_expired", tuple: tuple("doc:sweep#viewer@user:a"), beforeMs: Date.now() },
    ] as const;
    await store.write(create("doc:sweep#viewer@user:a", past));
    await store.write(touch("doc:sweep#viewer@user:a", future));
    await write({ steps });
    assert.deepEqual(await stored("sweep"), ["doc:sweep#viewer@user:a"]);
    await store.write(touch("doc:sweep#viewer@user:a", past));
    await write({ steps });
    assert.deepEqual(await stored("sweep"), []);
  });

  test("refuses where a relation changed since the revision, within the batch too", async () => {
    const { revision } = await store.write(create("memo:1#reader@user:a"));
    const relation = parseName("reader", "");
    const preconditions = [{ kind: "unchanged_since", revision, relation }] as const;
    assert.equal((await write({ preconditions })).kind, "committed");
    const [, inBatch] = await Promise.all([
      store.write(remove("memo:1#reader@user:a")),
      write({ preconditions }),
    ]);
    assert.equal(errorOf(inBatch), "write_conflict");
    assert.equal(errorOf(await write({ preconditions })), "write_conflict");
  });

  test("fails on a tenant that is not there, and writes nothing", async () => {
    await assert.rejects(write({ tenant: "nobody" }), { code: "tenant_not_found" });
  });

  test("fails alone where the database cannot take its text", async () => {
    const results = await Promise.allSettled([
      store.write(create("doc:poison#viewer@user:a")),
      write({ reason: "\u0000" }),
      store.write(create("doc:poison#viewer@user:b")),
    ]);
    assert.deepEqual(
      results.map((result) => result.status),
      ["fulfilled", "rejected", "fulfilled"],
    );
    assert.deepEqual(await stored("poison"), [
      "doc:poison#viewer@user:a",
      "doc:poison#viewer@user:b",
    ]);
  });

  test("takes a write back only while it waits", async () => {
    const controller = new AbortController();
    const steps = [create("doc:abort#viewer@user:a")];
    const waiting = store.writer.write(mutation({ steps }), controller.signal);
    controller.abort();
    await assert.rejects(waiting, { code: "cancelled" });
    assert.deepEqual(await stored("abort"), []);
  });

  test("refuses more than a write may change", async () => {
    const steps = [{ kind: "delete_matching", filter: {}, limit: 5_001 }] as const;
    await assert.rejects(write({ steps }), { code: "limit_exceeded" });
  });

  test("refuses what does not fit its queue, and keeps a lane free for revocations", async () => {
    const writer = createWriter(store.database);
    const flood = Array.from({ length: 4_096 }, () => writer.write(mutation({})));
    await assert.rejects(writer.write(mutation({})), { code: "limit_exceeded" });
    assert.equal((await writer.write(mutation({ urgent: true }))).kind, "committed");
    await Promise.all(flood);
  });

  test("finishes what it took before it closes, and takes no more", async () => {
    const writer = createWriter(store.database);
    const last = writer.write(mutation({ steps: [create("doc:last#viewer@user:a")] }));
    await writer.close();
    assert.deepEqual(await stored("last"), ["doc:last#viewer@user:a"]);
    assert.equal((await last).kind, "committed");
    await assert.rejects(writer.write(mutation({})), { code: "not_serving" });
  });

  suite("idempotency", () => {
    const idempotency: Idempotency = {
      key: "k1",
      requestHash: "h1",
      respond: () => new Uint8Array([1, 2, 255]),
    };
    const steps = [create("doc:idem#viewer@user:a")];

    test("replays the stored response at a new empty revision", async () => {
      const [first, second] = await Promise.all([
        write({ steps, idempotency }),
        write({ steps, idempotency }),
      ]);
      const third = await write({ steps, idempotency });
      assert.equal(first.kind, "committed");
      for (const replay of [second, third]) {
        assert.ok(replay.kind === "replayed");
        assert.deepEqual(new Uint8Array(replay.response), new Uint8Array([1, 2, 255]));
      }
      assert.ok(first.revision < second.revision && second.revision < third.revision);
    });

    test("refuses the key for another request, but not for another caller", async () => {
      const other = { ...idempotency, requestHash: "h2" };
      assert.equal(errorOf(await write({ idempotency: other })), "idempotency_mismatch");
      const caller = { id: "other", proof: { kind: "process" } } as const;
      assert.equal((await write({ caller, idempotency: other })).kind, "committed");
    });

    test("keeps no response of a write that was refused", async () => {
      const fresh = { ...idempotency, key: "k2" };
      assert.equal(errorOf(await write({ steps, idempotency: fresh })), "tuple_exists");
      await store.write(remove("doc:idem#viewer@user:a"));
      assert.equal((await write({ steps, idempotency: fresh })).kind, "committed");
    });
  });

  suite("identity of a delegation", () => {
    test("is exclusive, an expired tuple counting still", async () => {
      for (const relation of ["principal", "delegator", "delegate", "parent"]) {
        await store.write(create(`delegation:x1#${relation}@user:a`, past));
        const second = await store.write(touch(`delegation:x1#${relation}@user:b`));
        assert.equal(errorOf(second), "tuple_refused");
        const both = await store.write(
          create(`delegation:x2#${relation}@user:a`),
          create(`delegation:x2#${relation}@user:b`),
        );
        assert.equal(errorOf(both), "tuple_refused");
      }
    });

    test("is renewed by touching the same subject", async () => {
      await store.write(create("delegation:r1#principal@user:a", past));
      const again = await store.write(create("delegation:r1#principal@user:a", future));
      assert.equal(errorOf(again), "tuple_exists");
      const renewed = await store.write(touch("delegation:r1#principal@user:a", future));
      assert.equal(renewed.kind, "committed");
      const twice = await store.write(touch("delegation:r1#principal@user:a", future + 1));
      assert.equal(twice.kind, "committed");
    });

    test("retires the id with any of its tuples, at once and for ever", async () => {
      await store.write(
        create("delegation:t1#principal@user:a"),
        create("delegation:t1#delegate@agent:m"),
      );
      const [deleted, inBatch] = await Promise.all([
        store.write(remove("delegation:t1#delegate@agent:m")),
        store.write(create("delegation:t1#delegate@agent:m")),
      ]);
      assert.equal(deleted.kind, "committed");
      assert.equal(errorOf(inBatch), "tuple_refused");
      for (const step of [
        create("delegation:t1#delegate@agent:m"),
        touch("delegation:t1#principal@user:a", future),
        create("delegation:t1#parent@delegation:p"),
      ]) {
        assert.equal(errorOf(await store.write(step)), "tuple_refused");
      }
      const coverage = await store.write(create("delegation:t1#tool@tool:x"));
      assert.equal(coverage.kind, "committed");
    });

    test("cannot be replaced, nor deleted and made again, within one write", async () => {
      await store.write(create("delegation:t2#principal@user:a"));
      for (const subject of ["user:a", "user:b"]) {
        const swap = await store.write(
          remove("delegation:t2#principal@user:a"),
          create(`delegation:t2#principal@${subject}`),
        );
        assert.equal(errorOf(swap), "tuple_refused");
      }
      assert.deepEqual(await stored("t2"), ["delegation:t2#principal@user:a"]);
    });
  });

  suite("authorization model", () => {
    test("is activated by a write, and a write validated against another is refused", async () => {
      for (const id of ["m1", "m2"]) {
        await storeModel(store.database, store.tenant, {
          id,
          sources: "[]",
          parsed: "{}",
          createdBy: "test",
          createdAtMs: 1,
        });
      }
      const [first, stale, second] = await Promise.all([
        write({ activateModelId: "m1" }),
        write({ validatedModelId: "m2" }),
        write({ validatedModelId: "m1", activateModelId: "m2" }),
      ]);
      assert.deepEqual([first, stale, second].map(errorOf), [
        undefined,
        "write_conflict",
        undefined,
      ]);
      assert.equal((await readHead(store.database, store.tenant)).modelId, "m2");
      assert.equal(errorOf(await write({ activateModelId: "m3" })), "model_not_found");
    });
  });
});

function errorOf(result: MutationResult | undefined): string | undefined {
  return result?.kind === "refused" ? result.error.code : undefined;
}
