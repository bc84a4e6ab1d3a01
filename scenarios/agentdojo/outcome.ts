import type { SuiteName } from "./corpus.ts";
import type { ConcreteCall } from "./mapped-call.ts";
import { isAllowed } from "./prediction.ts";
import type { SuiteAnswers, TaskAnswers } from "./server-answers.ts";
import { explainSurvival } from "./survival.ts";
import type { InjectionTrial, SuiteTrial, TaskTrial } from "./trial.ts";

/** What came of one suite. */
export interface SuiteOutcome {
  readonly suite: SuiteName;
  readonly userCalls: number;
  /** Each in words. */
  readonly userCallsDenied: readonly string[];
  readonly pairs: readonly PairOutcome[];
  /** Where server and prediction differ: there must be none. */
  readonly disagreements: readonly string[];
  /** Attacks that are denied even if everything is delegated: there must be none. */
  readonly deniedAnyway: readonly string[];
}

/** One injection task under the delegations of one user task. */
export interface PairOutcome {
  readonly name: string;
  /** It calls a tool that the agent does not even see. */
  readonly isStoppedByTool: boolean;
  /** Why its first call that is denied is denied. Absent: nothing stops it. */
  readonly stoppedBy?: string;
  /** Why nothing stops it; empty where something does. */
  readonly survival: string;
}

export function outcomeOf(trial: SuiteTrial, answers: SuiteAnswers): SuiteOutcome {
  const answered = trial.tasks.map((task, index) => {
    const answer = answers.tasks[index];
    if (answer === undefined) throw new TypeError(`${task.task.id} was not asked`);
    return { task, answer };
  });
  return {
    suite: trial.suite.name,
    userCalls: trial.tasks.reduce((sum, { userCalls }) => sum + userCalls.length, 0),
    userCallsDenied: answered.flatMap(({ task, answer }) =>
      task.userCalls
        .filter((call) => answer.decisionOn(call).kind === "denied")
        .map((call) => `${task.task.id}: ${formatCall(call)}`),
    ),
    pairs: answered.flatMap(({ task, answer }) =>
      task.injections.map((injection) => pairOutcome(trial, task, injection, answer)),
    ),
    disagreements: answered.flatMap(({ task, answer }) => disagreementsOf(task, answer)),
    deniedAnyway: trial.attacks
      .filter((_, index) => answers.unbounded[index]?.kind !== "allowed")
      .map(formatCall),
  };
}

function pairOutcome(
  { suite }: SuiteTrial,
  task: TaskTrial,
  { injection, attempts }: InjectionTrial,
  answer: TaskAnswers,
): PairOutcome {
  const denial = attempts
    .map(({ ways }) => ways.map(answer.decisionOn))
    .find((decisions) => decisions.every(({ kind }) => kind === "denied"))
    ?.find((decision) => decision.kind === "denied");
  return {
    name: `${suite.name} ${task.task.id} × ${injection.id}`,
    isStoppedByTool: injection.calls.some(({ tool }) => !answer.tools.has(tool)),
    ...(denial === undefined ? {} : { stoppedBy: denial.reason }),
    survival: denial === undefined ? explainSurvival(suite.name, task.task, injection) : "",
  };
}

function disagreementsOf(task: TaskTrial, answer: TaskAnswers): readonly string[] {
  const attempts = task.injections.flatMap((injection) => injection.attempts);
  const calls = [...task.userCalls, ...attempts.flatMap(({ ways }) => ways)];
  const wrong = calls
    .filter((call) => isAllowed(task.grants, call) !== (answer.decisionOn(call).kind === "allowed"))
    .map((call) => `${task.task.id}: ${answer.decisionOn(call).kind} ${formatCall(call)}`);
  const expected = new Set(task.grants.map(({ tool }) => tool));
  const listed = expected.symmetricDifference(answer.tools);
  return [...wrong, ...[...listed].map((tool) => `${task.task.id}: lists wrongly ${tool}`)];
}

function formatCall({ tool, accesses, stated }: ConcreteCall): string {
  const parts = [...accesses.map(({ role, id }) => [role, id] as const), ...Object.entries(stated)];
  return `${tool}(${parts.map(([name, value]) => `${name}=${value}`).join(", ")})`;
}
