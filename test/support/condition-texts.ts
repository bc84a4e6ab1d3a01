import assert from "node:assert/strict";

import { parseName } from "../../src/core/object.ts";
import { compileCondition } from "../../src/model/compile-condition.ts";
import type { Condition, ParameterType } from "../../src/model/condition.ts";

export const argumentsWithin = 'arguments.all(n, (n + "=" + arguments[n]) in allowed)';

/** Fails where the condition has problems. */
export function condition(parameters: string, expression: string): Condition {
  const { condition: compiled, problems, unusedParameters } = compileText(parameters, expression);
  assert.deepEqual([problems, unusedParameters], [[], []]);
  return compiled;
}

/** As `condition`, but a parameter may be unused. */
export function compile(parameters: string, expression: string): Condition {
  const { condition: compiled, problems } = compileText(parameters, expression);
  assert.deepEqual(problems, [], expression);
  return compiled;
}

function compileText(parameters: string, expression: string): ReturnType<typeof compileCondition> {
  const types = parameters.split(", ").map((each): [string, ParameterType] => {
    const [name = "", type = ""] = each.split(": ");
    return [name, parameterType(type)];
  });
  return compileCondition(parseName("c", "name"), new Map(types), expression);
}

function parameterType(text: string): ParameterType {
  const [, container, of] = /^(list|map)<(.+)>$/.exec(text) ?? [];
  if ((container === "list" || container === "map") && of !== undefined) {
    return { kind: container, of: parameterType(of) };
  }
  const kinds = [
    "bool",
    "string",
    "int",
    "uint",
    "double",
    "duration",
    "timestamp",
    "ipaddress",
    "any",
  ] as const;
  const kind = kinds.find((each) => each === text);
  assert.ok(kind, text);
  return { kind };
}
