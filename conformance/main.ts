import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { createClient, type Client } from "../src/client/client.ts";
import { startProcess } from "../test/rpc/server-process.ts";
import { corpusFolder, readCorpus, type CorpusTest } from "./corpus.ts";
import { exceptionClasses, ownAbsenceStages } from "./exceptions.ts";
import { reportOf } from "./report.ts";
import { runTest, type Delivery, type Outcome } from "./run.ts";

/**
 * Asks a server of its own everything that OpenFGA's corpus asks, over gRPC. The last line is the
 * result as JSON; the exit code is 1 where a case failed.
 */
const { values } = parseArgs({
  options: {
    seed: { type: "string", default: "1" },
    corpus: { type: "string", default: fileURLToPath(corpusFolder) },
  },
});
const seed = Number(values.seed);
// OpenFGA's own, which the corpus goes one beyond.
const depth = "--depth-max=25";
const corpus = readCorpus(pathToFileURL(`${values.corpus}/`));
if (corpus === undefined) {
  say(`SKIPPED: OpenFGA's corpus is not in ${values.corpus}`);
} else {
  const outcomes = await askServer(corpus, seed);
  const { lines, summary } = reportOf(outcomes, exceptionClasses);
  say(`tuples shuffled by seed ${seed}, as --seed says`);
  for (const line of lines) say(line);
  say(`written with allow_own_absence, as they stand: ${ownAbsenceStages.join(", ")}`);
  say(JSON.stringify(summary));
  if (summary.failed > 0) process.exitCode = 1;
}

interface Job {
  readonly test: CorpusTest;
  readonly delivery: Delivery;
  readonly tenant: string;
}

async function askServer(
  tests: readonly CorpusTest[],
  shuffleSeed: number,
): Promise<readonly Outcome[]> {
  const dataDir = await mkdtemp(join(tmpdir(), "prokura-conformance-"));
  try {
    await using server = await startProcess([`--data-dir=${dataDir}`, depth], {});
    using client = createClient({ address: server.grpcAddress });
    return await runAll(client, jobsOf(tests), shuffleSeed);
  } finally {
    await rm(dataDir, { recursive: true, force: true });
  }
}

/** A single stage's tuples can come with the questions as well as be stored. */
function jobsOf(tests: readonly CorpusTest[]): readonly Job[] {
  return [
    ...tests.map((test, at) => ({ test, delivery: "stored" as const, tenant: `stored-${at}` })),
    ...tests
      .filter(({ stages }) => stages.length === 1)
      .map((test, at) => ({ test, delivery: "contextual" as const, tenant: `contextual-${at}` })),
  ];
}

/** A few tests at once, for the waits for the disk; the outcomes in the order of the jobs. */
async function runAll(
  client: Client,
  jobs: readonly Job[],
  shuffleSeed: number,
): Promise<readonly Outcome[]> {
  const results: (readonly Outcome[])[] = [];
  const left = jobs.entries();
  const work = async (): Promise<void> => {
    for (const [at, { test, delivery, tenant }] of left) {
      results[at] = await runTest(client, test, delivery, { tenant, seed: shuffleSeed });
    }
  };
  await Promise.all(Array.from({ length: 4 }, work));
  return results.flat();
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
