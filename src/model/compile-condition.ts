import { celEnv, celError, isCelError, parse, plan, type CelInput } from "@bufbuild/cel";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";

import type { Json, JsonObject } from "../core/json.ts";
import type { Name } from "../core/object.ts";
import type { Condition, ConditionOutcome, ParameterType } from "./condition.ts";

/** Plans the expression once; fails with the parser's error. */
export function compileCondition(
  name: Name,
  parameters: ReadonlyMap<string, ParameterType>,
  expression: string,
): Condition {
  const run = plan(celEnv({}), parse(expression));
  const readsTime = parameters.has("current_time");
  return {
    name,
    parameters,
    expression,
    readsTime,
    evaluate: (stored, request, now) => {
      const at = (nowMs: number): ConditionOutcome => evaluateAt(stored, request, nowMs);
      const earliest = at(now.earliestMs);
      if (!readsTime || now.earliestMs === now.latestMs) return earliest;
      const latest = at(now.latestMs);
      if (earliest.kind === latest.kind) return earliest;
      if (earliest.kind === "failed" || earliest.kind === "needs") return earliest;
      if (latest.kind === "failed" || latest.kind === "needs") return latest;
      return { kind: "met_at_either" };
    },
  };

  function evaluateAt(stored: JsonObject, request: JsonObject, nowMs: number): ConditionOutcome {
    const values: Record<string, CelInput> = {};
    const missing: string[] = [];
    for (const [parameter, type] of parameters) {
      const value = stored[parameter] ?? request[parameter];
      if (parameter === "current_time") values[parameter] = timestampFromMs(nowMs);
      else if (value !== undefined) values[parameter] = toCel(value, type);
      else missing.push(parameter);
    }
    // An absent name is an error to the evaluator, so that `true || absent` is true.
    for (const parameter of missing) Object.assign(values, { [parameter]: celError(parameter) });
    const result = run(values);
    if (isCelError(result)) {
      if (missing.length > 0) return { kind: "needs", names: missing.toSorted() };
      return { kind: "failed", code: "expression_error", detail: result.message };
    }
    return { kind: result === true ? "met" : "not_met" };
  }
}

function toCel(value: Json, type: ParameterType): CelInput {
  if (type.kind === "int" && typeof value === "number") return BigInt(value);
  return JSON.parse(JSON.stringify(value));
}
