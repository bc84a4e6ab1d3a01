import cluster from "node:cluster";
import type { Logger } from "pino";
import { openCertificates, openIssuers } from "./caller-credentials.ts";
import { formatAddress, formatOptions, isLoopback, parseConfig, type Config } from "./config.ts";
import { bothSinks, boundToLog, openDecisionLog, openSigningKey } from "./decision-log.ts";
import { DomainError } from "./core/error.ts";
import type { Issuers } from "./identity/parse-issuers.ts";
import { createTokenVerifier } from "./identity/token-verifier.ts";
import { defaultLimits } from "./engine/limits.ts";
import type { Address } from "./option.ts";
import { preloadTenants } from "./preload.ts";
import { ReplicaMachine } from "./replica/machine.ts";
import type { ModelSource } from "./replica/ports.ts";
import { listenForMachine, postgresDb, postgresPast } from "./replica/postgres.ts";
import { PastEvaluator } from "./replica/private-graph.ts";
import { createLog } from "./rpc/log.ts";
import { createMetrics, type Metrics } from "./rpc/metrics.ts";
import { startServer, type ListenAddress, type RpcServer, type UseCases } from "./rpc/server.ts";
import type { TlsSource } from "./rpc/tls.ts";
import { systemClock, systemRng, systemTimers } from "./runtime.ts";
import { storageOf } from "./service/database-storage.ts";
import { authorizerWithLog } from "./service/authorizer-with-log.ts";
import { createBreakGlass, type OnBreakGlass } from "./service/break-glass.ts";
import { createCredentials } from "./service/credentials.ts";
import type { DecisionLog } from "./service/decision-log.ts";
import { createPermits } from "./service/permits.ts";
import { createServices, type ServiceDependencies, type Services } from "./service/services.ts";
import type { Storage } from "./service/storage.ts";
import { ensureSystemModel } from "./service/system-model.ts";
import { Database } from "./store/database.ts";
import { startEmbeddedPostgres } from "./store/embedded-postgres.ts";
import { ownProcess } from "./store/process-identity.ts";
import { migrate, readMigrations } from "./store/migrations.ts";
import { ensureStandingTenants } from "./store/tenants.ts";
import { createWriter } from "./store/writer.ts";
import { openHintSeal, type HintSeal } from "./store/hint-seal.ts";
import { keepWorkers, leave, pagesOfAll, tellServing, workerVariable } from "./workers.ts";
import { keepUp } from "./upkeep.ts";

/**
 * Serves until it is told to stop, then stops gracefully. Returns the exit code: 0 after a stop, 1
 * where it could not start, 2 where an option is wrong.
 */
export async function serve(args: readonly string[]): Promise<number> {
  if (args.includes("--help") || args.includes("-h")) {
    process.stdout.write(`prokura serve: answers over gRPC and HTTP\n\n${formatOptions()}\n`);
    return 0;
  }
  let config: Config;
  try {
    config = ofWorker(parseConfig(args, process.env));
  } catch (error) {
    if (!(error instanceof DomainError)) throw error;
    process.stderr.write(`prokura: ${error.message}\n`);
    return 2;
  }
  const text = config.logFormat === "text" || (config.logFormat === "auto" && process.stderr.isTTY);
  const log = createLog(config.logLevel, text ? "text" : "json");
  const stop = toldToStop(log);
  try {
    await using parts = new AsyncDisposableStack();
    if (config.workers > 1 && cluster.isPrimary) {
      return await startWorkers(config, log, parts, stop);
    }
    await startNode(config, log, parts);
    if (cluster.isWorker) tellServing();
    await stop;
    log.info({ grace_ms: config.shutdownGraceMs }, "stopping");
  } catch (error) {
    if (error instanceof DomainError) log.fatal(causeOf(error), error.message);
    else log.fatal({ err: error }, "the server failed on a bug");
    return 1;
  } finally {
    if (cluster.isWorker) leave();
  }
  log.info("stopped");
  return 0;
}

/** Workers are told from each other by their numbers. */
function ofWorker(config: Config): Config {
  const worker = process.env[workerVariable];
  if (worker === undefined || !cluster.isWorker) return config;
  return { ...config, nodeName: `${config.nodeName}.${worker}` };
}

/** The workers share what only one process may hold: the embedded PostgreSQL. */
async function startWorkers(
  config: Config,
  log: Logger,
  parts: AsyncDisposableStack,
  stop: Promise<void>,
): Promise<number> {
  const { workers, databaseUrl } = config;
  const line = (message: string): void => log.info(message);
  const environment =
    databaseUrl === undefined ? { DATABASE_URL: await startEmbedded(config, line, parts) } : {};
  return await keepWorkers({ workers, environment, log }, stop);
}

/** A node that answers, but to nobody yet. */
export interface Node {
  readonly issuers: Issuers;
  readonly database: Database;
  readonly storage: Storage;
  readonly replica: ReplicaMachine;
  readonly metrics: Metrics;
  /** Absent where it is off. */
  readonly decisionLog: DecisionLog | undefined;
  readonly services: Services;
}

/** Puts the parts together, each to be closed before those that it rests on. */
export async function openNode(
  config: Config,
  log: Logger,
  parts: AsyncDisposableStack,
): Promise<Node> {
  const issuers = await openIssuers(config);
  const database = await openDatabase(config, log, parts);
  const key = await openSigningKey(config, log);
  const decisionLog = openDecisionLog(config, log, { database, key }, parts);
  const seal = await openHintSeal(database);
  const writer = createWriter(database, seal, key);
  parts.defer(() => writer.close());
  const storage = boundToLog(storageOf(database, writer), decisionLog);
  const models = modelSourceOf(storage);
  const replica = await startReplica(config, log, { database, seal, models }, parts);
  const metrics = createMetrics(() => ({ ...replica.counters, heldBytes: replica.heldBytes }));
  const verifySubject = createTokenVerifier(issuers.subjects, Date.now);
  const onBreakGlass = createBreakGlass({
    write: storage.write,
    report: ({ caller: { id }, permission, tenant }) =>
      log.error({ caller: id, permission, tenant }, "a caller breaks the glass"),
    count: metrics.glassBroken,
  });
  if (decisionLog !== undefined) metrics.show("decision_log", () => decisionLog.numbers);
  const decisions = bothSinks(metrics.decisions, decisionLog);
  const known = { database, storage, replica, models, decisions, verifySubject, onBreakGlass };
  const services = servicesOf(config, known);
  await ensureSystemModel(storage, services.models);
  return { issuers, database, storage, replica, metrics, decisionLog, services };
}

/** How often those who watch the health of the server are told what has changed. */
const watchedMs = 100;

async function startNode(config: Config, log: Logger, parts: AsyncDisposableStack): Promise<void> {
  const tls = await openCertificates(config, (error) =>
    log.error({ err: error }, "new certificates cannot be used, the old ones are kept"),
  );
  if (tls !== undefined) parts.use(tls);
  const node = await openNode(config, log, parts);
  const { issuers, database, storage, replica, metrics, decisionLog, services } = node;
  const ending = new AbortController();
  const upkeep = keepUp(config, log, database, { storage, replica, decisionLog }, ending.signal);
  parts.defer(() => {
    ending.abort();
    return upkeep;
  });
  const ahead = preloadTenants(config, log, database, replica, ending.signal);
  parts.defer(() => {
    ending.abort();
    return ahead;
  });
  const verifyToken = createTokenVerifier(issuers.callers, Date.now);
  const verifyCredential = createCredentials(storage.keys.find, verifyToken);
  const authorizer = authorizerWithLog(services.authorizer, decisionLog);
  const useCases = { ...services, authorizer, verifyCredential };
  let isStopping = false;
  const serves = (): boolean => !isStopping && replica.serving;
  const rpc = await startRpc(config, log, { useCases, metrics, tls, serves });
  parts.defer(() => rpc.close(config.shutdownGraceMs));
  const follow = setInterval(() => rpc.refreshHealth(), watchedMs);
  parts.defer(() => {
    clearInterval(follow);
    isStopping = true;
    rpc.refreshHealth();
  });
  report(config, log, rpc);
}

async function openDatabase(
  config: Config,
  log: Logger,
  parts: AsyncDisposableStack,
): Promise<Database> {
  const line = (message: string): void => log.info(message);
  const connectionString = config.databaseUrl ?? (await startEmbedded(config, line, parts));
  const steps = await migrate(connectionString, await readMigrations());
  if (steps > 0) log.info({ steps }, "the schema is brought up to date");
  const process = ownProcess();
  const database = new Database({
    connectionString,
    log: (message) => log.warn(message),
    ...(config.databaseUrl === undefined && process !== undefined ? { ownProcess: process } : {}),
    // Of the rest eight write, two renew leases, and two send hints.
    readConnectionsMax: config.databaseConnectionsMax - 12,
    writeConnectionsMax: 8,
  });
  parts.defer(() => database.close());
  await ensureStandingTenants(database);
  return database;
}

async function startEmbedded(
  config: Config,
  log: (message: string) => void,
  parts: AsyncDisposableStack,
): Promise<string> {
  const embedded = await startEmbeddedPostgres({ dataDir: config.dataDir, log });
  parts.defer(() => embedded.stop());
  return embedded.connectionString;
}

async function startReplica(
  config: Config,
  log: Logger,
  known: { readonly database: Database; readonly seal: HintSeal; readonly models: ModelSource },
  parts: AsyncDisposableStack,
): Promise<ReplicaMachine> {
  const { database, seal, models } = known;
  const replica = new ReplicaMachine({
    db: postgresDb(database, systemTimers, seal),
    models,
    clock: systemClock,
    timers: systemTimers,
    rng: systemRng,
    report: (doing, cause) => log.warn({ err: cause }, `failed, and is tried again: ${doing}`),
    node: config.nodeName,
    parameters: {
      serveMs: config.leaseServeMs,
      killMs: config.leaseKillMs,
      renewMs: config.leaseRenewMs,
      memoryBytes: config.memoryBytesMax,
      verdictsMax: config.verdictsMax,
      evaluationBytes: config.memoryBytesMax / 4,
      roundsMax: config.depthMax + 16,
    },
  });
  const hints = await listenForMachine(database.connectionString, seal, replica);
  parts.defer(() => hints.close());
  replica.start();
  parts.defer(() => replica.close());
  return replica;
}

function servicesOf(
  config: Config,
  parts: Pick<Node, "database" | "storage" | "replica"> &
    Pick<ServiceDependencies, "verifySubject" | "decisions"> & {
      readonly models: ModelSource;
      readonly onBreakGlass: OnBreakGlass;
    },
): Services {
  const { database, storage, replica, models, decisions, verifySubject, onBreakGlass } = parts;
  const past = new PastEvaluator({
    load: postgresPast(database),
    models,
    memoryBytes: config.memoryBytesMax / 4,
    pagesPerRoundMax: 256,
    roundsMax: config.depthMax + 16,
  });
  const limits = { ...defaultLimits, depthMax: config.depthMax, stepsMax: config.stepsMax };
  return createServices({
    storage,
    replica,
    evaluatePast: (tenant, at, evaluation, signal) => past.evaluate(tenant, at, evaluation, signal),
    verifySubject,
    permits: createPermits({ replica, limits, nowMs: Date.now, onBreakGlass }),
    decisions,
    limits,
    settings: {
      lifetimes: { defaultMs: config.delegationLifetimeMs, maxMs: config.delegationLifetimeMaxMs },
      pairDelegationsMax: config.liveDelegationsMax,
      writeTuplesMax: config.operationsMax,
      killMs: config.leaseKillMs,
    },
    ownLeaseId: () => replica.leaseId,
  });
}

async function startRpc(
  config: Config,
  log: Logger,
  parts: {
    readonly useCases: UseCases;
    readonly metrics: Metrics;
    readonly tls: TlsSource | undefined;
    readonly serves: () => boolean;
  },
): Promise<RpcServer> {
  const { useCases, metrics, tls, serves } = parts;
  const required = config.authentication === "required";
  const listenOn = (address: Address): ListenAddress => {
    const proof = isLoopback(address) ? "loopback" : "insecure";
    return { ...address, proof: required ? "required" : proof };
  };
  const pages = cluster.isWorker ? pagesOfAll(metrics) : metrics;
  return await startServer(
    useCases,
    {
      ...(tls === undefined ? {} : { tls }),
      grpc: listenOn(config.grpcListen),
      http: listenOn(config.httpListen),
      limits: config,
      grpcServer: config.grpcServer,
    },
    { log, observer: metrics.calls, pages: { ...pages, serves } },
  );
}

/** A stored model never changes, so whoever asks for it keeps it. */
function modelSourceOf(storage: Storage): ModelSource {
  return {
    load: async (tenant, modelId) => {
      const kept = await storage.models.read(tenant, modelId);
      if (kept === undefined) {
        throw new DomainError(
          "model_not_found",
          `tenant \`${tenant}\` has no model \`${modelId}\``,
        );
      }
      return kept.model;
    },
  };
}

/** The one line that says where everything is, and whom it lets in. */
function report(config: Config, log: Logger, rpc: RpcServer): void {
  const { grpcListen, httpListen, authentication, databaseUrl } = config;
  const isOpen = authentication === "optional";
  log.info(
    {
      grpc: formatAddress({ ...grpcListen, port: rpc.grpcPort }),
      http: formatAddress({ ...httpListen, port: rpc.httpPort }),
      // Of a URL its host: the rest may be secret.
      data:
        databaseUrl === undefined ? config.dataDir : decodeURIComponent(new URL(databaseUrl).host),
      authentication,
      tls: config.tlsCertificateFile !== undefined,
    },
    isOpen
      ? "prokura serves: whoever connects and shows no credential may do everything"
      : "prokura serves callers that show who they are",
  );
  if (config.decisionLog === "off") {
    log.warn("decision-log is off: what is decided here leaves no trace");
  }
  if (config.insecureListen && isOpen) {
    log.warn("insecure-listen is set: anybody who reaches these addresses may do everything");
  }
  const isPrivate = [grpcListen, httpListen].every(isLoopback);
  if (!isPrivate && config.tlsCertificateFile === undefined) {
    log.warn("no tls-cert is given: what is sent here, credentials too, can be read on its way");
  }
}

/** npm and a terminal both pass on one Ctrl-C: what comes this soon is not a second one. */
const sameSignalMs = 1_000;

/** Resolves at the first signal to stop; a second one ends the process at once. */
async function toldToStop(log: Logger): Promise<void> {
  let firstAtMs: number | undefined;
  await new Promise<void>((resolve) => {
    for (const name of ["SIGTERM", "SIGINT"] as const) {
      process.on(name, () => {
        firstAtMs ??= performance.now();
        resolve();
        if (performance.now() - firstAtMs <= sameSignalMs) return;
        log.warn("told twice to stop: going at once");
        process.exit(1);
      });
    }
  });
}

function causeOf({ cause }: DomainError): { readonly cause?: string } {
  return cause instanceof Error ? { cause: cause.message } : {};
}
