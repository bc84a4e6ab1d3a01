import { randomUUID } from "node:crypto";
import { link, mkdir, readFile, unlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Logger } from "pino";
import { keyName, makeSigningKey, readSigningKey, type SigningKey } from "./audit/checkpoint.ts";
import { createSealer } from "./audit/sealer.ts";
import type { Config } from "./config.ts";
import { DomainError } from "./core/error.ts";
import { createDecisionLog, type DecisionLog } from "./service/decision-log.ts";
import type { DecisionSink } from "./service/decision-event.ts";
import { agedLogOf } from "./service/database-log.ts";
import { LogSweeper } from "./service/log-retention.ts";
import type { Storage } from "./service/storage.ts";
import type { Database } from "./store/database.ts";
import {
  appendSegments,
  insertCheckpoints,
  openChains,
  readChainHead,
} from "./store/log-chains.ts";

const keyFileName = "decision-log-key.pem";

/**
 * The key with which the node signs its log, and what it writes. A node whose log is off uses one that
 * is there, and makes none. Else it fails where the key cannot be read or made: a log that nobody signs
 * proves little.
 */
export async function openSigningKey(config: Config, log: Logger): Promise<SigningKey | undefined> {
  const { decisionLog, decisionLogKeyFile, dataDir } = config;
  const path = decisionLogKeyFile ?? join(dataDir, keyFileName);
  let pem = await readFile(path, "utf8").catch(() => undefined);
  if (pem === undefined && decisionLog === "off") return undefined;
  if (pem === undefined && decisionLogKeyFile === undefined) {
    pem = await makeKeyFile(dataDir, path);
    log.info({ path }, "made a key that signs the decision log");
  }
  const key = pem === undefined ? undefined : readSigningKey(pem);
  if (key === undefined) {
    throw new DomainError(
      "malformed",
      `\`${path}\` is no Ed25519 private key in PEM that can be read, see --decision-log-key`,
    );
  }
  log.info({ key: keyName(key.publicKey) }, "what this node logs and writes is signed");
  return key;
}

/** The log of decisions as configured; `undefined` where it is off. It is closed with the parts. */
export function openDecisionLog(
  config: Config,
  log: Logger,
  { database, key }: { readonly database: Database; readonly key: SigningKey | undefined },
  parts: AsyncDisposableStack,
): DecisionLog | undefined {
  if (config.decisionLog === "off" || key === undefined) return undefined;
  const decisionLog = createDecisionLog({
    store: {
      open: (chains) => openChains(database, chains),
      head: (tenant, chain) => readChainHead(database, tenant, chain),
      append: (segments) => appendSegments(database, segments),
      checkpoint: (checkpoints) => insertCheckpoints(database, checkpoints),
    },
    sealer: createSealer(),
    key,
    settings: {
      mode: config.decisionLog,
      queueMax: config.decisionLogQueueMax,
      whenFull: config.decisionLogFull,
      keptParameters: new Set(config.decisionLogContext),
      checkpointMs: config.decisionLogCheckpointMs,
      node: config.nodeName,
    },
    nowMs: Date.now,
    report: (doing, cause) => log.warn({ err: cause }, `failed, and is tried again: ${doing}`),
  });
  parts.use(decisionLog);
  return decisionLog;
}

/** The same storage, whose writes are bound to this node's chain. */
export function boundToLog(storage: Storage, log: DecisionLog | undefined): Storage {
  if (log === undefined) return storage;
  return {
    ...storage,
    write: async (mutation, signal) => {
      const result = await storage.write(mutation, signal);
      if (result.digest !== undefined) {
        log.changed(mutation.tenant, result.revision, result.digest);
      }
      return result;
    },
  };
}

/** Tells both of every decision; the second may hold an answer back. */
export function bothSinks(first: DecisionSink, second: DecisionSink | undefined): DecisionSink {
  if (second === undefined) return first;
  return {
    record: (event) => {
      void first.record(event);
      return second.record(event);
    },
  };
}

/** What removes the old from the log. A node whose log is off has none: it could not say so. */
export function createLogSweeper(
  config: Config,
  database: Database,
  {
    storage,
    decisionLog,
  }: { readonly storage: Storage; readonly decisionLog: DecisionLog | undefined },
): LogSweeper | undefined {
  if (decisionLog === undefined) return undefined;
  const aged = agedLogOf(database);
  const { tenants } = storage;
  const { decisionLogKeepMs: keepMs } = config;
  return new LogSweeper({ log: decisionLog, aged, tenants, keepMs, nowMs: Date.now });
}

async function makeKeyFile(dataDir: string, path: string): Promise<string> {
  const pem = makeSigningKey();
  try {
    await mkdir(dataDir, { recursive: true, mode: 0o700 });
    const draft = `${path}.${randomUUID()}`;
    await writeFile(draft, pem, { mode: 0o600, flag: "wx" });
    // Another node of the same machine may have been quicker: then its key is ours.
    try {
      await link(draft, path);
    } finally {
      await unlink(draft);
    }
    return pem;
  } catch (cause) {
    const other = await readFile(path, "utf8").catch(() => undefined);
    if (other !== undefined) return other;
    throw new DomainError(
      "malformed",
      `the decision log's key cannot be made at \`${path}\`: give --decision-log-key, a --data-dir that can be written, or --decision-log off`,
      { cause },
    );
  }
}
