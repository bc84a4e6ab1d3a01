import type { JsonObject as JsonObjectProto } from "@bufbuild/protobuf";
import { DomainError } from "../core/error.ts";
import type { Json, JsonObject } from "../core/json.ts";
import { malformed } from "./field.ts";
import { contractLimits } from "./limits.ts";

// PostgreSQL keeps no NUL in text, and unpaired surrogates have no UTF-8 form.
// eslint-disable-next-line no-control-regex
const refusedInString = /\u0000|\p{Cs}/u;

/**
 * A context as conditions see it; absent is empty. Its size is counted as the bytes of its names and
 * strings and 8 for every other value, which is about the size of its JSON.
 */
export function contextFromProto(
  context: JsonObjectProto | undefined,
  bytesMax: number,
  field: string,
): JsonObject {
  if (context === undefined) return {};
  if (bytesOf(context, 0, field) > bytesMax) {
    throw new DomainError("limit_exceeded", `${field} has over ${bytesMax} bytes`, { field });
  }
  return context;
}

/** A context goes out as it came in: JSON either way. */
export function contextToProto(context: JsonObject): JsonObjectProto {
  return Object.fromEntries(
    Object.entries(context).map(([name, value]) => [name, jsonToProto(value)]),
  );
}

function jsonToProto(value: Json): JsonObjectProto[string] {
  if (value === null || typeof value !== "object") return value;
  return isArray(value) ? value.map(jsonToProto) : contextToProto(value);
}

function isArray(value: readonly Json[] | JsonObject): value is readonly Json[] {
  return Array.isArray(value);
}

function bytesOf(value: Json, depth: number, field: string): number {
  if (typeof value === "string") return stringBytes(value, field);
  if (typeof value === "number" && !Number.isFinite(value)) {
    throw malformed(field, "must not have NaN or an infinite number");
  }
  if (value === null || typeof value !== "object") return 8;
  if (depth === contractLimits.contextDepth) {
    throw malformed(field, `must not be nested over ${contractLimits.contextDepth} deep`);
  }
  let bytes = 8;
  if (isArray(value)) {
    for (const element of value) bytes += bytesOf(element, depth + 1, field);
    return bytes;
  }
  for (const name of Object.keys(value)) {
    // Code that copies objects by assignment would set their prototype with it.
    if (name === "__proto__") throw malformed(field, "must not have the name `__proto__`");
    bytes += stringBytes(name, field) + bytesOf(value[name] ?? null, depth + 1, field);
  }
  return bytes;
}

function stringBytes(text: string, field: string): number {
  if (refusedInString.test(text)) {
    throw malformed(field, "must not have NUL characters or unpaired surrogates");
  }
  return Buffer.byteLength(text);
}
