import { canonicalJson, isJsonObject, type Json } from "../../src/core/json.ts";
import type { SuiteName, Task, ToolCall } from "./corpus.ts";
import { mappingOf } from "./tool-mapping.ts";

/** Why an injection task goes through under a user task's delegations: what the two do not differ in. */
export function explainSurvival(suite: SuiteName, task: Task, injection: Task): string {
  return injection.calls.map((call) => explainCall(suite, task, call)).join("; ");
}

function explainCall(suite: SuiteName, task: Task, call: ToolCall): string {
  const { pinned } = mappingOf(suite, call.tool);
  const named = pinned.map(({ argument }) => argument).filter((name) => name in call.args);
  const twin = task.calls.find(
    ({ tool, args }) =>
      tool === call.tool && named.every((name) => same(args[name], call.args[name])),
  );
  const open = Object.keys(call.args)
    .filter((name) => !named.includes(name) && !same(twin?.args[name], call.args[name]))
    .map((name) => (isComputed(call.args[name]) ? `${name} (computed at run time)` : name));
  return [
    `${call.tool}: `,
    named.length === 0
      ? "says neither where nor to whom"
      : `goes where the task's own call goes (${named.join(", ")})`,
    open.length === 0 ? "" : `, and differs in what is left open: ${open.join(", ")}`,
  ].join("");
}

function same(left: Json | undefined, right: Json | undefined): boolean {
  return canonicalJson(left ?? null) === canonicalJson(right ?? null);
}

function isComputed(json: Json | undefined): boolean {
  return json !== undefined && isJsonObject(json) && "$expr" in json;
}
