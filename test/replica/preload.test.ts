import assert from "node:assert/strict";
import { after, suite, test } from "node:test";
import { parseName, parseObjectText } from "../../src/core/object.ts";
import type { PageKey } from "../../src/core/page.ts";
import { ReplicaMachine } from "../../src/replica/machine.ts";
import type { ReplicaParameters } from "../../src/replica/parameters.ts";
import { postgresDb } from "../../src/replica/postgres.ts";
import type { PreloadOptions } from "../../src/replica/preload.ts";
import type { Snapshot } from "../../src/replica/replica.ts";
import { systemClock, systemRng, systemTimers } from "../../src/runtime.ts";
import { openHintSeal } from "../../src/store/hint-seal.ts";
import { storeModel } from "../../src/store/models.ts";
import { readObjectsAfter } from "../../src/store/objects.ts";
import { documentModel } from "../support/simulation/document-model.ts";
import { readPage } from "../support/simulation/reading.ts";
import { create, mutation, openTestStore, remove, type TestStore } from "../support/store.ts";

// The tests keep the process alive where the product leaves that to its sockets.
const alive = setInterval(() => {}, 1000);
after(() => clearInterval(alive));

const documents = 700;

suite("preload", () => {
  test("what was loaded ahead is answered from memory, and follows what is written meanwhile", async () => {
    await using node = await openNode();
    const { machine, store } = node;
    const seen: number[] = [];
    let isWritten = false;
    const done = await machine.preload("acme", {
      ...node.options,
      objectsAfter: async (tenant, last) => {
        const objects = await node.options.objectsAfter(tenant, last);
        // Of what is loaded already, and of what is not.
        if (last !== undefined && !isWritten) {
          isWritten = true;
          await store.write(
            remove("document:d000#viewer@user:u0"),
            create("document:d001#viewer@user:new"),
            create("document:d698#viewer@user:new"),
          );
        }
        return objects;
      },
      onProgress: (objects) => void seen.push(objects),
    });
    assert.deepEqual(done, { objects: documents, skipped: 0, isWhole: true });
    assert(seen.length > 1 && seen.at(-1) === documents);
    assert(isWritten);
    await machine.evaluate("acme", () => ({ kind: "decided", value: 0 }), {
      freshness: { kind: "head" },
    });
    const { loads } = machine.counters;
    assert.deepEqual(viewersOf(machine, "d000"), []);
    assert.deepEqual(viewersOf(machine, "d001"), [
      "document:d001#viewer@user:new",
      "document:d001#viewer@user:u1",
    ]);
    assert.deepEqual(viewersOf(machine, "d500"), ["document:d500#viewer@user:u500"]);
    assert.deepEqual(viewersOf(machine, "d698"), [
      "document:d698#viewer@user:new",
      "document:d698#viewer@user:u698",
    ]);
    assert.equal(machine.counters.loads, loads);
    assert.equal(machine.counters.objectsPreloaded, documents);
  });

  test("it stops where the memory is nearly full, and leaves room for what is asked for", async () => {
    await using node = await openNode({ memoryBytes: 60_000 });
    const { machine } = node;
    const done = await machine.preload("acme", node.options);
    assert.equal(done.isWhole, false);
    assert(done.objects > 0 && done.objects < documents);
    assert(machine.heldBytes <= 60_000);
    assert.deepEqual(await viewersOf(machine, "d699"), ["document:d699#viewer@user:u699"]);
  });

  test("the pairs of delegations come with them", async () => {
    await using node = await openNode();
    const { machine, store } = node;
    await store.write(
      create("delegation:d1#principal@user:alice"),
      create("delegation:d1#delegate@agent:bot"),
    );
    await machine.preload("acme", node.options);
    const { loads } = machine.counters;
    const found = machine.evaluate(
      "acme",
      ({ graph }) => {
        const principal = graph.symbols.findObject("user", "alice");
        const delegate = graph.symbols.findObject("agent", "bot");
        assert(principal !== -1 && delegate !== -1);
        return { kind: "decided", value: graph.delegations(principal, delegate)?.length };
      },
      {},
    );
    assert.equal(found, 1);
    assert.equal(machine.counters.loads, loads);
  });

  test("it ends when it is told to", async () => {
    await using node = await openNode();
    const controller = new AbortController();
    const loading = node.machine.preload("acme", {
      ...node.options,
      onProgress: () => controller.abort(),
      signal: controller.signal,
    });
    await assert.rejects(loading, { code: "cancelled" });
  });
});

interface TestNode extends AsyncDisposable {
  readonly store: TestStore;
  readonly machine: ReplicaMachine;
  readonly options: PreloadOptions;
}

async function openNode(parameters: Partial<ReplicaParameters> = {}): Promise<TestNode> {
  const store = await openTestStore();
  const model = { id: "m1", sources: "", parsed: "{}", createdBy: "test", createdAtMs: 0 };
  await storeModel(store.database, "acme", model);
  await store.writer.write(mutation({ activateModelId: "m1" }));
  const lines = Array.from({ length: documents }, (_, at) =>
    create(`document:d${String(at).padStart(3, "0")}#viewer@user:u${at}`),
  );
  await store.write(...lines);
  const machine = new ReplicaMachine({
    db: postgresDb(store.database, systemTimers, await openHintSeal(store.database)),
    models: { load: () => Promise.resolve(documentModel) },
    clock: systemClock,
    timers: systemTimers,
    rng: systemRng,
    report: () => {},
    node: "node",
    parameters,
  });
  machine.start();
  return {
    store,
    machine,
    options: {
      objectsAfter: (tenant, last) => readObjectsAfter(store.database, tenant, last),
      onProgress: () => {},
      signal: new AbortController().signal,
    },
    async [Symbol.asyncDispose]() {
      await machine.close();
      await store[Symbol.asyncDispose]();
    },
  };
}

function viewersOf(machine: ReplicaMachine, id: string) {
  const key: PageKey = {
    kind: "forward",
    object: parseObjectText(`document:${id}`, "object"),
    relation: parseName("viewer", "relation"),
  };
  return machine.evaluate(
    "acme",
    ({ graph }: Snapshot) => {
      const value = readPage(graph, key);
      return value === undefined ? { kind: "missing", pages: [key] } : { kind: "decided", value };
    },
    {},
  );
}
