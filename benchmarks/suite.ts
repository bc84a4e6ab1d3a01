import { GeneratorProcess } from "./load/generator-process.ts";
import type { Bench, Measured, Question, Topic } from "./question.ts";
import { Progress } from "./report/progress.ts";
import { rowsOf, type Row } from "./report/row.ts";
import { startDatabase } from "./servers/database.ts";
import { startNode } from "./servers/node-process.ts";

/** How long to ask, and what. */
export interface Plan {
  readonly root: string;
  readonly extent: Bench["extent"];
  readonly rounds: number;
  readonly seconds: number;
  readonly warmUpSeconds: number;
  /** `topic`, or `topic:part of a question's name`; empty means all. */
  readonly only: string;
}

/** Topics that share a server with an empty database, and whose questions take turns. */
export type Group = readonly Topic[];

const startSeconds = 4;

/** Servers and generator are processes of their own; rounds go through the questions forth and back. */
export async function runSuite(groups: readonly Group[], plan: Plan): Promise<readonly Row[]> {
  const chosen = groups
    .map((topics) => topics.filter(({ name }) => isTopicMeant(name, plan.only)))
    .filter((topics) => topics.length > 0);
  if (chosen.length === 0) {
    const names = groups.flat().map(({ name }) => name);
    throw new RangeError(`--only must name one of ${names.join(", ")}`);
  }
  using progress = new Progress(secondsOf(chosen, plan));
  const rows: Row[] = [];
  for (const topics of chosen) rows.push(...(await runGroup(topics, plan, progress)));
  return rows;
}

/** What the run takes, about. */
function secondsOf(groups: readonly Group[], plan: Plan): number {
  const each = plan.rounds * (plan.seconds + plan.warmUpSeconds + 0.1);
  const ofTopic = ({ preparationSeconds, questions }: Topic): number =>
    plan.extent === "full" ? preparationSeconds + questions * each : 2 + questions * 0.6 * each;
  return groups
    .map((topics) => startSeconds + topics.reduce((sum, topic) => sum + ofTopic(topic), 0))
    .reduce((sum, seconds) => sum + seconds, 0);
}

async function runGroup(topics: Group, plan: Plan, progress: Progress): Promise<readonly Row[]> {
  await using parts = new AsyncDisposableStack();
  progress.step("starting PostgreSQL and a node");
  const database = parts.use(await startDatabase());
  const { environment } = database;
  const node = parts.use(await startNode(plan.root, environment));
  const generator = parts.use(new GeneratorProcess());
  const note = (text: string): void => progress.note(text);
  const { root, extent, rounds } = plan;
  const bench: Bench = { root, node, environment, generator, extent, rounds, parts, note };
  const asked: { readonly topic: Topic; readonly question: Question }[] = [];
  for (const topic of topics) {
    progress.step(`preparing ${topic.name}`);
    const questions = await topic.prepare(bench);
    const wanted = questions.filter(({ name }) => isQuestionMeant(name, plan.only));
    asked.push(...wanted.map((question) => ({ topic, question })));
  }
  const measured = new Map<Question, Measured[]>(asked.map(({ question }) => [question, []]));
  for (let round = 0; round < plan.rounds; round += 1) {
    const inTurn = round % 2 === 0 ? asked : asked.toReversed();
    for (const { question } of inTurn) {
      progress.step(`round ${round + 1} of ${plan.rounds}: ${question.name}`);
      const found = await question.measure(spanOf(plan, question, round));
      measured.get(question)?.push(...found);
    }
  }
  return asked.flatMap(({ topic, question }) => rowsOf(topic.name, measured.get(question) ?? []));
}

/** The first round has cold code to make warm. */
function spanOf(plan: Plan, question: Question, round: number) {
  const warmUpSeconds = round === 0 ? plan.warmUpSeconds * 2 : plan.warmUpSeconds;
  return { round, seconds: question.seconds ?? plan.seconds, warmUpSeconds };
}

function isTopicMeant(topic: string, only: string): boolean {
  return only === "" || topic === only.split(":", 1)[0];
}

function isQuestionMeant(name: string, only: string): boolean {
  const colon = only.indexOf(":");
  return colon < 0 || name.includes(only.slice(colon + 1));
}
