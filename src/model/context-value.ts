import type { Json, JsonObject } from "../core/json.ts";
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
    case "any":
      return converted(valueOfJson(json));
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
    if (typeof json === "number") return json;
    const isDecimal =
      typeof json === "string" && /^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i.test(json);
    return isDecimal ? Number(json) : undefined;
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

function valueOfJson(json: Json): Value {
  if (isJsonList(json)) return json.map(valueOfJson);
  if (!isJsonObject(json)) return json;
  return new Map(Object.entries(json).map(([name, value]) => [name, valueOfJson(value)]));
}

function isJsonList(json: Json): json is readonly Json[] {
  return Array.isArray(json);
}

function isJsonObject(json: Json): json is JsonObject {
  return typeof json === "object" && json !== null && !Array.isArray(json);
}

function converted(value: Value): Converted {
  return { kind: "value", value };
}

function refused(json: Json, type: ParameterType, path: string): Converted {
  const shown = quote(JSON.stringify(json));
  return {
    kind: "wrong_type",
    detail: `${quote(path)} must be ${formatParameterType(type)}, got ${shown}`,
  };
}
