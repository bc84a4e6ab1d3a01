import { mkdtemp, realpath, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startProcess } from "../test/rpc/server-process.ts";
import { isCorpusThere, readSuites, type Suite } from "./agentdojo/corpus.ts";
import { outcomeOf, type SuiteOutcome } from "./agentdojo/outcome.ts";
import { figuresOf, formatReport, shortcomings } from "./agentdojo/report.ts";
import { askServer } from "./agentdojo/server-answers.ts";
import { trialOf } from "./agentdojo/trial.ts";

// AgentDojo's user tasks are delegated call by call, from their own calls alone; then every injection
// task is tried under the delegations of every user task, against a server of our own.
if (isCorpusThere()) process.exitCode = await run();
else say("SKIPPED: the AgentDojo corpus is not there (../shared/corpus/agentdojo)");

async function run(): Promise<number> {
  const suites = await readSuites();
  const outcomes = await tryAll(suites);
  for (const line of formatReport(suites, outcomes)) say(line);
  const missed = shortcomings(outcomes);
  for (const line of missed) say(`MISSED: ${line}`);
  say(JSON.stringify(figuresOf(outcomes)));
  return missed.length === 0 ? 0 : 1;
}

async function tryAll(suites: readonly Suite[]): Promise<readonly SuiteOutcome[]> {
  const folder = await realpath(await mkdtemp(join(tmpdir(), "prokura-agentdojo-")));
  await using parts = new AsyncDisposableStack();
  parts.defer(() => rm(folder, { recursive: true, force: true }));
  // Its own database, whatever the environment names.
  const server = parts.use(await startProcess([`--data-dir=${folder}`], { DATABASE_URL: "" }));
  const outcomes: SuiteOutcome[] = [];
  for (const suite of suites) {
    const trial = trialOf(suite);
    outcomes.push(outcomeOf(trial, await askServer(server.grpcAddress, trial)));
  }
  return outcomes;
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
