import { isJsonObject, type Json } from "../core/json.ts";
import { quote } from "../core/object.ts";
import type { Value } from "./condition-value.ts";
import type { ParameterType } from "./condition.ts";
import { parseInstant, parseSpan } from "./instant.ts";
import { parseIpAddress } from "./ip-address.ts";

export type Converted =
  | { readonly kind: "value"; readonly value: Value }
  | { readonly kind: "wrong_type"; readonly detail: string };

/**
 * Gives a value out of a context the type of its parameter. Whole numbers are taken as numbers (up
 * to 2^53) or decimal text, times and spans and addresses as text.
 */
export function convertJson(json: Json, type: ParameterType, path: string): Converted {
  switch (type.kind) {
    case "any": {
      const value = valueOfJson(json, depthMax);
      return value === undefined ? tooDeep(path) : converted(value);
    }
    case "list":
      return convertList(json, type.of, path);
    case "map":
      return convertMap(json, type.of, path);
    case "bool":
      return typeof json === "boolean" ? converted(json) : refused(json, type, path);
    case "string":
      return typeof json === "string" ? converted(json) : refused(json, type, path);
    case "int":
    case "uint":
    case "double": {
      const value = numberOfJson(json, type.kind);
      return value === undefined ? refused(json, type, path) : converted(value);
    }
    case "duration":
    case "timestamp":
    case "ipaddress": {
      const value = typeof json === "string" ? parsers[type.kind](json) : undefined;
      return value === undefined ? refused(json, type, path) : converted(value);
    }
  }
}

export function formatParameterType(type: ParameterType): string {
  if (type.kind === "list" || type.kind === "map") {
    return `${type.kind}<${formatParameterType(type.of)}>`;
  }
  return type.kind;
}

/** A decimal number, with or without fraction and exponent; `undefined` for any other text. */
export function parseDecimal(text: string): number | undefined {
  // Bounded first: the pattern takes time quadratic in the digits.
  if (text.length > decimalUnitsMax) return undefined;
  return /^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i.test(text) ? Number(text) : undefined;
}

const decimalUnitsMax = 400;
const depthMax = 64;
const parsers = { duration: parseSpan, timestamp: parseInstant, ipaddress: parseIpAddress };

function convertList(json: Json, of: ParameterType, path: string): Converted {
  if (!isJsonList(json)) return refused(json, { kind: "list", of }, path);
  const values: Value[] = [];
  for (const [index, element] of json.entries()) {
    const result = convertJson(element, of, `${path}[${index}]`);
    if (result.kind === "wrong_type") return result;
    values.push(result.value);
  }
  return converted(values);
}

function convertMap(json: Json, of: ParameterType, path: string): Converted {
  if (!isJsonObject(json)) return refused(json, { kind: "map", of }, path);
  const values = new Map<string, Value>();
  for (const [name, element] of Object.entries(json)) {
    const result = convertJson(element, of, `${path}.${name}`);
    if (result.kind === "wrong_type") return result;
    values.set(name, result.value);
  }
  return converted(values);
}

function numberOfJson(json: Json, kind: "int" | "uint" | "double"): Value | undefined {
  if (kind === "double") {
    const double = typeof json === "string" ? parseDecimal(json) : json;
    // A decimal beyond the range of doubles would become infinite: another value than was sent.
    return typeof double === "number" && Number.isFinite(double) ? double : undefined;
  }
  const value = wholeOf(json);
  if (value === undefined) return undefined;
  if (kind === "int") return BigInt.asIntN(64, value) === value ? value : undefined;
  return BigInt.asUintN(64, value) === value ? { kind: "uint", value } : undefined;
}

function wholeOf(json: Json): bigint | undefined {
  if (typeof json === "number") return Number.isSafeInteger(json) ? BigInt(json) : undefined;
  return typeof json === "string" && /^-?\d{1,20}$/.test(json) ? BigInt(json) : undefined;
}

/** `undefined` where it is nested deeper than `depth`. */
function valueOfJson(json: Json, depth: number): Value | undefined {
  if (depth === 0) return undefined;
  if (isJsonList(json)) {
    const values = json.map((element) => valueOfJson(element, depth - 1));
    return values.every((value) => value !== undefined) ? values : undefined;
  }
  if (!isJsonObject(json)) return json;
  const entries = new Map<string, Value>();
  for (const [name, element] of Object.entries(json)) {
    const value = valueOfJson(element, depth - 1);
    if (value === undefined) return undefined;
    entries.set(name, value);
  }
  return entries;
}

function isJsonList(json: Json): json is readonly Json[] {
  return Array.isArray(json);
}

function converted(value: Value): Converted {
  return { kind: "value", value };
}

function tooDeep(path: string): Converted {
  return { kind: "wrong_type", detail: `${quote(path)} is nested more than ${depthMax} deep` };
}

function refused(json: Json, type: ParameterType, path: string): Converted {
  const shown = quote(JSON.stringify(json));
  return {
    kind: "wrong_type",
    detail: `${quote(path)} must be ${formatParameterType(type)}, got ${shown}`,
  };
}
