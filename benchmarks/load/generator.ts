import { setTimeout as sleep } from "node:timers/promises";
import { Http1Connection } from "./http1-connection.ts";
import { Http2Connection } from "./http2-connection.ts";
import type { LoadConnection, LoadJob, LoadResult } from "./job.ts";
import { processTimeBetween, readProcessTime } from "./process-time.ts";
import { seededRandom } from "./random.ts";
import { Tally } from "./tally.ts";

// The load generator: a process of its own, so that what it costs is not counted as the server's.
// It is told jobs by its parent, one after the other, and answers each with a result.

const firstAnswerMs = 20_000;

process.on("message", (job: LoadJob) => {
  void run(job).then((result) => process.send?.(result));
});

async function run(job: LoadJob): Promise<LoadResult> {
  const tally = new Tally(job);
  const before = reading(job);
  const connections = Array.from({ length: job.connections }, () =>
    job.kind === "json" ? new Http1Connection(job, tally) : new Http2Connection(job, tally),
  );
  using _pace = job.ratePerSecond === undefined ? undefined : pace(connections, job.ratePerSecond);
  const start = job.requests === undefined ? await warmedUp(job, tally) : before;
  const timeUp = new AbortController();
  const time = sleep(job.seconds * 1000, undefined, { signal: timeUp.signal }).catch(() => {});
  await (job.requests === undefined ? time : Promise.race([tally.done(), time]));
  timeUp.abort();
  // What is slower than the time it was given is measured all the same.
  for (let wait = 0; wait < firstAnswerMs && tally.answers === 0; wait += 10) await sleep(10);
  const end = reading(job);
  const { answers, wrong, problem } = tally;
  const latencies = tally.latencies();
  for (const connection of connections) connection.close();
  const per = (us: number): number => (answers === 0 ? Number.NaN : us / answers);
  return {
    answers,
    wrong,
    ...(problem === undefined ? {} : { problem }),
    serverCpuUs: per(processTimeBetween(start.server, end.server)),
    clientCpuUs: per(end.clientUs - start.clientUs),
    answersPerSecond: (answers * 1000) / (end.atMs - start.atMs),
    latencies,
  };
}

async function warmedUp(job: LoadJob, tally: Tally): Promise<ReturnType<typeof reading>> {
  await sleep(job.warmUpSeconds * 1000);
  const start = reading(job);
  tally.reset();
  return start;
}

function reading({ serverProcessId }: LoadJob) {
  const { user, system } = process.cpuUsage();
  return {
    server: readProcessTime(serverProcessId),
    clientUs: user + system,
    atMs: performance.now(),
  };
}

/**
 * Sends each request when it is due, at distances as of independent callers. It asks for the time
 * without a pause: a timer would come up to a millisecond late, and that would count as latency.
 */
function pace(connections: readonly LoadConnection[], ratePerSecond: number): Disposable {
  const random = seededRandom(1);
  let dueAtMs = performance.now();
  let turn = 0;
  let isOn = true;
  const look = (): void => {
    if (!isOn) return;
    while (dueAtMs <= performance.now()) {
      connections[turn % connections.length]?.fire(dueAtMs);
      turn += 1;
      dueAtMs += (-Math.log(1 - random()) * 1000) / ratePerSecond;
    }
    setImmediate(look);
  };
  look();
  return {
    [Symbol.dispose]: () => {
      isOn = false;
    },
  };
}
