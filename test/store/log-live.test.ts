import assert from "node:assert/strict";
import { suite, test } from "node:test";
import type { SignedCheckpoint } from "../../src/audit/checkpoint.ts";
import { LiveSum, tupleElement } from "../../src/audit/live-sum.ts";
import { verifyLog, type LogReport } from "../../src/audit/verify-log.ts";
import { logStorageOf } from "../../src/service/database-log.ts";
import { readLog } from "../../src/service/log-reader.ts";
import { storeModel } from "../../src/store/models.ts";
import { createWriter } from "../../src/store/writer.ts";
import { newKey } from "../audit/made-log.ts";
import {
  create,
  mutation,
  openTestStore,
  remove,
  touch,
  type TestStore,
} from "../support/store.ts";

const none: readonly SignedCheckpoint[] = [];

async function verify({ database, tenant }: TestStore): Promise<LogReport> {
  const parts = readLog(logStorageOf(database), tenant, new AbortController().signal);
  return verifyLog(tenant, parts, { checkpoints: none, keys: [] });
}

async function activate({ database, tenant, writer }: TestStore, id: string): Promise<void> {
  const model = { id, sources: `model ${id}`, parsed: "{}", createdBy: "c", createdAtMs: 1 };
  await storeModel(database, tenant, model);
  await writer.write(mutation({ activateModelId: id }));
}

async function tamper({ database, tenant }: TestStore, text: string): Promise<void> {
  await database.query("writes", { name: text.slice(0, 40), text }, [tenant]);
}

suite("what counts now", () => {
  test("is bound by what was written, touched, deleted and activated, refusals among it", async () => {
    await using store = await openTestStore();
    await activate(store, "m1");
    const writes = Array.from({ length: 40 }, (_, index) =>
      store.writer.write(mutation({ steps: [create(`doc:${index % 30}#viewer@user:a`)] })),
    );
    await Promise.all(writes);
    await store.write(touch("doc:1#viewer@user:a"));
    await store.write(remove("doc:2#viewer@user:a"), create("doc:99#viewer@user:b"));
    await activate(store, "m2");
    const { findings, live } = await verify(store);
    assert.deepEqual(findings, []);
    assert.deepEqual([live.tuples, live.isBound], [30, true]);
    await tamper(store, "update tenant set active_model_id = 'm1' where id = $1");
    assert.deepEqual(codesOf(await verify(store)), ["live_altered"]);
  });

  test("counts as nodes find it: not what is said to end at a revision to come", async () => {
    await using store = await openTestStore();
    await store.write(create("doc:1#viewer@user:a"));
    await tamper(store, "update relation_tuple set deleted_rev = 1000 where tenant_id = $1");
    assert.ok(codesOf(await verify(store)).includes("live_altered"));
  });

  test("is found where a tuple was planted and the sum altered, whoever writes after that", async () => {
    await using store = await openTestStore();
    await store.write(create("doc:1#viewer@user:a"));
    const sum = new LiveSum();
    for (const [createdRev, id] of [
      [1, "1"],
      [0, "2"],
    ] as const) {
      const columns = ["doc", id, "viewer", "user", "a", "", null, null, null];
      sum.add(tupleElement({ createdRev, ord: 0 }, columns));
    }
    await tamper(
      store,
      `insert into relation_tuple select $1, 0, 0, 'doc', '2', 'viewer', 'user', 'a', '', null, null, null, null`,
    );
    const set = `live_sum = '\\x${sum.bytes.toString("hex")}'`;
    await tamper(store, `update tenant set ${set} where id = $1`);
    await store.write(create("doc:3#viewer@user:a"));
    await store.write(create("doc:4#viewer@user:a"));
    assert.deepEqual(
      (await verify(store)).findings.map(({ code, seq }) => [code, seq]),
      [["change_altered", 2]],
    );
  });

  test("is not bound in a tenant that had changes before it was summed up", async () => {
    await using store = await openTestStore();
    await tamper(store, "update tenant set live_sum = null where id = $1");
    await store.write(create("doc:1#viewer@user:a"));
    const { findings, live } = await verify(store);
    assert.deepEqual([findings, live.isBound, live.tuples], [[], false, 1]);
  });

  test("goes with signatures of the nodes that wrote, and is found without", async () => {
    await using store = await openTestStore();
    const signing = createWriter(store.database, undefined, newKey());
    const steps = (id: number) => mutation({ steps: [create(`doc:${id}#viewer@user:a`)] });
    await store.writer.write(steps(1));
    await Promise.all([2, 3, 4].map((id) => signing.write(steps(id))));
    const { findings, changes } = await verify(store);
    assert.deepEqual([findings, changes.unsigned], [[], 1]);
    await store.writer.write(steps(5));
    await signing.write(steps(6));
    await signing.close();
    assert.deepEqual(
      (await verify(store)).findings.map(({ code, seq }) => [code, seq]),
      [["change_unsigned", 5]],
    );
  });
});

function codesOf({ findings }: LogReport): readonly string[] {
  return findings.map(({ code }) => code);
}
