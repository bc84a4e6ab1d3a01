import { arithmeticFunctions } from "./arithmetic-functions.ts";
import { comparisonWeight, equalValues, isList, isMap, kindOf } from "./condition-value.ts";
import { failure, type ExpressionType, type Overload } from "./expression-function.ts";
import {
  anyType,
  boolObstacle,
  boolType,
  compatible,
  expectBool,
  formatType,
  hindrance,
  keyOf,
  refuse,
  spend,
  strict,
  type Compiled,
  type Scope,
} from "./expression-part.ts";
import { valueFunctions } from "./value-functions.ts";

/** Compiles a call: an operator, a function, or (as `.name`) a method with its target first. */
export function compileOperation(name: string, args: readonly Compiled[], scope: Scope): Compiled {
  const [first, second, third] = args;
  if (first !== undefined && second !== undefined) {
    switch (name) {
      case "_&&_":
      case "_||_":
        return compileLogic(name === "_||_", first, second, scope);
      case "_==_":
      case "_!=_":
        return compileEquality(name === "_==_", first, second, scope);
      case "@in":
        return compileMembership(first, second, scope);
      case "_[_]":
        return compileIndex(first, second, scope);
      case "_?_:_":
        if (third !== undefined) return compileChoice(first, second, third, scope);
    }
  }
  if (name === "!_" && first !== undefined) return compileNot(first, scope);
  if (name === "dyn" && first !== undefined && args.length === 1)
    return { ...first, type: anyType };
  if (name === "_+_" && args.some(({ type }) => type.kind === "list")) {
    return compileConcatenation(args, scope);
  }
  return compileFunction(name, args, scope);
}

/** The operand that settles it wins over whatever hinders the other, on either side. */
function compileLogic(settles: boolean, left: Compiled, right: Compiled, scope: Scope): Compiled {
  expectBool(left, scope);
  expectBool(right, scope);
  return {
    type: boolType,
    run: (frame) => {
      const spent = spend(frame, 1);
      if (spent !== undefined) return spent;
      const first = left.run(frame);
      if (first === settles) return settles;
      const second = right.run(frame);
      if (second === settles) return settles;
      return hindrance(first, second) ?? !settles;
    },
  };
}

function compileNot(operand: Compiled, scope: Scope): Compiled {
  expectBool(operand, scope);
  return {
    type: boolType,
    run: (frame) => {
      const spent = spend(frame, 1);
      if (spent !== undefined) return spent;
      const value = operand.run(frame);
      return boolObstacle(value) ?? value === false;
    },
  };
}

function compileChoice(condition: Compiled, yes: Compiled, no: Compiled, scope: Scope): Compiled {
  expectBool(condition, scope);
  if (!compatible(yes.type, no.type)) {
    const types = `${formatType(yes.type)} and ${formatType(no.type)}`;
    return refuse(scope, "expression_type", `the branches of \`?:\` have two types, ${types}`);
  }
  return {
    type: yes.type.kind === "any" ? no.type : yes.type,
    run: (frame) => {
      const spent = spend(frame, 1);
      if (spent !== undefined) return spent;
      const chosen = condition.run(frame);
      const obstacle = boolObstacle(chosen);
      if (obstacle !== undefined) return obstacle;
      return chosen === true ? yes.run(frame) : no.run(frame);
    },
  };
}

function compileEquality(wanted: boolean, left: Compiled, right: Compiled, scope: Scope): Compiled {
  const nullable = left.type.kind === "null" || right.type.kind === "null";
  if (!nullable && !compatible(left.type, right.type)) {
    const types = `${formatType(left.type)} with ${formatType(right.type)}`;
    return refuse(scope, "expression_type", `\`${wanted ? "==" : "!="}\` compares ${types}`);
  }
  return strict([left, right], boolType, (frame, [first = null, second = null]) => {
    return spend(frame, comparisonWeight(first, second)) ?? equalValues(first, second) === wanted;
  });
}

function compileMembership(element: Compiled, container: Compiled, scope: Scope): Compiled {
  const { type } = container;
  const inner = type.kind === "list" ? type.of : type.kind === "map" ? type.key : type;
  const isContainer = type.kind === "list" || type.kind === "map" || type.kind === "any";
  if (!isContainer || !compatible(element.type, inner)) {
    const types = `${formatType(element.type)} in ${formatType(type)}`;
    return refuse(scope, "expression_type", `\`in\` cannot look for ${types}`);
  }
  return strict([element, container], boolType, (frame, [wanted = null, values = null]) => {
    if (isMap(values)) {
      const key = keyOf(wanted);
      if (key !== undefined) return values.has(key);
      // A number that is not whole is a possible key that no map has.
      return typeof wanted === "number" ? false : failure(`${kindOf(wanted)} is no key`);
    }
    if (!isList(values)) return failure(`\`in\` of ${kindOf(values)}`);
    for (const value of values) {
      const spent = spend(frame, comparisonWeight(wanted, value));
      if (spent !== undefined) return spent;
      if (equalValues(wanted, value)) return true;
    }
    return false;
  });
}

function compileIndex(target: Compiled, index: Compiled, scope: Scope): Compiled {
  const { type } = target;
  const key: ExpressionType =
    type.kind === "list" ? { kind: "int" } : type.kind === "map" ? type.key : anyType;
  const isContainer = type.kind === "list" || type.kind === "map" || type.kind === "any";
  if (!isContainer || !compatible(key, index.type)) {
    const types = `${formatType(type)} by ${formatType(index.type)}`;
    return refuse(scope, "expression_type", `cannot index ${types}`);
  }
  const of = type.kind === "list" || type.kind === "map" ? type.of : anyType;
  return strict([target, index], of, (_, [container = null, at = null]) => {
    const found = keyOf(at);
    if (isMap(container)) {
      if (found === undefined) return failure(`${kindOf(at)} is no key`);
      return container.get(found) ?? (container.has(found) ? null : failure("no such key"));
    }
    if (!isList(container)) return failure(`an index of ${kindOf(container)}`);
    if (typeof found !== "bigint" || found < 0n || found >= BigInt(container.length)) {
      return failure("no such index");
    }
    return container[Number(found)] ?? null;
  });
}

function compileConcatenation(args: readonly Compiled[], scope: Scope): Compiled {
  const [left, right] = args;
  if (left === undefined || right === undefined || !compatible(left.type, right.type)) {
    return refuse(scope, "expression_type", "`+` joins two lists of one type");
  }
  return strict([left, right], left.type, (frame, [first = null, second = null]) => {
    if (!isList(first) || !isList(second)) return failure("`+` of a list and something else");
    return spend(frame, first.length + second.length) ?? [...first, ...second];
  });
}

function compileFunction(name: string, args: readonly Compiled[], scope: Scope): Compiled {
  const overloads = valueFunctions.get(name) ?? arithmeticFunctions.get(name);
  if (overloads === undefined) {
    return refuse(scope, "expression_unsupported", `there is no function \`${name}\``);
  }
  const fitting = overloads.filter((overload) => fits(overload, args));
  const [only] = fitting;
  if (only === undefined) {
    const types = args.map(({ type }) => formatType(type)).join(", ");
    return refuse(scope, "expression_type", `\`${name}\` does not take (${types})`);
  }
  const same = fitting.every(({ result }) => result.kind === only.result.kind);
  return strict(args, same ? only.result : anyType, (frame, values) => {
    for (const overload of fitting) {
      const cost = overload.cost?.(values) ?? 0;
      // Paid before the work is done; a signature that does not fit costs nothing.
      if (frame.steps + cost > frame.stepsMax) return spend(frame, cost) ?? null;
      const result = overload.run(values);
      if (result === undefined) continue;
      frame.steps += cost;
      return result;
    }
    return failure(`\`${name}\` does not take (${values.map(kindOf).join(", ")})`);
  });
}

function fits({ parameters }: Overload, args: readonly Compiled[]): boolean {
  return (
    parameters.length === args.length &&
    args.every(({ type }, index) => type.kind === "any" || type.kind === parameters[index])
  );
}
