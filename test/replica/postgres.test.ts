import assert from "node:assert/strict";
import { after, suite, test } from "node:test";
import { DomainError } from "../../src/core/error.ts";
import { parseName, parseObjectText } from "../../src/core/object.ts";
import type { PageKey } from "../../src/core/page.ts";
import { parseRevision, parseTimeline } from "../../src/core/revision.ts";
import { ReplicaMachine } from "../../src/replica/machine.ts";
import type { ReplicaParameters } from "../../src/replica/parameters.ts";
import { listenForMachine, postgresDb, postgresPast } from "../../src/replica/postgres.ts";
import { PastEvaluator } from "../../src/replica/private-graph.ts";
import type { EvaluateOptions, Snapshot } from "../../src/replica/replica.ts";
import { systemClock, systemRng, systemTimers } from "../../src/runtime.ts";
import { openHintSeal, type HintSeal } from "../../src/store/hint-seal.ts";
import type { MutationResult } from "../../src/store/mutation.ts";
import { storeModel } from "../../src/store/models.ts";
import { readHead } from "../../src/store/tenants.ts";
import { createWriter } from "../../src/store/writer.ts";
import { documentModel } from "../support/simulation/document-model.ts";
import { readPage } from "../support/simulation/reading.ts";
import { create, mutation, openTestStore, tuple, type TestStore } from "../support/store.ts";

const models = { load: () => Promise.resolve(documentModel) };
const viewers: PageKey = {
  kind: "forward",
  object: parseObjectText("document:x", "object"),
  relation: parseName("viewer", "relation"),
};
const quick = { renewMs: 50, serveMs: 300, killMs: 600, wallToleranceMs: 100 };
const alice = "document:x#viewer@user:alice";

// The tests keep the process alive where the product leaves that to its sockets.
const alive = setInterval(() => {}, 1000);
after(() => clearInterval(alive));

suite("ReplicaMachine on PostgreSQL", () => {
  test("no node answers with what was removed once the removal is enforced", async () => {
    await using cluster = await openCluster();
    const { store } = cluster;
    const [first, second] = [await cluster.start("first"), await cluster.start("second")];
    await store.write(create(alice));
    for (const node of [first, second]) {
      assert.deepEqual(await ask(node, { freshness: { kind: "head" } }), [alice]);
    }
    for (let round = 0; round < 20; round += 1) {
      await enforce(first, await store.write({ kind: "delete", tuple: tuple(alice) }));
      // At once, from memory: no promise.
      assert.deepEqual([ask(first), ask(second)], [[], []]);
      await enforce(second, await store.write(create(alice)));
      assert.deepEqual([ask(first), ask(second)], [[alice], [alice]]);
    }
  });

  test("a write is applied, acknowledged and told of without a poll or a second scan", async () => {
    await using cluster = await openCluster();
    const { store } = cluster;
    const seal = await openHintSeal(store.database);
    const unhurried = { pollMs: 60_000 };
    const writer = await cluster.start("writer", unhurried, seal);
    const other = await cluster.start("other", unhurried);
    assert.deepEqual([await ask(writer), await ask(other)], [[], []]);
    const { polls } = other.counters;
    const told = createWriter(store.database, seal);
    const result = await told.write(mutation({ steps: [create(alice)] }));
    assert(result.change !== undefined);
    writer.written("acme", result.timeline, result.change);
    await writer.enforce("acme", result.timeline, result.revision, 10_000, result.scanned);
    assert.deepEqual([ask(writer), ask(other)], [[alice], [alice]]);
    assert.equal(other.counters.learned, 1);
    assert.equal(other.counters.polls, polls);
    await told.close();
  });

  test("a warm check asks the database nothing", async () => {
    await using cluster = await openCluster();
    const node = await cluster.start("node");
    await ask(node);
    const { loads, waited } = node.counters;
    for (let index = 0; index < 1000; index += 1) assert.deepEqual(ask(node), []);
    assert.deepEqual(node.counters.loads, loads);
    assert.deepEqual(node.counters.waited, waited);
  });

  test("a node that closes is waited for no longer", async () => {
    await using cluster = await openCluster();
    const [first, second] = [await cluster.start("first"), await cluster.start("second")];
    await ask(first);
    await ask(second);
    await second.close();
    const written = await cluster.store.write(create(alice));
    const { nodesAcknowledged } = await enforce(first, written);
    assert.equal(nodesAcknowledged, 1);
    await assert.rejects(Promise.resolve(ask(second)), hasCode("not_serving"));
  });

  test("a node that has gone silent is killed, and then the write is enforced", async () => {
    await using cluster = await openCluster();
    const silent = await cluster.start("silent", quick);
    const node = await cluster.start("node", quick);
    await ask(node);
    await ask(silent);
    cluster.silence(silent);
    const written = await cluster.store.write(create(alice));
    await enforce(node, written);
    assert.equal(node.counters.leasesKilled, 1);
    await assert.rejects(Promise.resolve(ask(silent)), hasCode("not_serving"));
  });

  test("a write that is not enforced in time says so, with its token", async () => {
    await using cluster = await openCluster();
    const [node, silent] = [await cluster.start("node"), await cluster.start("silent")];
    await ask(silent);
    cluster.silence(silent);
    const { timeline, revision } = await cluster.store.write(create(alice));
    await assert.rejects(
      node.enforce("acme", timeline, revision, 200),
      (error) =>
        error instanceof DomainError &&
        error.code === "not_enforced" &&
        error.facts.token !== undefined,
    );
  });

  test("a token of another timeline is an unknown outcome", async () => {
    await using cluster = await openCluster();
    const node = await cluster.start("node");
    const { revision } = await cluster.store.write(create(alice));
    const other = parseTimeline("0000ABCD");
    await assert.rejects(node.enforce("acme", other, revision, 1000), hasCode("outcome_unknown"));
  });

  test("an answer is as fresh as the token that the request brings", async () => {
    await using cluster = await openCluster();
    const node = await cluster.start("node");
    await ask(node);
    const { timeline, revision } = await cluster.store.write(create(alice));
    const token = { tenant: "acme", timeline, revision };
    assert.deepEqual(await ask(node, { freshness: { kind: "at_least", token } }), [alice]);
    const ahead = { ...token, revision: parseRevision(revision + 10) };
    await assert.rejects(
      Promise.resolve(ask(node, { freshness: { kind: "at_least", token: ahead } })),
      hasCode("revision_ahead"),
    );
  });

  test("a tenant that does not exist is refused and leaves no row", async () => {
    await using cluster = await openCluster();
    const node = await cluster.start("node");
    const asked = Promise.resolve(node.evaluate("nobody", read, {}));
    await assert.rejects(asked, hasCode("tenant_not_found"));
    const rows = await cluster.store.database.query<{ readonly tenant_id: string }>(
      "reads",
      { name: "test_subscriptions", text: "select tenant_id from lease_tenant" },
      [],
    );
    assert.deepEqual(rows, []);
  });

  test("a tenant without a model is refused", async () => {
    await using cluster = await openCluster({ hasModel: false });
    const node = await cluster.start("node");
    await assert.rejects(Promise.resolve(ask(node)), hasCode("model_missing"));
  });

  test("a request that is cancelled while it waits ends at once", async () => {
    await using cluster = await openCluster();
    const node = await cluster.start("node");
    const cancelled = AbortSignal.abort();
    await assert.rejects(Promise.resolve(ask(node, { signal: cancelled })), hasCode("cancelled"));
  });
});

suite("PastEvaluator on PostgreSQL", () => {
  test("answers as of the revision, whatever came later", async () => {
    await using cluster = await openCluster();
    const { store } = cluster;
    const { revision, timeline } = await store.write(create(alice));
    await store.write({ kind: "delete", tuple: tuple(alice) });
    const past = pastOf(store);
    const now = { earliestMs: 0, latestMs: 0 };
    const at = { timeline, modelId: "m1", now };
    assert.deepEqual(await past.evaluate("acme", { ...at, revision }, read), [alice]);
    const head = await readHead(store.database, "acme");
    assert.deepEqual(await past.evaluate("acme", { ...at, revision: head.revision }, read), []);
    const ahead = { ...at, revision: parseRevision(head.revision + 1) };
    await assert.rejects(past.evaluate("acme", ahead, read), hasCode("revision_ahead"));
  });
});

interface Cluster extends AsyncDisposable {
  readonly store: TestStore;
  start(
    name: string,
    parameters?: Partial<ReplicaParameters>,
    seal?: HintSeal,
  ): Promise<ReplicaMachine>;
  /** The node's statements and timers go nowhere from now on. */
  silence(machine: ReplicaMachine): void;
}

async function openCluster(
  { hasModel }: { hasModel: boolean } = { hasModel: true },
): Promise<Cluster> {
  const store = await openTestStore();
  const silenced = new Set<ReplicaMachine>();
  const stops: (() => Promise<void>)[] = [];
  if (hasModel) {
    const model = { id: "m1", sources: "", parsed: "{}", createdBy: "test", createdAtMs: 0 };
    await storeModel(store.database, "acme", model);
    await store.writer.write(mutation({ activateModelId: "m1" }));
  }
  return {
    store,
    async start(name, parameters = {}, given) {
      const seal = given ?? (await openHintSeal(store.database));
      const real = postgresDb(store.database, systemTimers, seal);
      const never = new Promise<never>(() => {});
      const machine: ReplicaMachine = new ReplicaMachine({
        db: new Proxy(real, {
          get: (db, statement: keyof typeof real) =>
            silenced.has(machine) ? () => never : db[statement],
        }),
        models,
        clock: systemClock,
        timers: systemTimers,
        rng: systemRng,
        report: () => {},
        node: name,
        parameters,
      });
      const hints = await listenForMachine(store.connectionString, seal, machine);
      machine.start();
      stops.push(async () => {
        if (!silenced.has(machine)) await machine.close();
        await hints.close();
      });
      return machine;
    },
    silence: (machine) => void silenced.add(machine),
    async [Symbol.asyncDispose]() {
      for (const stop of stops) await stop();
      await store[Symbol.asyncDispose]();
    },
  };
}

function ask(
  node: ReplicaMachine,
  options: EvaluateOptions = {},
): readonly string[] | Promise<readonly string[]> {
  return node.evaluate("acme", read, options);
}

function read({
  graph,
}: Snapshot):
  | { readonly kind: "decided"; readonly value: readonly string[] }
  | { readonly kind: "missing"; readonly pages: readonly PageKey[] } {
  const value = readPage(graph, viewers);
  return value === undefined ? { kind: "missing", pages: [viewers] } : { kind: "decided", value };
}

function enforce(
  node: ReplicaMachine,
  { timeline, revision }: MutationResult,
): ReturnType<ReplicaMachine["enforce"]> {
  return node.enforce("acme", timeline, revision, 10_000);
}

function pastOf(store: TestStore): PastEvaluator {
  return new PastEvaluator({
    load: postgresPast(store.database),
    models,
    memoryBytes: 1_000_000,
    pagesPerRoundMax: 256,
    roundsMax: 10,
  });
}

function hasCode(code: DomainError["code"]): (error: unknown) => boolean {
  return (error) => error instanceof DomainError && error.code === code;
}
