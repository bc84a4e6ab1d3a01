import assert from "node:assert/strict";
import { after, before, suite, test } from "node:test";
import { parseRevision } from "../../src/core/revision.ts";
import { pollChanges, pollRowsMax, readChanges } from "../../src/store/changes.ts";
import { listModels, readModel, storeModel, type StoredModel } from "../../src/store/models.ts";
import { createTenant, ensureStandingTenants, listTenants } from "../../src/store/tenants.ts";
import { create, mutation, openTestStore, type TestStore } from "../support/store.ts";

suite("changes", () => {
  let store: TestStore;
  before(async () => {
    store = await openTestStore();
  });
  after(() => store[Symbol.asyncDispose]());

  test("tell who, when and why, and which model was activated", async () => {
    const model: StoredModel = {
      id: "m1",
      sources: "[]",
      parsed: "{}",
      createdBy: "c",
      createdAtMs: 1,
    };
    await storeModel(store.database, store.tenant, model);
    const caller = { id: "key:k1", proof: { kind: "process" } } as const;
    const operation = "write_model";
    const result = await store.writer.write(
      mutation({ caller, operation, reason: "why not", activateModelId: "m1" }),
    );
    assert.ok(result.kind === "committed");
    const { head, changes } = await pollChanges(store.database, store.tenant, parseRevision(0));
    assert.deepEqual(head, { timeline: "00000001", revision: 1, horizon: 0, modelId: "m1" });
    assert.deepEqual(changes, [
      {
        revision: 1,
        committedAtMs: result.committedAtMs,
        callerId: "key:k1",
        reason: "why not",
        operation,
        modelId: "m1",
        deleted: [],
        created: [],
      },
    ]);
    assert.deepEqual(await readModel(store.database, store.tenant, "m1"), model);
    await assert.rejects(readModel(store.database, store.tenant, "m2"), {
      code: "model_not_found",
    });
  });

  test("are not brought by a poll where there are too many, and are read in chunks", async () => {
    const { revision } = await store.write();
    const chunk = 5_000 - 1;
    for (let first = 0; first <= pollRowsMax; first += chunk) {
      await store.write(
        ...Array.from({ length: chunk }, (_, index) =>
          create(`doc:d${first + index}#viewer@user:a`),
        ),
      );
    }
    const { head, changes } = await pollChanges(store.database, store.tenant, revision);
    assert.equal(changes, undefined);
    const range = { after: revision, upTo: head.revision, tuplesMax: chunk * 2 };
    const read = await readChanges(store.database, store.tenant, range);
    assert.deepEqual(
      read.map((change) => change.created.length),
      [chunk, chunk],
    );
    const recent = await pollChanges(
      store.database,
      store.tenant,
      parseRevision(head.revision - 1),
    );
    assert.equal(recent.changes?.[0]?.created.length, chunk);
  });

  test("of a tenant that is not there are an error", async () => {
    const poll = pollChanges(store.database, "nobody", parseRevision(0));
    await assert.rejects(poll, { code: "tenant_not_found" });
  });
});

suite("tenants and models", () => {
  let store: TestStore;
  before(async () => {
    store = await openTestStore();
  });
  after(() => store[Symbol.asyncDispose]());

  test("a tenant is made once, and `system` by nobody", async () => {
    await assert.rejects(createTenant(store.database, "acme"), { code: "tenant_exists" });
    for (const id of ["system", "", "Upper", "a b", "x".repeat(65)]) {
      await assert.rejects(createTenant(store.database, id), { code: "malformed" });
    }
    await ensureStandingTenants(store.database);
    await ensureStandingTenants(store.database);
    const ids = (await listTenants(store.database, { limit: 10 })).map((tenant) => tenant.id);
    assert.deepEqual(ids, ["acme", "default", "system"]);
    const behind = await listTenants(store.database, { after: "acme", limit: 10 });
    assert.deepEqual(
      behind.map((tenant) => tenant.id),
      ["default", "system"],
    );
  });

  test("models are listed from the newest on, page by page", async () => {
    for (const [id, createdAtMs] of [
      ["a", 1],
      ["b", 2],
      ["c", 2],
    ] as const) {
      const model = { id, sources: "[]", parsed: "{}", createdBy: "c", createdAtMs };
      await storeModel(store.database, store.tenant, model);
    }
    const [first, second] = await listModels(store.database, store.tenant, { limit: 2 });
    assert.deepEqual([first?.id, second?.id], ["c", "b"]);
    assert.ok(second !== undefined);
    const rest = await listModels(store.database, store.tenant, { after: second, limit: 2 });
    assert.deepEqual(
      rest.map((model) => model.id),
      ["a"],
    );
    const model = { id: "a", sources: "[]", parsed: "{}", createdBy: "c", createdAtMs: 1 };
    await assert.rejects(storeModel(store.database, "nobody", model), { code: "tenant_not_found" });
  });
});
