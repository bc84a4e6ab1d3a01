import { DomainError } from "../core/error.ts";
import { isJsonObject, type Json, type JsonObject } from "../core/json.ts";
import { quote } from "../core/object.ts";
import { readWhole } from "./file-text.ts";
import type { Terminal } from "./terminal.ts";
import { parseJsonObject } from "./tuple-line.ts";

/** A part of a context as it was typed; files are read later. */
export type ContextPart =
  | { readonly kind: "object"; readonly object: JsonObject }
  | { readonly kind: "file"; readonly path: string }
  | { readonly kind: "member"; readonly path: readonly string[]; readonly value: Json };

/**
 * Reads `name=value`, `outer.inner=value`, `{"name": value}` or `@file.json`. A value is JSON where
 * it reads as JSON (`5`, `true`, `"5"`, `["a"]`), and text where it does not.
 */
export function parseContextPart(text: string, field: string): ContextPart {
  if (text.startsWith("@")) return { kind: "file", path: text.slice(1) };
  if (text.startsWith("{")) return { kind: "object", object: parseJsonObject(text, field) };
  const equals = text.indexOf("=");
  const path = text.slice(0, Math.max(0, equals)).split(".");
  if (path.includes("")) {
    throw new DomainError(
      "malformed",
      `${field} must be name=value, a JSON object or @file, got ${quote(text)}`,
      { field },
    );
  }
  return { kind: "member", path, value: parseValue(text.slice(equals + 1)) };
}

/** Puts the parts together: of two values for one name the later counts. */
export async function readContext(
  parts: readonly ContextPart[],
  terminal: Terminal,
): Promise<JsonObject> {
  let context: JsonObject = {};
  for (const part of parts) context = merge(context, await objectOf(part, terminal));
  return context;
}

async function objectOf(part: ContextPart, terminal: Terminal): Promise<JsonObject> {
  switch (part.kind) {
    case "object":
      return part.object;
    case "file":
      return parseJsonObject(await readWhole(part.path, terminal), `@${part.path}`);
    case "member":
      return nest(part.path, part.value);
  }
}

function nest(path: readonly string[], value: Json): JsonObject {
  const [name = "", ...inner] = path;
  return Object.fromEntries([[name, inner.length === 0 ? value : nest(inner, value)]]);
}

function merge(under: JsonObject, over: JsonObject): JsonObject {
  const members = new Map(Object.entries(under));
  for (const [name, value] of Object.entries(over)) {
    const below = members.get(name) ?? null;
    members.set(name, isJsonObject(below) && isJsonObject(value) ? merge(below, value) : value);
  }
  return Object.fromEntries(members);
}

function parseValue(text: string): Json {
  try {
    const value: Json = JSON.parse(text);
    return value;
  } catch {
    return text;
  }
}
