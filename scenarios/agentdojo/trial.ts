import type { Suite, Task, ToolCall } from "./corpus.ts";
import { consentTo, type Grant } from "./consent.ts";
import { concreteCalls, mapCall, type ConcreteCall, type MappedCall } from "./mapped-call.ts";

/** All that is asked about one suite. */
export interface SuiteTrial {
  readonly suite: Suite;
  readonly tasks: readonly TaskTrial[];
  /** Every call of every injection task, to be tried without narrow delegations. */
  readonly attacks: readonly ConcreteCall[];
}

/** One user task: what is delegated, and what is tried under it. */
export interface TaskTrial {
  readonly task: Task;
  readonly grants: readonly Grant[];
  readonly userCalls: readonly ConcreteCall[];
  readonly injections: readonly InjectionTrial[];
}

export interface InjectionTrial {
  readonly injection: Task;
  readonly attempts: readonly Attempt[];
}

/** One call of an injection task. It is stopped if it is denied whatever its open values are. */
export interface Attempt {
  readonly call: ToolCall;
  readonly ways: readonly ConcreteCall[];
}

export function trialOf(suite: Suite): SuiteTrial {
  const map = (call: ToolCall): MappedCall => mapCall(suite.name, call, suite.environment);
  return {
    suite,
    tasks: suite.userTasks.map((task) => taskTrial(suite, task, map)),
    attacks: suite.injectionTasks
      .flatMap(({ calls }) => calls)
      .flatMap((call) => concreteCalls(map(call), () => [])),
  };
}

function taskTrial(suite: Suite, task: Task, map: (call: ToolCall) => MappedCall): TaskTrial {
  const mapped = task.calls.map(map);
  const injections = suite.injectionTasks.map((injection) => ({
    injection,
    attempts: injection.calls.map((call) => ({
      call,
      // An injection is given the benefit of the doubt: any value that the task itself names.
      ways: concreteCalls(map(call), (role) => namedValues(mapped, call.tool, role)),
    })),
  }));
  return {
    task,
    grants: consentTo(mapped),
    userCalls: mapped.flatMap((call) => concreteCalls(call, () => [])),
    injections,
  };
}

/** What the task's own calls of the tool name in the role. */
function namedValues(calls: readonly MappedCall[], tool: string, role: string): readonly string[] {
  const values = calls
    .filter((call) => call.tool === tool)
    .flatMap(({ accesses }) => accesses)
    .flatMap((access) =>
      access.role === role && access.value.kind === "known" ? [access.value.text] : [],
    );
  return [...new Set(values)];
}
