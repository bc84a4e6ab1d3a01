import { createSealer } from "../src/audit/sealer.ts";
import { agedLogOf } from "../src/service/database-log.ts";
import { createDecisionLog } from "../src/service/decision-log.ts";
import { LogSweeper } from "../src/service/log-retention.ts";
import {
  appendSegments,
  insertCheckpoints,
  openChains,
  readChainHead,
} from "../src/store/log-chains.ts";
import { parseRevision, parseTimeline } from "../src/core/revision.ts";
import { Database } from "../src/store/database.ts";
import { truncateHistory } from "../src/store/retention.ts";
import { tenant, type LogCopy } from "./log-copy.ts";
import type { RealLog } from "./real-log.ts";

/** What a node that runs does as time goes by: removes what is from before the checkpoints kept earlier. */
export async function removeOld(
  copy: LogCopy,
  log: RealLog,
  beforeMs: number = log.keptEarlierMs,
): Promise<void> {
  await withSweeper(copy, log, beforeMs, async (sweeper) => {
    const { signal } = new AbortController();
    // What the first says the second does.
    await sweeper.sweep(signal);
    await sweeper.sweep(signal);
  });
}

/** The same with what was changed. */
export async function forgetHistory(copy: LogCopy, log: RealLog): Promise<void> {
  const beforeMs = Date.now();
  await withSweeper(copy, log, beforeMs, async (sweeper, database) => {
    await sweeper.sayHistory(tenant, beforeMs);
    await truncateHistory(database, tenant, (await sweeper.sayHistory(tenant, beforeMs)) ?? 0);
  });
}

async function withSweeper(
  { connectionString }: LogCopy,
  { keyOf }: RealLog,
  beforeMs: number,
  use: (sweeper: LogSweeper, database: Database) => Promise<void>,
): Promise<void> {
  const database = new Database({ connectionString, log: () => undefined });
  const log = createDecisionLog({
    store: {
      open: (chains) => openChains(database, chains),
      head: (of, chain) => readChainHead(database, of, chain),
      append: (segments) => appendSegments(database, segments),
      checkpoint: (checkpoints) => insertCheckpoints(database, checkpoints),
    },
    sealer: createSealer(),
    key: await keyOf("one"),
    settings: {
      mode: "async",
      queueMax: 1_000,
      whenFull: "block",
      keptParameters: new Set(),
      checkpointMs: 60_000,
      node: "one",
    },
    nowMs: Date.now,
    report: () => undefined,
  });
  const head = {
    revision: parseRevision(0),
    horizon: parseRevision(0),
    timeline: parseTimeline("00000001"),
  };
  const sweeper = new LogSweeper({
    log,
    aged: agedLogOf(database),
    tenants: { list: () => Promise.resolve([{ tenant, head, createdAtMs: 0 }]) },
    keepMs: Date.now() - beforeMs,
    nowMs: Date.now,
  });
  try {
    await use(sweeper, database);
  } finally {
    await log[Symbol.asyncDispose]();
    await database.close();
  }
}
