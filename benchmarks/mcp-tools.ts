import { existsSync, readFileSync } from "node:fs";
import { parseName, parseObject } from "../src/core/object.ts";
import type { RelationTuple } from "../src/core/tuple.ts";
import {
  ladderTuples,
  registerTool,
  serverEligibleTuple,
  type RequiredPermissions,
} from "../src/cli/tool-registration.ts";
import { parseToolList, type ListedTool } from "../src/cli/tool-list.ts";

const corpus = new URL("../../shared/corpus/mcp-tools/", import.meta.url);
const servers = ["filesystem", "memory", "everything", "sequential-thinking", "github"];
const standInTools = 30;

/** Tools as MCP servers really list them, registered as `prokura tools import` does. */
export interface ToolWorld {
  /** False where the corpus is not there: then they are made up. */
  readonly isReal: boolean;
  readonly servers: readonly string[];
  readonly tools: number;
  readonly tuples: readonly RelationTuple[];
}

export function toolWorld(): ToolWorld {
  const lists = servers.map((server) => ({ server, tools: listedBy(server) }));
  const permissions: RequiredPermissions = { all: ["none"], byTool: new Map() };
  const nothing = { server: [], requires: [], eligible: [] };
  const everyAgent = { kind: "wildcard", type: parseName("agent", "type") } as const;
  return {
    isReal: existsSync(corpus),
    servers,
    tools: lists.reduce((sum, { tools }) => sum + tools.length, 0),
    tuples: [
      ...ladderTuples(),
      ...lists.flatMap(({ server, tools }) => [
        serverEligibleTuple(server, everyAgent),
        ...tools.flatMap((tool) => registerTool(server, tool, nothing, permissions, true).tuples),
      ]),
    ],
  };
}

/** Member of the tier from which the others follow. */
export function trustedAgent(id: string): RelationTuple {
  return {
    object: parseObject("tier", "destructive-open", "tier"),
    relation: parseName("member", "relation"),
    subject: { kind: "object", object: parseObject("agent", id, "agent") },
  };
}

function listedBy(server: string): readonly ListedTool[] {
  const file = new URL(server === "github" ? "github/tools.json" : `${server}.json`, corpus);
  if (existsSync(file)) return parseToolList(readFileSync(file, "utf8"), server);
  return Array.from({ length: standInTools }, (_, tool) => ({
    name: `tool_${tool}`,
    hints: { readOnlyHint: tool % 3 > 0, openWorldHint: tool % 2 === 0 },
  }));
}
