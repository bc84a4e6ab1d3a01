import { setTimeout as sleep } from "node:timers/promises";
import { fromBinary, fromJsonString } from "@bufbuild/protobuf";
import {
  BatchCheckResponseSchema,
  CheckRelationResponseSchema,
  CheckResponseSchema,
  StreamCheckResponseSchema,
  Verdict,
  type CheckResult,
} from "../../src/gen/prokura/v1/authorization_pb.ts";
import { Http1Connection } from "./http1-connection.ts";
import { Http2Connection } from "./http2-connection.ts";
import type { LoadJob, LoadObserver, LoadResult } from "./job.ts";
import { processCpuUs } from "./process-time.ts";

// The load generator: a process of its own, so that what it costs is not counted as the server's.
// It is told jobs by its parent, one after the other, and answers each with a result.

const decodedOneIn = 64;
const latenciesMax = 1_000_000;

process.on("message", (job: LoadJob) => {
  void run(job).then((result) => process.send?.(result));
});

async function run(job: LoadJob): Promise<LoadResult> {
  const tally = new Tally(job);
  const connections = Array.from({ length: job.connections }, (_, index) => {
    const offset = index * 7;
    return job.kind === "json"
      ? new Http1Connection(job, tally, offset)
      : new Http2Connection(job, tally, offset);
  });
  await sleep(job.warmUpSeconds * 1000);
  const start = reading(job);
  tally.reset();
  await sleep(job.seconds * 1000);
  const end = reading(job);
  const { answers, wrong } = tally;
  const latencies = tally.latenciesUs();
  for (const connection of connections) connection.close();
  const per = (us: number): number => (answers === 0 ? Number.NaN : us / answers);
  return {
    answers,
    wrong,
    serverCpuUs: per(end.serverUs - start.serverUs),
    clientCpuUs: per(end.clientUs - start.clientUs),
    answersPerSecond: (answers * 1000) / (end.atMs - start.atMs),
    p50Us: latencies[Math.floor(latencies.length * 0.5)] ?? Number.NaN,
    p99Us: latencies[Math.floor(latencies.length * 0.99)] ?? Number.NaN,
  };
}

function reading({ serverProcessId }: LoadJob) {
  const { user, system } = process.cpuUsage();
  return {
    serverUs: processCpuUs(serverProcessId),
    clientUs: user + system,
    atMs: performance.now(),
  };
}

class Tally implements LoadObserver {
  readonly #job: LoadJob;
  readonly #latenciesUs = new Float64Array(latenciesMax);
  answers = 0;
  wrong = 0;

  constructor(job: LoadJob) {
    this.#job = job;
  }

  reset(): void {
    this.answers = 0;
  }

  answered(message: Buffer, sentAtMs: number): void {
    this.#latenciesUs[this.answers % latenciesMax] = (performance.now() - sentAtMs) * 1000;
    this.answers += 1;
    if (this.answers % decodedOneIn === 1 && !isAllowed(this.#job, message)) this.wrong += 1;
  }

  failed(): void {
    this.wrong += 1;
  }

  /** In ascending order. */
  latenciesUs(): Float64Array {
    return this.#latenciesUs.slice(0, Math.min(this.answers, latenciesMax)).sort();
  }
}

/** Every call of the world is allowed: a fast wrong answer must not look good. */
function isAllowed({ kind, path }: LoadJob, message: Buffer): boolean {
  switch (path.slice(path.lastIndexOf("/") + 1)) {
    case "Check":
      return (
        (kind === "json"
          ? fromJsonString(CheckResponseSchema, message.toString("utf8"))
          : fromBinary(CheckResponseSchema, message)
        ).verdict === Verdict.ALLOWED
      );
    case "CheckRelation":
      return fromBinary(CheckRelationResponseSchema, message).member;
    case "BatchCheck":
      return areAllowed(fromBinary(BatchCheckResponseSchema, message).results);
    case "StreamCheck":
      return areAllowed(fromBinary(StreamCheckResponseSchema, message).results);
    default:
      return false;
  }
}

function areAllowed(results: readonly CheckResult[]): boolean {
  return (
    results.length > 0 &&
    results.every(
      ({ result }) => result.case === "decision" && result.value.verdict === Verdict.ALLOWED,
    )
  );
}
