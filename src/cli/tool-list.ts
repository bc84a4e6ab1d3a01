import { DomainError } from "../core/error.ts";
import { isJsonObject, type Json, type JsonObject } from "../core/json.ts";
import { quote } from "../core/object.ts";
import type { ToolHints } from "./risk-class.ts";

/** A tool as an MCP server lists it, as far as it matters here. */
export interface ListedTool {
  readonly name: string;
  readonly hints: ToolHints;
}

const toolsMax = 10_000;

/**
 * Reads the result of `tools/list`: the result itself, its `tools` alone, or the JSON-RPC response
 * around it. Fails with `malformed`, naming the path, and on a page that is not the last.
 */
export function parseToolList(text: string, field: string): readonly ListedTool[] {
  let root: Json;
  try {
    root = JSON.parse(text);
  } catch (cause) {
    throw new DomainError("malformed", `${field} is no JSON`, { cause });
  }
  const result = isJsonObject(root) && "result" in root ? (root["result"] ?? null) : root;
  if (isJsonObject(result) && typeof result["nextCursor"] === "string") {
    throw malformed(field, "is one page of several: put the `tools` of all pages into one list");
  }
  const tools = isJsonObject(result) ? (result["tools"] ?? null) : result;
  if (!isList(tools)) throw malformed(field, "must be the result of tools/list: a list of `tools`");
  if (tools.length > toolsMax) throw malformed(field, `has more than ${toolsMax} tools`);
  const parsed = tools.map((tool, index) => parseTool(tool, `${field}.tools[${index}]`));
  refuseTwice(parsed, field);
  return parsed;
}

function parseTool(tool: Json, path: string): ListedTool {
  if (!isJsonObject(tool)) throw malformed(path, "must be an object");
  const { name } = tool;
  if (typeof name !== "string" || name === "") throw malformed(`${path}.name`, "must be text");
  const annotations = tool["annotations"] ?? {};
  if (!isJsonObject(annotations)) throw malformed(`${path}.annotations`, "must be an object");
  return { name, hints: hintsOf(annotations, `${path}.annotations`) };
}

function hintsOf(annotations: JsonObject, path: string): ToolHints {
  const hint = (name: keyof ToolHints): ToolHints => {
    const value = annotations[name] ?? null;
    if (value === null) return {};
    if (typeof value !== "boolean") throw malformed(`${path}.${name}`, "must be true or false");
    return { [name]: value };
  };
  return {
    ...hint("readOnlyHint"),
    ...hint("destructiveHint"),
    ...hint("idempotentHint"),
    ...hint("openWorldHint"),
  };
}

/** Two tools of one name would share one registration: the better hints would cover the worse tool. */
function refuseTwice(tools: readonly ListedTool[], field: string): void {
  const seen = new Set<string>();
  for (const { name } of tools) {
    if (seen.has(name)) throw malformed(field, `has the tool ${quote(name)} twice`);
    seen.add(name);
  }
}

function isList(value: Json): value is readonly Json[] {
  return Array.isArray(value);
}

function malformed(path: string, problem: string): DomainError {
  return new DomainError("malformed", `${path} ${problem}`, { field: path });
}
