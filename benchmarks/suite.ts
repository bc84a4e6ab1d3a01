import { GeneratorProcess } from "./load/generator-process.ts";
import type { Bench, Measured, Question, Topic } from "./question.ts";
import { chosenTopics, isQuestionMeant, type Group, type Plan } from "./plan.ts";
import { Progress } from "./report/progress.ts";
import { rowsOf, type Row } from "./report/row.ts";
import { startDatabase } from "./servers/database.ts";
import { startNode } from "./servers/node-process.ts";

const startSeconds = 4;

/** Servers and generator are processes of their own; rounds go through the questions forth and back. */
export async function runSuite(groups: readonly Group[], plan: Plan): Promise<readonly Row[]> {
  const chosen = chosenTopics(groups, plan.only);
  using progress = new Progress(secondsOf(chosen, plan));
  const rows: Row[] = [];
  for (const topics of chosen) rows.push(...(await runGroup(topics, plan, progress)));
  return rows;
}

/** What the run takes, about. */
function secondsOf(groups: readonly Group[], plan: Plan): number {
  const each = plan.rounds * (plan.seconds + plan.warmUpSeconds + 0.1);
  const ofTopic = ({ preparationSeconds, questions }: Topic): number =>
    plan.extent === "full" ? preparationSeconds + questions * each : 2 + questions * 0.4 * each;
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
  const bench: Bench = {
    root,
    node,
    environment,
    analyze: () => database.analyze(),
    generator,
    extent,
    rounds,
    withOthers: true,
    parts,
    note,
  };
  const asked: { readonly topic: Topic; readonly question: Question }[] = [];
  for (const topic of topics) {
    progress.step(`preparing ${topic.name}`);
    const questions = await topic.prepare(bench);
    const wanted = questions.filter(({ name }) => isQuestionMeant(name, plan.only));
    asked.push(...wanted.map((question) => ({ topic, question })));
  }
  await database.analyze();
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
