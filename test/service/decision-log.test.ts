import assert from "node:assert/strict";
import { after, before, suite, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { claimOfCheckpoint } from "../../src/audit/checkpoint.ts";
import { verifyLog, type LogReport } from "../../src/audit/verify-log.ts";
import { parseRow, type ReadRow } from "../../src/audit/log-row.ts";
import { DomainError } from "../../src/core/error.ts";
import { parseRevision, parseTimeline } from "../../src/core/revision.ts";
import { logStorageOf } from "../../src/service/database-log.ts";
import type { DecisionEvent } from "../../src/service/decision-event.ts";
import type { DecisionLog } from "../../src/service/decision-log.ts";
import { readLog } from "../../src/service/log-reader.ts";
import { createTenant } from "../../src/store/tenants.ts";
import { logStoreOf, openTestLog } from "../support/decision-log.ts";
import { callOf, requestContext } from "../support/service-node.ts";
import { openTestStore, type TestStore } from "../support/store.ts";

suite("the decision log", () => {
  let store: TestStore;
  let count = 0;
  before(async () => {
    store = await openTestStore();
  });
  after(() => store[Symbol.asyncDispose]());

  async function newTenant(): Promise<string> {
    count += 1;
    return (await createTenant(store.database, `t${count}`)).id;
  }

  function event(
    tenant: string,
    number: number,
    kind: "allowed" | "error" = "allowed",
  ): DecisionEvent {
    const outcome =
      kind === "error"
        ? new DomainError("budget_exceeded", "too much")
        : {
            id: `source-${number.toString(36)}`,
            verdict: { kind: "allowed" as const, delegationIds: ["d1"] },
            tenant,
            timeline: parseTimeline("00000001"),
            revision: parseRevision(1),
            modelId: "m1",
          };
    const call = callOf("tool:send", "mailbox:alice");
    return { context: requestContext(tenant), call, outcome, latencyUs: 12.6 };
  }

  async function rowsOf(tenant: string): Promise<readonly ReadRow[]> {
    const rows: ReadRow[] = [];
    const storage = logStorageOf(store.database);
    for (const chain of await storage.chains(tenant)) {
      for (const segment of await storage.segments(tenant, chain, -1, 1_000)) {
        rows.push(...(segment.rows ?? []).flatMap((row) => parseRow(row) ?? []));
      }
    }
    return rows;
  }

  const kindsOf = async (tenant: string): Promise<readonly string[]> =>
    (await rowsOf(tenant)).map(({ kind }) => kind);

  const verify = (tenant: string): Promise<LogReport> => {
    const { signal } = new AbortController();
    const parts = readLog(logStorageOf(store.database), tenant, signal);
    return verifyLog(tenant, parts, { checkpoints: [], keys: [] });
  };

  test("writes what it was told, in order, between a beginning and an end", async () => {
    const tenant = await newTenant();
    const log = openTestLog(store.database);
    for (let number = 0; number < 300; number += 1)
      assert.equal(log.record(event(tenant, number)), undefined);
    void log.record(event(tenant, 300, "error"));
    await log[Symbol.asyncDispose]();
    const rows = await rowsOf(tenant);
    const ids = rows.flatMap(({ members }) => members["decision"] ?? []);
    assert.deepEqual(
      ids,
      Array.from({ length: 300 }, (_, number) => `source-${number.toString(36)}`),
    );
    assert.equal(rows.at(-2)?.members["reason"], "budget_exceeded");
    assert.deepEqual([rows[0]?.kind, rows.at(-1)?.kind], ["boot", "stop"]);
    const { findings, gaps, chains } = await verify(tenant);
    assert.deepEqual([findings, gaps], [[], []]);
    assert.equal(chains[0]?.signedSeq, 303);
  });

  test("goes on where its chain ended, and tells of a crash", async () => {
    const tenant = await newTenant();
    const crashing = openTestLog(store.database, { mode: "sync" });
    await crashing.record(event(tenant, 1));
    const next = openTestLog(store.database);
    void next.record(event(tenant, 2));
    await next[Symbol.asyncDispose]();
    assert.deepEqual(await kindsOf(tenant), ["boot", "decision", "boot", "decision", "stop"]);
    const { findings, gaps } = await verify(tenant);
    assert.deepEqual(findings, []);
    assert.deepEqual(
      gaps.map(({ seq, dropped }) => [seq, dropped]),
      [[2, 0]],
    );
  });

  test("keeps a chain of its own where another process has its name", async () => {
    const tenant = await newTenant();
    const first = openTestLog(store.database, { mode: "sync" });
    const second = openTestLog(store.database, { mode: "sync" });
    await first.record(event(tenant, 1));
    await second.record(event(tenant, 2));
    await first.record(event(tenant, 3));
    await second.record(event(tenant, 4));
    await first[Symbol.asyncDispose]();
    await second[Symbol.asyncDispose]();
    const rows = await rowsOf(tenant);
    assert.equal(rows.filter(({ kind }) => kind === "decision").length, 4);
    const { findings, chains } = await verify(tenant);
    assert.deepEqual(findings, []);
    assert.equal(chains.length, 2);
  });

  test("with sync holds an ALLOWED back until its row is durable, and no other answer", async () => {
    const tenant = await newTenant();
    const held = Promise.withResolvers<void>();
    const real = logStoreOf(store.database);
    const log = openTestLog(
      store.database,
      { mode: "sync" },
      {
        append: async (segments) => {
          await held.promise;
          return real.append(segments);
        },
      },
    );
    assert.equal(log.record(event(tenant, 1, "error")), undefined);
    let answered = false;
    const waiting = Promise.resolve(log.record(event(tenant, 2))).then(() => (answered = true));
    await sleep(50);
    assert.equal(answered, false);
    held.resolve();
    await waiting;
    assert.equal((await kindsOf(tenant)).filter((kind) => kind === "decision").length, 2);
    await log[Symbol.asyncDispose]();
  });

  test("writes again what may not have been written, and writes nothing twice", async () => {
    const tenant = await newTenant();
    const real = logStoreOf(store.database);
    let calls = 0;
    const log = openTestLog(
      store.database,
      { mode: "sync" },
      {
        append: async (segments) => {
          calls += 1;
          if (calls === 1) throw new DomainError("not_serving", "the database is away");
          const appended = await real.append(segments);
          // It was committed, and nobody heard of it.
          if (calls === 2) throw new DomainError("outcome_unknown", "the connection broke");
          return appended;
        },
      },
    );
    await log.record(event(tenant, 1));
    await log[Symbol.asyncDispose]();
    assert.deepEqual(await kindsOf(tenant), ["boot", "decision", "stop"]);
    assert.deepEqual((await verify(tenant)).findings, []);
  });

  test("counts what it drops where that is chosen, and says so in the chain", async () => {
    const tenant = await newTenant();
    const log = openTestLog(store.database, { queueMax: 3, whenFull: "count" });
    for (let number = 0; number < 10; number += 1)
      assert.equal(log.record(event(tenant, number)), undefined);
    assert.equal(log.numbers["dropped"], 7);
    await log[Symbol.asyncDispose]();
    const rows = await rowsOf(tenant);
    assert.equal(rows.filter(({ kind }) => kind === "decision").length, 3);
    assert.equal(rows.find(({ kind }) => kind === "dropped")?.members["count"], 7);
    assert.deepEqual(
      (await verify(tenant)).gaps.map(({ dropped }) => dropped),
      [7],
    );
  });

  test("else lets a decision wait for room, and drops none", async () => {
    const tenant = await newTenant();
    const log = openTestLog(store.database, { queueMax: 3 });
    const waits = Array.from({ length: 20 }, (_, number) => log.record(event(tenant, number)));
    assert.ok(waits.slice(0, 3).every((wait) => wait === undefined));
    assert.ok(waits.slice(3).every((wait) => wait instanceof Promise));
    await Promise.all(waits.map((wait) => Promise.resolve(wait)));
    await log[Symbol.asyncDispose]();
    const kinds = await kindsOf(tenant);
    assert.equal(kinds.filter((kind) => kind === "decision").length, 20);
    assert.ok(!kinds.includes("dropped"));
  });

  test("binds the last of the changes that it is told of", async () => {
    const tenant = await newTenant();
    const log = openTestLog(store.database);
    log.changed(tenant, 4, "aa");
    log.changed(tenant, 6, "cc");
    log.changed(tenant, 5, "bb");
    await log[Symbol.asyncDispose]();
    const bound = (await rowsOf(tenant)).filter(({ kind }) => kind === "changes");
    assert.deepEqual(
      bound.map(({ members }) => [members["revision"], members["digest"]]),
      [[6, "cc"]],
    );
  });

  test("writes nothing of tenants that do not exist", async () => {
    const log = openTestLog(store.database, { mode: "sync" });
    const unknown = new DomainError("tenant_not_found", "there is none");
    assert.equal(log.record({ ...event("nobody", 1), outcome: unknown }), undefined);
    await log.record(event("nobody", 2));
    await log[Symbol.asyncDispose]();
    assert.deepEqual(await rowsOf("nobody"), []);
  });

  test("with sync logs the first ALLOWED of a tenant that was looked for before it was made", async () => {
    const log = openTestLog(store.database, { mode: "sync" });
    await settled(log, event("made-later", 1, "error"));
    await createTenant(store.database, "made-later");
    await log.record(event("made-later", 2));
    assert.deepEqual(await kindsOf("made-later"), ["boot", "decision"]);
    await log[Symbol.asyncDispose]();
  });

  test("looks many tenants that do not exist up at once", async () => {
    const tenant = await newTenant();
    const real = logStoreOf(store.database);
    let opened = 0;
    const open: typeof real.open = (names) => {
      opened += 1;
      return real.open(names);
    };
    const log = openTestLog(store.database, { mode: "sync" }, { open });
    for (let number = 0; number < 800; number += 1) {
      void log.record(event(`invented-${number}`, number, "error"));
    }
    await log.record(event(tenant, 800));
    assert.equal(opened, 1);
    assert.deepEqual(await kindsOf(tenant), ["boot", "decision"]);
    await log[Symbol.asyncDispose]();
  });

  test("decides nothing once it has said that it ends", async () => {
    const tenant = await newTenant();
    const held = Promise.withResolvers<void>();
    const real = logStoreOf(store.database);
    const writingStop = Promise.withResolvers<void>();
    let calls = 0;
    const log = openTestLog(
      store.database,
      {},
      {
        append: async (segments) => {
          calls += 1;
          if (calls === 2) {
            writingStop.resolve();
            await held.promise;
          }
          return real.append(segments);
        },
      },
    );
    void log.record(event(tenant, 1));
    const ending = log[Symbol.asyncDispose]();
    await writingStop.promise;
    await assert.rejects(async () => log.record(event(tenant, 2)), { code: "not_serving" });
    log.changed(tenant, 9, "aa");
    held.resolve();
    await ending;
    assert.deepEqual(await kindsOf(tenant), ["boot", "decision", "stop"]);
    assert.deepEqual((await verify(tenant)).findings, []);
  });

  test("signs how far the changes are of which it tells", async () => {
    const tenant = await newTenant();
    const log = openTestLog(store.database);
    log.changed(tenant, 7, "aa");
    await log[Symbol.asyncDispose]();
    const [last] = await logStorageOf(store.database).lastCheckpoints(tenant);
    assert.equal(claimOfCheckpoint(last?.signed.body ?? "")?.revision, 7);
  });

  test("gives out the last checkpoint by each key, so that each is believed that is kept", async () => {
    const tenant = await newTenant();
    for (const number of [1, 2, 3]) {
      // Each has a key of its own.
      const log = openTestLog(store.database);
      void log.record(event(tenant, number));
      await log[Symbol.asyncDispose]();
    }
    const storage = logStorageOf(store.database);
    const kept = (await storage.lastCheckpoints(tenant)).map(({ signed }) => signed);
    assert.deepEqual(
      kept.map(({ body }) => claimOfCheckpoint(body)?.seq),
      [3, 6, 9],
    );
    const parts = readLog(storage, tenant, new AbortController().signal);
    const report = await verifyLog(tenant, parts, { checkpoints: kept, keys: [] });
    assert.deepEqual([report.findings, report.keys.length], [[], 3]);
  });

  test("fails to note what it cannot sign", async () => {
    const tenant = await newTenant();
    const away = new DomainError("not_serving", "the database is away");
    const log = openTestLog(store.database, {}, { checkpoint: () => Promise.reject(away) });
    await assert.rejects(log.note(tenant, { kind: "history", before: 1 }), away);
    await log[Symbol.asyncDispose]();
  });
});

/** Once the row of an event for which nobody waits was dealt with. */
async function settled(log: DecisionLog, event: DecisionEvent): Promise<void> {
  void log.record(event);
  while ((log.numbers["waiting"] ?? 0) > 0) await sleep(5);
  // What is being written waits no more: the next write is behind it.
  await log.note("default", { kind: "history", before: 0 });
}
