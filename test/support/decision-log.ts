import { makeSigningKey, readSigningKey } from "../../src/audit/checkpoint.ts";
import { createSealer } from "../../src/audit/sealer.ts";
import {
  createDecisionLog,
  type DecisionLog,
  type LogSettings,
} from "../../src/service/decision-log.ts";
import type { LogStore } from "../../src/service/log-chains.ts";
import type { Database } from "../../src/store/database.ts";
import {
  appendSegments,
  insertCheckpoints,
  openChains,
  readChainHead,
} from "../../src/store/log-chains.ts";

/** A log on a real database; `store` may put something between. */
export function openTestLog(
  database: Database,
  settings: Partial<LogSettings> = {},
  store: Partial<LogStore> = {},
): DecisionLog {
  const key = readSigningKey(makeSigningKey());
  if (key === undefined) throw new Error("a key that was just made is one");
  return createDecisionLog({
    store: { ...logStoreOf(database), ...store },
    sealer: createSealer(),
    key,
    settings: {
      mode: "async",
      queueMax: 1_000,
      whenFull: "block",
      keptParameters: new Set(),
      checkpointMs: 60_000,
      node: "node",
      ...settings,
    },
    nowMs: Date.now,
    report: () => undefined,
  });
}

export function logStoreOf(database: Database): LogStore {
  return {
    open: (chains) => openChains(database, chains),
    head: (tenant, chain) => readChainHead(database, tenant, chain),
    append: (segments) => appendSegments(database, segments),
    checkpoint: (checkpoints) => insertCheckpoints(database, checkpoints),
  };
}
