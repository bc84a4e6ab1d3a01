import { setTimeout as sleep } from "node:timers/promises";
import type { Logger } from "pino";
import type { Config } from "./config.ts";
import { createLogSweeper } from "./decision-log.ts";
import type { Replica } from "./replica/replica.ts";
import type { DecisionLog } from "./service/decision-log.ts";
import { maintain, type AgedStorage } from "./service/maintenance.ts";
import type { Storage } from "./service/storage.ts";
import type { Database } from "./store/database.ts";
import { findOrphans } from "./store/orphans.ts";
import {
  findExpiredTuples,
  forgetReplies,
  readDatabaseTime,
  truncateHistory,
} from "./store/retention.ts";

export interface UpkeepParts {
  readonly storage: Storage;
  readonly replica: Pick<Replica, "enforce">;
  readonly decisionLog: DecisionLog | undefined;
}

const upkeepEveryMs = 3_600_000;
const upkeepAfterMs = 60_000;

/** Removes what has grown old, now and then, until the server stops. */
export async function keepUp(
  config: Config,
  log: Logger,
  database: Database,
  parts: UpkeepParts,
  signal: AbortSignal,
): Promise<void> {
  const sweeper = createLogSweeper(config, database, parts);
  const aged: AgedStorage = {
    readNowMs: () => readDatabaseTime(database),
    truncateHistory: async (tenant, beforeMs) => {
      const dueMs = sweeper === undefined ? beforeMs : await sweeper.sayHistory(tenant, beforeMs);
      if (dueMs !== undefined) await truncateHistory(database, tenant, dueMs);
    },
    forgetReplies: (tenant, beforeMs) => forgetReplies(database, tenant, beforeMs),
    findExpired: (tenant, beforeMs, limit) => findExpiredTuples(database, tenant, beforeMs, limit),
    findOrphans: (tenant, limit) => findOrphans(database, tenant, limit),
  };
  const { historyMs: windowMs, leaseKillMs: killMs } = config;
  const upkeep = { ...parts, aged, windowMs, killMs };
  for (let pauseMs = upkeepAfterMs; ; pauseMs = upkeepEveryMs) {
    // A pause that is broken off is the end.
    await sleep(pauseMs, undefined, { signal }).catch(() => undefined);
    if (signal.aborted) return;
    try {
      await maintain(upkeep, signal);
      await sweeper?.sweep(signal);
    } catch (error) {
      log.warn({ err: error }, "the upkeep failed, and is tried again");
    }
  }
}
