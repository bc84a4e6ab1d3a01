import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, symlinkSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { GeneratorProcess } from "./load/generator-process.ts";
import type { Bench, Question } from "./question.ts";
import { chosenTopics, isQuestionMeant, type Group, type Plan } from "./plan.ts";
import { Progress } from "./report/progress.ts";
import { figureText } from "./report/table.ts";
import { median } from "./report/row.ts";
import { startDatabase } from "./servers/database.ts";
import { startNode } from "./servers/node-process.ts";

/** One question, asked of the servers of both commits in turn. */
interface Pair {
  readonly name: string;
  readonly sides: readonly [Question, Question];
  readonly ratios: number[];
  readonly costsUs: readonly [number[], number[]];
}

/**
 * Starts the servers of two commits beside each other and asks both the same, turn by turn, so that what
 * else happens on the machine happens to both. Returns a table that says what moved.
 */
export async function compareCommits(
  group: Group,
  commits: readonly [string, string],
  plan: Plan,
): Promise<string> {
  await using parts = new AsyncDisposableStack();
  const topics = chosenTopics([group], plan.only).flat();
  using progress = new Progress(30 + topics.length * (plan.rounds + 1) * 12);
  const questions: (readonly Question[])[] = [];
  for (const commit of commits) {
    progress.step(`checking out and starting ${commit}`);
    const root = await checkOut(plan.root, commit, parts);
    const database = parts.use(await startDatabase());
    const { environment } = database;
    const node = parts.use(await startNode(root, environment));
    const generator = parts.use(new GeneratorProcess());
    const note = (text: string): void => progress.note(text);
    const { extent, rounds } = plan;
    const analyze = (): Promise<void> => database.analyze();
    const alone = { withOthers: false, parts, note, analyze };
    const bench: Bench = { root, node, environment, generator, extent, rounds, ...alone };
    const found: Question[] = [];
    for (const topic of topics) found.push(...(await topic.prepare(bench)));
    await database.analyze();
    questions.push(found.filter(({ name }) => isQuestionMeant(name, plan.only)));
  }
  const pairs = pairsOf(questions);
  const turnSeconds = 2 * (plan.seconds + plan.warmUpSeconds + 0.15);
  progress.expect((plan.rounds + 1) * pairs.length * turnSeconds);
  // The first is not counted: the code of both is still cold.
  for (let round = 0; round <= plan.rounds; round += 1) {
    for (const pair of pairs) {
      progress.step(`round ${round} of ${plan.rounds}: ${pair.name}`);
      const costs = await measurePair(pair, plan, round);
      if (round > 0) record(pair, costs);
    }
  }
  return tableOf(pairs, commits);
}

function pairsOf([first = [], second = []]: readonly (readonly Question[])[]): readonly Pair[] {
  return first.flatMap((question) => {
    const other = second.find(({ name }) => name === question.name);
    if (other === undefined) return [];
    return [{ name: question.name, sides: [question, other], ratios: [], costsUs: [[], []] }];
  });
}

/** Who comes first changes from round to round. */
async function measurePair(
  { sides }: Pair,
  { seconds, warmUpSeconds }: Plan,
  round: number,
): Promise<readonly [number, number]> {
  const costs: [number, number] = [Number.NaN, Number.NaN];
  const turns = round % 2 === 0 ? ([0, 1] as const) : ([1, 0] as const);
  for (const side of turns) {
    const [measured] = await sides[side].measure({ round, seconds, warmUpSeconds });
    costs[side] = measured?.serverCpuUs ?? Number.NaN;
  }
  return costs;
}

function record(pair: Pair, [before, after]: readonly [number, number]): void {
  if (Number.isNaN(before) || Number.isNaN(after)) return;
  pair.costsUs[0].push(before);
  pair.costsUs[1].push(after);
  pair.ratios.push(after / before);
}

/** The files of a commit in a folder of their own, which goes away at the end. */
async function checkOut(
  root: string,
  commit: string,
  parts: AsyncDisposableStack,
): Promise<string> {
  const folder = join(await mkdtemp(join(tmpdir(), "prokura-compare-")), "checkout");
  const git = (args: readonly string[]): string =>
    execFileSync("git", args, { cwd: root, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
  git(["worktree", "add", "--detach", folder, commit]);
  parts.defer(async () => {
    git(["worktree", "remove", "--force", folder]);
    await rm(join(folder, ".."), { recursive: true, force: true });
  });
  const run = (args: readonly string[]): unknown =>
    execFileSync("npm", args, { cwd: folder, stdio: ["ignore", "ignore", "pipe"] });
  const lock = "package-lock.json";
  const same = readFileSync(join(folder, lock)).equals(readFileSync(join(root, lock)));
  if (same && existsSync(join(root, "node_modules"))) {
    symlinkSync(join(root, "node_modules"), join(folder, "node_modules"));
    run(["run", "--silent", "generate"]);
  } else run(["ci", "--no-progress"]);
  return folder;
}

function tableOf(pairs: readonly Pair[], [first, second]: readonly [string, string]): string {
  const lines = pairs.map(({ name, ratios, costsUs }) => {
    const costs = costsUs.map((all) => figureText(median(all)));
    return `| ${[name, ...costs, verdictOf(ratios)].join(" | ")} |`;
  });
  return [
    `| server CPU, µs | ${first} | ${second} | ${second} ÷ ${first}, with 95 % of certainty |`,
    "|---|---|---|---|",
    ...lines,
  ].join("\n");
}

/** An interval for the ratio, from the pairs' logarithms by Student's t. */
function verdictOf(ratios: readonly number[]): string {
  const count = ratios.length;
  if (count < 3) return "too few rounds";
  const logs = ratios.map(Math.log);
  const mean = logs.reduce((sum, log) => sum + log, 0) / count;
  const variance = logs.reduce((sum, log) => sum + (log - mean) ** 2, 0) / (count - 1);
  const reach = studentsT(count - 1) * Math.sqrt(variance / count);
  const [low, high] = [Math.exp(mean - reach), Math.exp(mean + reach)];
  const said = high < 1 ? "**cheaper**" : low > 1 ? "**dearer**" : "nothing to be seen";
  return `${Math.exp(mean).toFixed(3)} (${low.toFixed(3)} to ${high.toFixed(3)}): ${said}`;
}

/** The 97.5 % quantile, to two digits. */
function studentsT(freedom: number): number {
  const few = [12.71, 4.3, 3.18, 2.78, 2.57, 2.45, 2.36, 2.31, 2.26, 2.23, 2.2, 2.18, 2.16, 2.14];
  return few[freedom - 1] ?? 1.96 + 2.5 / freedom;
}
