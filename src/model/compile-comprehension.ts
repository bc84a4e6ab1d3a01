import { isList, isMap, kindOf, type Value } from "./condition-value.ts";
import {
  failure,
  isObstacle,
  type ExpressionType,
  type Obstacle,
  type Outcome,
} from "./expression-function.ts";
import {
  anyType,
  boolObstacle,
  boolType,
  expectBool,
  formatType,
  hindrance,
  mergeObstacles,
  refuse,
  spend,
  type Compiled,
  type Frame,
  type Node,
  type Scope,
} from "./expression-part.ts";

type Comprehension = Extract<Node["exprKind"], { case: "comprehensionExpr" }>["value"];

const comprehensionsMax = 2;

/** One of the five macros, read back from the loop that the parser makes of them. */
type Macro =
  | { readonly kind: "all" | "exists" | "exists_one"; readonly predicate: Node }
  /** `filter` is a `collect` of the element itself. */
  | { readonly kind: "collect"; readonly predicate?: Node; readonly element: Node };

/** `all`, `exists`, `exists_one`, `map` and `filter`, over the elements of a list or the keys of a map. */
export function compileComprehension(value: Comprehension, scope: Scope): Compiled {
  const macro = macroOf(value);
  if (macro === undefined || value.iterRange === undefined) {
    return refuse(scope, "expression_unsupported", "this comprehension is not supported");
  }
  const range = scope.compile(value.iterRange, scope);
  const { checker } = scope;
  if (scope.comprehensions === comprehensionsMax) {
    const limit = `comprehensions nest at most ${comprehensionsMax} deep`;
    return refuse(scope, "expression_too_complex", limit);
  }
  const element = elementType(range.type);
  if (element === undefined) {
    return refuse(scope, "expression_type", `cannot go through ${formatType(range.type)}`);
  }
  const slot = checker.slots;
  checker.slots += 1;
  const variable = { slot, isParameter: false, type: element };
  const inner: Scope = {
    ...scope,
    variables: new Map([...scope.variables, [value.iterVar, variable]]),
    comprehensions: scope.comprehensions + 1,
  };
  return compileMacro(macro, range, slot, inner);
}

function compileMacro(macro: Macro, range: Compiled, slot: number, scope: Scope): Compiled {
  const predicate =
    macro.predicate === undefined ? undefined : scope.compile(macro.predicate, scope);
  if (predicate !== undefined) expectBool(predicate, scope);
  switch (macro.kind) {
    case "all":
    case "exists": {
      const settles = macro.kind === "exists";
      return over(range, boolType, (frame, values) =>
        predicate === undefined ? null : quantify(settles, predicate, frame, slot, values),
      );
    }
    case "exists_one":
      return over(range, boolType, (frame, values) => {
        const found = collect(predicate, undefined, frame, slot, values);
        return isObstacle(found) || !isList(found) ? found : found.length === 1;
      });
    case "collect": {
      const element = scope.compile(macro.element, scope);
      return over(range, { kind: "list", of: element.type }, (frame, values) =>
        collect(predicate, element, frame, slot, values),
      );
    }
  }
}

function over(
  range: Compiled,
  type: ExpressionType,
  go: (frame: Frame, values: Iterable<Value>) => Outcome,
): Compiled {
  return {
    type,
    run: (frame) => {
      const values = range.run(frame);
      if (isObstacle(values)) return values;
      if (isList(values)) return go(frame, values);
      return isMap(values)
        ? go(frame, values.keys())
        : failure(`cannot go through ${kindOf(values)}`);
    },
  };
}

/** The first element that settles it ends the loop; else what hinders any element hinders all. */
function quantify(
  settles: boolean,
  predicate: Compiled,
  frame: Frame,
  slot: number,
  values: Iterable<Value>,
): Outcome {
  let obstacle: Obstacle | undefined;
  for (const value of values) {
    const spent = spend(frame, 1);
    if (spent !== undefined) return spent;
    frame.slots[slot] = value;
    const outcome = predicate.run(frame);
    if (outcome === settles) return settles;
    obstacle = hindrance(obstacle ?? !settles, outcome);
  }
  return obstacle ?? !settles;
}

/** Each element counts, so that an error anywhere is sure. */
function collect(
  predicate: Compiled | undefined,
  element: Compiled | undefined,
  frame: Frame,
  slot: number,
  values: Iterable<Value>,
): Outcome {
  const found: Value[] = [];
  let obstacle: Obstacle | undefined;
  for (const value of values) {
    const spent = spend(frame, 1);
    if (spent !== undefined) return spent;
    frame.slots[slot] = value;
    const wanted = predicate === undefined ? true : predicate.run(frame);
    const hindered = boolObstacle(wanted);
    if (hindered !== undefined) {
      obstacle = mergeObstacles(obstacle, hindered);
      continue;
    }
    if (wanted === false) continue;
    const outcome = element === undefined ? value : element.run(frame);
    if (isObstacle(outcome)) obstacle = mergeObstacles(obstacle, outcome);
    else found.push(outcome);
  }
  return obstacle ?? found;
}

function elementType(type: ExpressionType): ExpressionType | undefined {
  switch (type.kind) {
    case "list":
      return type.of;
    case "map":
      return type.key;
    case "any":
      return anyType;
    case "bool":
    case "double":
    case "duration":
    case "int":
    case "ipaddress":
    case "null":
    case "string":
    case "timestamp":
    case "uint":
      return undefined;
  }
}

function macroOf({ loopStep, accuInit }: Comprehension): Macro | undefined {
  const step = callOf(loopStep);
  const [first, second] = step?.args ?? [];
  if (step === undefined || first === undefined || second === undefined) return undefined;
  switch (step.function) {
    case "_&&_":
      return { kind: "all", predicate: second };
    case "_||_":
      return { kind: "exists", predicate: second };
    case "_+_":
      return collectOf(second);
    case "_?_:_": {
      if (accuInit?.exprKind.case === "constExpr") return { kind: "exists_one", predicate: first };
      const [, appended] = callOf(second)?.args ?? [];
      const collected = collectOf(appended);
      return collected === undefined ? undefined : { ...collected, predicate: first };
    }
    default:
      return undefined;
  }
}

function collectOf(appended: Node | undefined): Macro | undefined {
  if (appended?.exprKind.case !== "listExpr") return undefined;
  const [element] = appended.exprKind.value.elements;
  return element === undefined ? undefined : { kind: "collect", element };
}

function callOf(node: Node | undefined): { function: string; args: Node[] } | undefined {
  return node?.exprKind.case === "callExpr" ? node.exprKind.value : undefined;
}
