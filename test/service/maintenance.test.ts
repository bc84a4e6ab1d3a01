import assert from "node:assert/strict";
import { after, before, suite, test } from "node:test";
import { parseTupleText, type RelationTuple } from "../../src/core/tuple.ts";
import { maintain, type AgedStorage } from "../../src/service/maintenance.ts";
import { findOrphans } from "../../src/store/orphans.ts";
import {
  findExpiredTuples,
  forgetReplies,
  readDatabaseTime,
  truncateHistory,
} from "../../src/store/retention.ts";
import { readTuples } from "../../src/store/tuples.ts";
import {
  prepareWorld,
  requestContext,
  startNode,
  type ServiceNode,
} from "../support/service-node.ts";

suite("maintain", () => {
  let node: ServiceNode;
  let aged: AgedStorage;
  before(async () => {
    node = await startNode();
    await prepareWorld(node, []);
    const { database } = node;
    aged = {
      readNowMs: () => readDatabaseTime(database),
      truncateHistory: (tenant, beforeMs) => truncateHistory(database, tenant, beforeMs),
      forgetReplies: (tenant, beforeMs) => forgetReplies(database, tenant, beforeMs),
      findExpired: (tenant, beforeMs, limit) =>
        findExpiredTuples(database, tenant, beforeMs, limit),
      findOrphans: (tenant, limit) => findOrphans(database, tenant, limit),
    };
  });
  after(async () => node[Symbol.asyncDispose]());

  async function write(tuple: RelationTuple): Promise<void> {
    const result = await node.storage.write({
      tenant: "default",
      caller: requestContext().caller,
      operation: "write_tuples",
      reason: "",
      steps: [{ kind: "touch", tuple }],
      preconditions: [],
      records: [],
      urgent: false,
    });
    assert.equal(result.kind, "committed");
  }

  async function standing(): Promise<readonly string[]> {
    const { tuples } = await readTuples(node.database, "default", { filter: {}, limit: 100 });
    return tuples.map(({ object }) => object.id);
  }

  test("deletes what has expired by the database's clock, and nothing that a wrong clock takes for it", async () => {
    const nowMs = await readDatabaseTime(node.database);
    await write({
      ...parseTupleText("folder:over#owner@user:a", "t"),
      expiresAtMs: nowMs - 60_000,
    });
    await write({
      ...parseTupleText("folder:later#owner@user:a", "t"),
      expiresAtMs: nowMs + 600_000,
    });
    // As a node would ask whose clock is days ahead.
    const ahead = { ...aged, readNowMs: () => Promise.resolve(nowMs + 3 * 86_400_000) };
    const parts = { storage: node.storage, replica: node.replica, windowMs: 1000, killMs: 12_000 };
    await maintain({ ...parts, aged: ahead }, new AbortController().signal);
    assert.deepEqual(await standing(), ["later"]);
  });
});
