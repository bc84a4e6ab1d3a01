import type { JsonObject } from "../core/json.ts";
import type { Name } from "../core/object.ts";
import { compileExpression, type CompiledExpression } from "./compile-expression.ts";
import type { Condition, ConditionOutcome, ParameterType } from "./condition.ts";
import { convertJson } from "./context-value.ts";
import {
  isObstacle,
  type ExpressionType,
  type Obstacle,
  type Outcome,
} from "./expression-function.ts";
import { formatType, type ExpressionProblem, type Frame } from "./expression-part.ts";

/** The name of the parameter that is the server's clock. */
export const timeParameter = "current_time";

/** Steps that one evaluation may take: some milliseconds. */
export const conditionStepsMax = 10_000;

export interface CompiledCondition {
  readonly condition: Condition;
  readonly problems: readonly ExpressionProblem[];
  readonly unusedParameters: readonly string[];
}

/**
 * Checks and compiles a condition. Every part of the expression takes one step, and more where it
 * looks through texts, lists and maps, by their actual sizes and before it does so; an evaluation
 * that would take more than `stepsMax` is `failed`.
 */
export function compileCondition(
  name: Name,
  parameters: ReadonlyMap<string, ParameterType>,
  expression: string,
  stepsMax: number = conditionStepsMax,
): CompiledCondition {
  const types = [...parameters].map(([parameter, type]): [string, ExpressionType] => [
    parameter,
    expressionType(type),
  ]);
  const checked = compileExpression(expression, new Map(types));
  const { compiled, used } = checked;
  const problems = [...checked.problems];
  if (compiled.type.kind !== "bool" && compiled.type.kind !== "any") {
    const message = `the expression is ${formatType(compiled.type)}, a condition is a bool`;
    problems.push({ code: "expression_type", message });
  }
  const readsTime = used.has(timeParameter);
  const readers = [...parameters].map(([parameter, type]) => readerOf(parameter, type));
  const evaluateAt = (stored: JsonObject, request: JsonObject, nowMs: number): ConditionOutcome =>
    run(checked, readers, stored, request, nowMs, stepsMax);
  const condition: Condition = {
    name,
    parameters,
    expression,
    readsTime,
    evaluate: (stored, request, now) => {
      const earliest = evaluateAt(stored, request, now.earliestMs);
      if (!readsTime || now.earliestMs === now.latestMs) return earliest;
      return bothEnds(earliest, evaluateAt(stored, request, now.latestMs));
    },
  };
  const unusedParameters = [...parameters.keys()].filter((parameter) => !used.has(parameter));
  return { condition, problems, unusedParameters };
}

function expressionType(type: ParameterType): ExpressionType {
  if (type.kind === "list") return { kind: "list", of: expressionType(type.of) };
  if (type.kind !== "map") return { kind: type.kind };
  return { kind: "map", key: { kind: "string" }, of: expressionType(type.of) };
}

type Reader = (stored: JsonObject, request: JsonObject, nowMs: number) => Outcome | WrongType;

interface WrongType {
  readonly kind: "wrong_type";
  readonly detail: string;
}

function readerOf(parameter: string, type: ParameterType): Reader {
  if (parameter === timeParameter) {
    return (_stored, _request, nowMs) => ({
      kind: "timestamp",
      nanos: BigInt(Math.round(nowMs)) * 1_000_000n,
    });
  }
  const missing: Obstacle = { kind: "unknown", names: new Set([parameter]) };
  return (stored, request) => {
    const context = Object.hasOwn(stored, parameter) ? stored : request;
    const json = Object.hasOwn(context, parameter) ? context[parameter] : undefined;
    if (json === undefined) return missing;
    const converted = convertJson(json, type, parameter);
    return converted.kind === "value" ? converted.value : converted;
  };
}

function run(
  { compiled, slots }: CompiledExpression,
  readers: readonly Reader[],
  stored: JsonObject,
  request: JsonObject,
  nowMs: number,
  stepsMax: number,
): ConditionOutcome {
  const values: Outcome[] = [];
  for (const read of readers) {
    const value = read(stored, request, nowMs);
    if (isWrongType(value)) return { kind: "failed", code: value.kind, detail: value.detail };
    values.push(value);
  }
  while (values.length < slots) values.push(null);
  const frame: Frame = { slots: values, steps: 0, stepsMax };
  const outcome = compiled.run(frame);
  if (frame.steps > stepsMax) {
    return { kind: "failed", code: "cost_exceeded", detail: `more than ${stepsMax} steps` };
  }
  if (typeof outcome === "boolean") return { kind: outcome ? "met" : "not_met" };
  const detail = "the expression is no bool";
  if (!isObstacle(outcome)) return { kind: "failed", code: "wrong_type", detail };
  if (outcome.kind === "unknown") return { kind: "needs", names: [...outcome.names].toSorted() };
  return { kind: "failed", code: "expression_error", detail: outcome.detail };
}

function isWrongType(value: Outcome | WrongType): value is WrongType {
  return (
    typeof value === "object" && value !== null && "kind" in value && value.kind === "wrong_type"
  );
}

/** What is not sure at one end is not sure at all. */
function bothEnds(earliest: ConditionOutcome, latest: ConditionOutcome): ConditionOutcome {
  if (earliest.kind === "failed") return earliest;
  if (latest.kind === "failed") return latest;
  if (earliest.kind === "needs" || latest.kind === "needs") {
    const names = [earliest, latest].flatMap((end) => (end.kind === "needs" ? end.names : []));
    return { kind: "needs", names: [...new Set(names)].toSorted() };
  }
  return earliest.kind === latest.kind ? earliest : { kind: "met_at_either" };
}
