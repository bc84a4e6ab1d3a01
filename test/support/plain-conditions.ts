import type { Json, JsonObject } from "../../src/core/json.ts";
import { parseName } from "../../src/core/object.ts";
import type { Now } from "../../src/core/now.ts";
import type { AuthorizationModel } from "../../src/model/authorization-model.ts";
import type { Condition, ConditionOutcome, ParameterType } from "../../src/model/condition.ts";

/** What a model of the worlds says of its conditions; `plainConditions` is what they mean. */
export const conditionsText: string = `
condition one(x: int) { x == 1 }
condition both(x: int, y: int) { x == 1 && y == 1 }
condition early(until: timestamp, current_time: timestamp) { current_time < until }
condition late(from: timestamp, current_time: timestamp) { current_time >= from }
condition broken(x: int, values: list<int>) { values[x] == 1 }
`;

/**
 * Conditions written as functions, so that an oracle does not hang on the expression language: `one`
 * and `both` ask for names, `early` and `late` read the clock, `broken` fails unless `x` is 0.
 */
export const plainConditions: AuthorizationModel["conditions"] = new Map(
  [
    condition("one", { x: "int" }, (context) => allOne(context, ["x"])),
    condition("both", { x: "int", y: "int" }, (context) => allOne(context, ["x", "y"])),
    condition("early", { until: "timestamp", current_time: "timestamp" }, isEarly),
    condition("late", { from: "timestamp", current_time: "timestamp" }, isLate),
    condition("broken", { x: "int" }, ({ x }) => {
      if (x === undefined) return { kind: "needs", names: ["x"] };
      if (x === 0) return { kind: "met" };
      return { kind: "failed", code: "expression_error", detail: "there is no such element" };
    }),
  ].map((each) => [each.name, each]),
);

function condition(
  text: string,
  parameters: Readonly<Record<string, "int" | "timestamp">>,
  evaluate: (context: JsonObject, now: Now) => ConditionOutcome,
): Condition {
  return {
    name: parseName(text, "condition"),
    parameters: new Map(
      Object.entries(parameters).map(([name, kind]): [string, ParameterType] => [name, { kind }]),
    ),
    expression: text,
    readsTime: Object.hasOwn(parameters, "current_time"),
    evaluate: (stored, request, now) => evaluate({ ...request, ...stored }, now),
  };
}

function allOne(context: JsonObject, names: readonly string[]): ConditionOutcome {
  const values = names.map((name): [string, Json | undefined] => [name, context[name]]);
  if (values.some(([, value]) => value !== undefined && value !== 1)) return { kind: "not_met" };
  const missing = values.filter(([, value]) => value === undefined).map(([name]) => name);
  return missing.length === 0 ? { kind: "met" } : { kind: "needs", names: missing };
}

function isEarly({ until }: JsonObject, now: Now): ConditionOutcome {
  if (typeof until !== "string") return { kind: "needs", names: ["until"] };
  const untilMs = Date.parse(until);
  if (now.latestMs < untilMs) return { kind: "met" };
  return { kind: now.earliestMs < untilMs ? "met_at_either" : "not_met" };
}

function isLate({ from }: JsonObject, now: Now): ConditionOutcome {
  if (typeof from !== "string") return { kind: "needs", names: ["from"] };
  const fromMs = Date.parse(from);
  if (now.earliestMs >= fromMs) return { kind: "met" };
  return { kind: now.latestMs >= fromMs ? "met_at_either" : "not_met" };
}
