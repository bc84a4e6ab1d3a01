/** What an expression computes with. An int is a bigint, a double a number. */
export type Value =
  | null
  | boolean
  | string
  | bigint
  | number
  | Uint
  | Instant
  | Span
  | IpAddress
  | ListValue
  | MapValue;

export type ListValue = readonly Value[];
export type MapValue = ReadonlyMap<MapKey, Value>;
export type MapKey = string | bigint | boolean;

export interface Uint {
  readonly kind: "uint";
  readonly value: bigint;
}

/** Nanoseconds since 1970; years 1 to 9999. */
export interface Instant {
  readonly kind: "timestamp";
  readonly nanos: bigint;
}

/** Nanoseconds, within 64 bits. */
export interface Span {
  readonly kind: "duration";
  readonly nanos: bigint;
}

export interface IpAddress {
  readonly kind: "ipaddress";
  readonly version: 4 | 6;
  readonly bits: bigint;
}

export type ValueKind =
  | "null"
  | "bool"
  | "string"
  | "int"
  | "uint"
  | "double"
  | "timestamp"
  | "duration"
  | "ipaddress"
  | "list"
  | "map";

export function kindOf(value: Value): ValueKind {
  if (typeof value === "boolean") return "bool";
  if (typeof value === "string") return "string";
  if (typeof value === "bigint") return "int";
  if (typeof value === "number") return "double";
  if (value === null) return "null";
  if (isList(value)) return "list";
  return isMap(value) ? "map" : value.kind;
}

export function isList(value: Value): value is ListValue {
  return Array.isArray(value);
}

export function isMap(value: Value): value is MapValue {
  return value instanceof Map;
}

/**
 * Numbers are equal across their types; values of other different types are not. `NaN` equals
 * nothing, and so a list or map that holds it does not even equal itself.
 */
export function equalValues(left: Value, right: Value): boolean {
  const [leftNumber, rightNumber] = [numberOf(left), numberOf(right)];
  if (leftNumber !== undefined && rightNumber !== undefined) {
    // oxlint-disable-next-line eqeqeq -- `==` compares a bigint with a number exactly
    return leftNumber == rightNumber;
  }
  if (typeof left !== "object" || typeof right !== "object") return left === right;
  if (left === null || right === null) return left === right;
  if (isList(left)) return isList(right) && equalLists(left, right);
  if (isMap(left)) return isMap(right) && equalMaps(left, right);
  if (isList(right) || isMap(right)) return false;
  if (left.kind === "timestamp" || left.kind === "duration") {
    return right.kind === left.kind && left.nanos === right.nanos;
  }
  return (
    left.kind === "ipaddress" &&
    right.kind === "ipaddress" &&
    left.version === right.version &&
    left.bits === right.bits
  );
}

/** What it takes to compare two values: one for each value inside, and for each 32 units of a text. */
export function comparisonWeight(left: Value, right: Value): number {
  if (typeof left === "string" && typeof right === "string") {
    return left.length === right.length ? 1 + (left.length >> 5) : 1;
  }
  if (left === null || right === null) return 1;
  if (typeof left !== "object" || typeof right !== "object") return 1;
  if (isList(left)) {
    return isList(right) && left.length === right.length ? 1 + weightOf(left.values()) : 1;
  }
  if (!isMap(left)) return 1;
  return isMap(right) && left.size === right.size ? 1 + weightOf(left.values()) + left.size : 1;
}

function weightOf(values: Iterable<Value>): number {
  let sum = 0;
  for (const value of values) {
    sum += 1;
    if (typeof value === "string") sum += value.length >> 5;
    else if (typeof value !== "object" || value === null) continue;
    else if (isList(value)) sum += weightOf(value);
    else if (isMap(value)) sum += value.size + weightOf(value.values());
  }
  return sum;
}

function numberOf(value: Value): number | bigint | undefined {
  if (typeof value === "number" || typeof value === "bigint") return value;
  if (typeof value !== "object" || value === null || isList(value) || isMap(value))
    return undefined;
  return value.kind === "uint" ? value.value : undefined;
}

function equalLists(left: ListValue, right: ListValue): boolean {
  return (
    left.length === right.length &&
    left.every((element, index) => equalValues(element, right[index] ?? null))
  );
}

function equalMaps(left: MapValue, right: MapValue): boolean {
  if (left.size !== right.size) return false;
  for (const [key, value] of left) {
    const other = right.get(key);
    if (other === undefined || !equalValues(value, other)) return false;
  }
  return true;
}
