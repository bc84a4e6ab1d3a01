import { parse } from "@bufbuild/cel";

import { compileComprehension } from "./compile-comprehension.ts";
import { compileOperation } from "./compile-operation.ts";
import { isMap, kindOf, type MapKey, type Value } from "./condition-value.ts";
import { failure, isObstacle, type ExpressionType } from "./expression-function.ts";
import {
  anyType,
  boolType,
  commonType,
  formatType,
  impossible,
  keyOf,
  refuse,
  spend,
  strict,
  type Checker,
  type Compiled,
  type ExpressionProblem,
  type Node,
  type Scope,
  type Variable,
} from "./expression-part.ts";

export interface CompiledExpression {
  readonly compiled: Compiled;
  readonly slots: number;
  readonly used: ReadonlySet<string>;
  readonly problems: readonly ExpressionProblem[];
}

const depthMax = 64;
const nodesMax = 5000;

/** Parses, checks the types, and makes functions of an expression. Nothing of this happens again per run. */
export function compileExpression(
  text: string,
  parameters: ReadonlyMap<string, ExpressionType>,
): CompiledExpression {
  const variables = new Map<string, Variable>();
  for (const [name, type] of parameters) {
    variables.set(name, { slot: variables.size, isParameter: true, type });
  }
  const checker: Checker = { problems: [], used: new Set(), slots: variables.size, nodes: 0 };
  const node = parseExpression(text, checker);
  const scope: Scope = { variables, comprehensions: 0, depth: 0, checker, compile: compileNode };
  const compiled = node === undefined ? impossible() : compileNode(node, scope);
  return { compiled, slots: checker.slots, used: checker.used, problems: checker.problems };
}

function parseExpression(text: string, checker: Checker): Node | undefined {
  try {
    return parse(text).expr;
  } catch (error) {
    const message = error instanceof RangeError ? "nested too deep" : String(error);
    const plain = message.replace(/^(\w*Error: )?(<input>:)?/, "").replaceAll(/\s+/g, " ");
    checker.problems.push({
      code: "expression_syntax",
      message: `the expression has no meaning at ${plain}`,
    });
    return undefined;
  }
}

function compileNode(node: Node, outer: Scope): Compiled {
  const scope = { ...outer, depth: outer.depth + 1 };
  const { checker } = scope;
  checker.nodes += 1;
  if (scope.depth > depthMax || checker.nodes > nodesMax) {
    const limit = scope.depth > depthMax ? `${depthMax} levels` : `${nodesMax} parts`;
    return refuse(scope, "expression_too_complex", `the expression has more than ${limit}`);
  }
  const { exprKind: kind } = node;
  switch (kind.case) {
    case "constExpr":
      return compileConstant(kind.value, scope);
    case "identExpr":
      return compileName(kind.value.name, scope);
    case "selectExpr":
      return compileSelect(kind.value, scope);
    case "callExpr":
      return compileCall(kind.value, scope);
    case "listExpr":
      return compileList(kind.value.elements, scope);
    case "structExpr":
      return compileMap(kind.value, scope);
    case "comprehensionExpr":
      return compileComprehension(kind.value, scope);
    case undefined:
      return refuse(scope, "expression_syntax", "the expression is empty");
  }
}

type Constant = Extract<Node["exprKind"], { case: "constExpr" }>["value"];
type Select = Extract<Node["exprKind"], { case: "selectExpr" }>["value"];
type Call = Extract<Node["exprKind"], { case: "callExpr" }>["value"];
type Struct = Extract<Node["exprKind"], { case: "structExpr" }>["value"];

function compileConstant(constant: Constant, scope: Scope): Compiled {
  const { constantKind: kind } = constant;
  const fixed = (type: ExpressionType, value: Value): Compiled => ({ type, run: () => value });
  switch (kind.case) {
    case "boolValue":
      return fixed(boolType, kind.value);
    case "stringValue":
      return fixed({ kind: "string" }, kind.value);
    case "doubleValue":
      return fixed({ kind: "double" }, kind.value);
    case "nullValue":
      return fixed({ kind: "null" }, null);
    case "int64Value":
      if (BigInt.asIntN(64, kind.value) === kind.value) return fixed({ kind: "int" }, kind.value);
      return refuse(scope, "expression_type", `${kind.value} is no int of 64 bits`);
    case "uint64Value": {
      const { value } = kind;
      if (BigInt.asUintN(64, value) === value)
        return fixed({ kind: "uint" }, { kind: "uint", value });
      return refuse(scope, "expression_type", `${value} is no uint of 64 bits`);
    }
    case "bytesValue":
    case "durationValue":
    case "timestampValue":
    case undefined:
      return refuse(scope, "expression_unsupported", "values of type bytes are not supported");
  }
}

function compileName(name: string, scope: Scope): Compiled {
  const variable = scope.variables.get(name);
  if (variable === undefined) {
    return refuse(scope, "parameter_unknown", `\`${name}\` is no parameter of the condition`);
  }
  if (variable.isParameter) scope.checker.used.add(name);
  const { slot, type } = variable;
  return { type, run: ({ slots }) => slots[slot] ?? null };
}

function compileSelect({ operand, field, testOnly }: Select, scope: Scope): Compiled {
  if (operand === undefined) return refuse(scope, "expression_syntax", "a field of nothing");
  const target = compileNode(operand, scope);
  if (target.type.kind !== "map" && target.type.kind !== "any") {
    return refuse(
      scope,
      "expression_type",
      `\`.${field}\` asks for a map, not ${formatType(target.type)}`,
    );
  }
  const of = target.type.kind === "map" ? target.type.of : anyType;
  return {
    type: testOnly ? boolType : of,
    run: (frame) => {
      const spent = spend(frame, 1);
      if (spent !== undefined) return spent;
      const value = target.run(frame);
      if (isObstacle(value)) return value;
      if (!isMap(value)) return failure(`a field of ${kindOf(value)}`);
      if (testOnly) return value.has(field);
      return value.get(field) ?? (value.has(field) ? null : failure(`no such key: ${field}`));
    },
  };
}

function compileCall(call: Call, scope: Scope): Compiled {
  const parts = call.target === undefined ? call.args : [call.target, ...call.args];
  const args = parts.map((part) => compileNode(part, scope));
  const name = call.target === undefined ? call.function : `.${call.function}`;
  return compileOperation(name, args, scope);
}

function compileList(elements: readonly Node[], scope: Scope): Compiled {
  const compiled = elements.map((element) => compileNode(element, scope));
  const of = commonType(compiled.map(({ type }) => type));
  return strict(
    compiled,
    { kind: "list", of },
    (frame, values) => spend(frame, values.length) ?? values,
  );
}

function compileMap(struct: Struct, scope: Scope): Compiled {
  if (struct.messageName !== "") {
    return refuse(
      scope,
      "expression_unsupported",
      `messages such as \`${struct.messageName}\` are not supported`,
    );
  }
  const keys: Compiled[] = [];
  const values: Compiled[] = [];
  for (const { keyKind, value } of struct.entries) {
    if (keyKind.case !== "mapKey" || value === undefined) continue;
    keys.push(compileNode(keyKind.value, scope));
    values.push(compileNode(value, scope));
  }
  const key = commonType(keys.map(({ type }) => type));
  if (!["string", "int", "bool", "any"].includes(key.kind)) {
    return refuse(scope, "expression_type", `${formatType(key)} is no key of a map`);
  }
  const type = { kind: "map", key, of: commonType(values.map((value) => value.type)) } as const;
  return strict([...keys, ...values], type, (frame, all) => {
    const spent = spend(frame, all.length);
    if (spent !== undefined) return spent;
    const entries = new Map<MapKey, Value>();
    for (const [index, value] of all.slice(keys.length).entries()) {
      const name = keyOf(all[index] ?? null);
      if (name === undefined || entries.has(name))
        return failure("a key twice, or of no type for keys");
      entries.set(name, value);
    }
    return entries;
  });
}
