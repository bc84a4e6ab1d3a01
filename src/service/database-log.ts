import type { Database } from "../store/database.ts";
import { findRevisions, readRevisionParts } from "../store/log-revisions.ts";
import {
  findDecision,
  findSegments,
  lastCheckpoints,
  listChains,
  readChain,
  readCheckpoints,
} from "../store/log-segments.ts";
import type { LogStorage } from "./log-reader.ts";

/** What auditors read, on PostgreSQL. */
export function logStorageOf(database: Database): LogStorage {
  return {
    chains: (tenant) => listChains(database, tenant),
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
