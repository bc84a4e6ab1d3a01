import type { Database } from "../store/database.ts";
import { readLiveTuples, readStanding } from "../store/log-live.ts";
import { findRevisions, readRevisionParts } from "../store/log-revisions.ts";
import {
  findDecision,
  findSegments,
  lastCheckpoints,
  listChains,
  readChain,
  readChainStart,
  readCheckpoints,
} from "../store/log-segments.ts";
import {
  deleteAgedRevisions,
  deleteAgedRows,
  findAgedChains,
  findAgedRevision,
  hasOldHistory,
  isLogTruncated,
  lastCheckpointBodies,
} from "../store/log-retention.ts";
import type { AgedLog } from "./log-retention.ts";
import type { LogStorage } from "./log-reader.ts";

/** What auditors read, on PostgreSQL. */
export function logStorageOf(database: Database): LogStorage {
  return {
    chains: (tenant) => listChains(database, tenant),
    chainStart: (tenant, chain, limit) => readChainStart(database, tenant, chain, limit),
    standing: (tenant) => readStanding(database, tenant),
    liveTuples: (tenant, revision, after, limit) =>
      readLiveTuples(database, tenant, revision, after, limit),
    segments: (tenant, chain, afterSeq, limit) =>
      readChain(database, tenant, chain, afterSeq, limit),
    find: (tenant, query) => findSegments(database, tenant, query),
    findDecision: (tenant, decision) => findDecision(database, tenant, decision),
    checkpoints: (tenant, after, limit) => readCheckpoints(database, tenant, after, limit),
    lastCheckpoints: (tenant) => lastCheckpoints(database, tenant),
    revisions: (tenant, after) => readRevisionParts(database, tenant, after),
    findRevisions: (tenant, query) => findRevisions(database, tenant, query),
  };
}

/** What grows old, likewise. */
export function agedLogOf(database: Database): AgedLog {
  return {
    chains: (tenant, beforeMs) => findAgedChains(database, tenant, beforeMs),
    checkpoints: (tenant, chain, through) => lastCheckpointBodies(database, tenant, chain, through),
    isTruncated: (tenant) => isLogTruncated(database, tenant),
    deleteRows: (tenant, chain, through) => deleteAgedRows(database, tenant, chain, through),
    revision: (tenant, beforeMs) => findAgedRevision(database, tenant, beforeMs),
    deleteRevisions: (tenant, through) => deleteAgedRevisions(database, tenant, through),
    hasHistory: (tenant, beforeMs) => hasOldHistory(database, tenant, beforeMs),
  };
}
