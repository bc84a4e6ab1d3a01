import type { parse } from "@bufbuild/cel";

import { kindOf, type MapKey, type Value } from "./condition-value.ts";
import {
  failure,
  isObstacle,
  type ExpressionType,
  type Obstacle,
  type Outcome,
} from "./expression-function.ts";

export type Node = NonNullable<ReturnType<typeof parse>["expr"]>;

/** What a run of an expression reads and counts. Made new for each run. */
export interface Frame {
  /** Parameters first, then the variables of comprehensions. */
  readonly slots: Outcome[];
  steps: number;
  readonly stepsMax: number;
}

/** A checked part of an expression. */
export interface Compiled {
  readonly type: ExpressionType;
  readonly run: (frame: Frame) => Outcome;
}

export interface Variable {
  readonly slot: number;
  /** False for the variable of a comprehension. */
  readonly isParameter: boolean;
  readonly type: ExpressionType;
}

/** Where a part stands: the names it sees, and how deep. */
export interface Scope {
  readonly variables: ReadonlyMap<string, Variable>;
  readonly comprehensions: number;
  readonly depth: number;
  readonly checker: Checker;
  /** Compiles a part of what is being compiled. */
  readonly compile: (node: Node, scope: Scope) => Compiled;
}

/** Collects what is wrong, so that all of it is said at once. */
export interface Checker {
  readonly problems: ExpressionProblem[];
  readonly used: Set<string>;
  slots: number;
  nodes: number;
}

export interface ExpressionProblem {
  readonly code:
    | "expression_syntax"
    | "expression_type"
    | "expression_unsupported"
    | "expression_too_complex"
    | "parameter_unknown";
  readonly message: string;
}

export const anyType: ExpressionType = { kind: "any" };
export const boolType: ExpressionType = { kind: "bool" };

/** Runs all parts, then applies: an error in a part is sure, and so comes before what is unknown. */
export function strict(
  parts: readonly Compiled[],
  type: ExpressionType,
  apply: (frame: Frame, values: readonly Value[]) => Outcome,
): Compiled {
  return {
    type,
    run: (frame) => {
      const spent = spend(frame, 1);
      if (spent !== undefined) return spent;
      const values: Value[] = [];
      let obstacle: Obstacle | undefined;
      for (const part of parts) {
        const outcome = part.run(frame);
        if (isObstacle(outcome)) obstacle = mergeObstacles(obstacle, outcome);
        else values.push(outcome);
      }
      return obstacle ?? apply(frame, values);
    },
  };
}

/** Fails the run where the budget is spent. The caller goes on with nothing. */
export function spend(frame: Frame, steps: number): Obstacle | undefined {
  frame.steps += steps;
  return frame.steps > frame.stepsMax ? failure("the cost limit was met") : undefined;
}

/** Of several: an error is sure, so it comes before what is unknown; names add up. */
export function mergeObstacles(left: Obstacle | undefined, right: Obstacle): Obstacle {
  if (left === undefined || (left.kind === "unknown" && right.kind === "error")) return right;
  if (left.kind === "error" || right.kind === "error") return left;
  return { kind: "unknown", names: left.names.union(right.names) };
}

/** Unknown before error: a value could still settle it. */
export function hindrance(first: Outcome, second: Outcome): Obstacle | undefined {
  const [left, right] = [boolObstacle(first), boolObstacle(second)];
  if (left === undefined) return right;
  if (right === undefined || right.kind === "error") return left;
  return left.kind === "error" ? right : mergeObstacles(left, right);
}

export function boolObstacle(outcome: Outcome): Obstacle | undefined {
  if (isObstacle(outcome)) return outcome;
  return typeof outcome === "boolean"
    ? undefined
    : failure(`${kindOf(outcome)} where a bool is needed`);
}

export function refuse(scope: Scope, code: ExpressionProblem["code"], message: string): Compiled {
  scope.checker.problems.push({ code, message });
  return impossible();
}

export function impossible(): Compiled {
  return { type: anyType, run: () => failure("the expression was refused") };
}

export function expectBool(part: Compiled, scope: Scope): void {
  if (compatible(part.type, boolType)) return;
  refuse(scope, "expression_type", `${formatType(part.type)} where a bool is needed`);
}

/** Whether a value of one type may stand where the other is asked for. */
export function compatible(left: ExpressionType, right: ExpressionType): boolean {
  if (left.kind === "any" || right.kind === "any") return true;
  if (left.kind === "list") return right.kind === "list" && compatible(left.of, right.of);
  if (left.kind === "map") {
    return right.kind === "map" && compatible(left.key, right.key) && compatible(left.of, right.of);
  }
  return left.kind === right.kind;
}

export function commonType(types: readonly ExpressionType[]): ExpressionType {
  const [first = anyType, ...rest] = types;
  return rest.every((type) => sameType(first, type)) ? first : anyType;
}

function sameType(left: ExpressionType, right: ExpressionType): boolean {
  if (left.kind === "list") return right.kind === "list" && sameType(left.of, right.of);
  if (left.kind !== "map") return left.kind === right.kind;
  return right.kind === "map" && sameType(left.key, right.key) && sameType(left.of, right.of);
}

export function formatType(type: ExpressionType): string {
  if (type.kind === "list" || type.kind === "map") return `${type.kind}<${formatType(type.of)}>`;
  return type.kind;
}

export function keyOf(value: Value): MapKey | undefined {
  if (value === null) return undefined;
  if (typeof value === "number") return Number.isInteger(value) ? BigInt(value) : undefined;
  if (typeof value !== "object") return value;
  return "kind" in value && value.kind === "uint" ? value.value : undefined;
}
