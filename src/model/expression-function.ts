import {
  isList,
  isMap,
  kindOf,
  type Instant,
  type IpAddress,
  type ListValue,
  type MapValue,
  type Span,
  type Uint,
  type Value,
  type ValueKind,
} from "./condition-value.ts";

/** The type that an expression is known to have before it runs; `any` is decided when it runs. */
export type ExpressionType =
  | { readonly kind: Exclude<ValueKind, "list" | "map"> | "any" }
  | { readonly kind: "list"; readonly of: ExpressionType }
  | { readonly kind: "map"; readonly key: ExpressionType; readonly of: ExpressionType };

/** What stands in the way of a value. It is passed on as a value: nothing is thrown. */
export type Obstacle =
  | { readonly kind: "unknown"; readonly names: ReadonlySet<string> }
  | { readonly kind: "error"; readonly detail: string };

export type Outcome = Value | Obstacle;

/** One signature of a function or operator. */
export interface Overload {
  readonly parameters: readonly ValueKind[];
  readonly result: ExpressionType;
  /** Steps beside the one that each call takes; known before it runs. */
  readonly cost?: (args: readonly Value[]) => number;
  /** `undefined` where the arguments are of other types. */
  readonly run: (args: readonly Value[]) => Outcome | undefined;
}

/** A type of values that a signature can ask for. */
export interface Kind<Wanted extends Value> {
  readonly type: ExpressionType;
  readonly is: (value: Value | undefined) => value is Wanted;
}

const anyType: ExpressionType = { kind: "any" };

export const bool: Kind<boolean> = {
  type: { kind: "bool" },
  is: (value): value is boolean => typeof value === "boolean",
};
export const string: Kind<string> = {
  type: { kind: "string" },
  is: (value): value is string => typeof value === "string",
};
export const int: Kind<bigint> = {
  type: { kind: "int" },
  is: (value): value is bigint => typeof value === "bigint",
};
export const double: Kind<number> = {
  type: { kind: "double" },
  is: (value): value is number => typeof value === "number",
};
export const uint: Kind<Uint> = {
  type: { kind: "uint" },
  is: (value): value is Uint => isKind(value, "uint"),
};
export const timestamp: Kind<Instant> = {
  type: { kind: "timestamp" },
  is: (value): value is Instant => isKind(value, "timestamp"),
};
export const duration: Kind<Span> = {
  type: { kind: "duration" },
  is: (value): value is Span => isKind(value, "duration"),
};
export const ipaddress: Kind<IpAddress> = {
  type: { kind: "ipaddress" },
  is: (value): value is IpAddress => isKind(value, "ipaddress"),
};
export const list: Kind<ListValue> = {
  type: { kind: "list", of: anyType },
  is: (value): value is ListValue => value !== undefined && isList(value),
};
export const map: Kind<MapValue> = {
  type: { kind: "map", key: anyType, of: anyType },
  is: (value): value is MapValue => value !== undefined && isMap(value),
};

export function unary<A extends Value>(
  parameter: Kind<A>,
  result: ExpressionType,
  apply: (value: A) => Outcome,
  cost?: (args: readonly Value[]) => number,
): Overload {
  return {
    parameters: [kindOfType(parameter)],
    result,
    ...(cost === undefined ? {} : { cost }),
    run: ([value]) => (parameter.is(value) ? apply(value) : undefined),
  };
}

export function binary<A extends Value, B extends Value>(
  left: Kind<A>,
  right: Kind<B>,
  result: ExpressionType,
  apply: (left: A, right: B) => Outcome,
  cost?: (args: readonly Value[]) => number,
): Overload {
  return {
    parameters: [kindOfType(left), kindOfType(right)],
    result,
    ...(cost === undefined ? {} : { cost }),
    run: ([first, second]) =>
      left.is(first) && right.is(second) ? apply(first, second) : undefined,
  };
}

export function failure(detail: string): Obstacle {
  return { kind: "error", detail };
}

export function isObstacle(outcome: Outcome): outcome is Obstacle {
  return (
    typeof outcome === "object" &&
    outcome !== null &&
    "kind" in outcome &&
    (outcome.kind === "unknown" || outcome.kind === "error")
  );
}

/** Steps for looking through texts, 32 units a step. */
export function textCost(args: readonly Value[]): number {
  let units = 0;
  for (const argument of args) if (typeof argument === "string") units += argument.length;
  return units >> 5;
}

function isKind(value: Value | undefined, kind: ValueKind): boolean {
  return value !== undefined && kindOf(value) === kind;
}

function kindOfType(kind: Kind<Value>): ValueKind {
  if (kind.type.kind === "any") throw new Error("a signature names the types that it takes");
  return kind.type.kind;
}
