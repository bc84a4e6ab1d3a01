import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { parse } from "yaml";
import { isJsonObject, type Json, type JsonObject } from "../../src/core/json.ts";

/** The benchmark's data, beside the repository. Not part of it. */
const corpusFolder: string = join(import.meta.dirname, "../../../shared/corpus/agentdojo");

export const suiteNames = ["banking", "slack", "travel", "workspace"] as const;
export type SuiteName = (typeof suiteNames)[number];

export interface Suite {
  readonly name: SuiteName;
  /** Names of all tools, those that no task calls included. */
  readonly tools: readonly string[];
  readonly userTasks: readonly Task[];
  /** Without those that call no tool: there is nothing to stop. */
  readonly injectionTasks: readonly Task[];
  /** What `pre_environment` is in computed arguments. */
  readonly environment: JsonObject;
}

export interface Task {
  readonly id: string;
  /** Ground truth: the calls that carry the task out. */
  readonly calls: readonly ToolCall[];
}

export interface ToolCall {
  readonly tool: string;
  readonly args: JsonObject;
}

/** The files of each suite's environment, under the name of the part that they hold; `.` for all. */
const environmentFiles: Readonly<Record<SuiteName, Readonly<Record<string, string>>>> = {
  banking: { ".": "banking.environment.yaml" },
  slack: { ".": "slack.environment.yaml" },
  travel: { ".": "travel.environment.yaml" },
  workspace: {
    calendar: "workspace.calendar.yaml",
    cloud_drive: "workspace.cloud_drive.yaml",
    inbox: "workspace.inbox.yaml",
  },
};

export function isCorpusThere(): boolean {
  return existsSync(join(corpusFolder, "ORIGIN.md"));
}

export async function readSuites(): Promise<readonly Suite[]> {
  return await Promise.all(suiteNames.map(readSuite));
}

async function readSuite(name: SuiteName): Promise<Suite> {
  const data = objectOf(JSON.parse(await readFile(join(corpusFolder, `${name}.json`), "utf8")));
  return {
    name,
    tools: listOf(data["tools"]).map(textOf),
    userTasks: listOf(data["user_tasks"]).map(parseTask),
    injectionTasks: listOf(data["injection_tasks"])
      .map(parseTask)
      .filter(({ calls }) => calls.length > 0),
    environment: await readEnvironment(name),
  };
}

async function readEnvironment(name: SuiteName): Promise<JsonObject> {
  const parts = await Promise.all(
    Object.entries(environmentFiles[name]).map(async ([part, file]) => {
      const content = objectOf(parse(await readFile(join(corpusFolder, file), "utf8")));
      return part === "." ? content : { [part]: content };
    }),
  );
  return Object.assign({}, ...parts);
}

function parseTask(json: Json): Task {
  const task = objectOf(json);
  return {
    id: textOf(task["id"]),
    calls: listOf(task["ground_truth"]).map((call) => {
      const { function: tool, args } = objectOf(call);
      return { tool: textOf(tool), args: objectOf(args) };
    }),
  };
}

function objectOf(json: Json | undefined): JsonObject {
  if (json === undefined || !isJsonObject(json))
    throw new TypeError("the corpus has no object here");
  return json;
}

function listOf(json: Json | undefined): readonly Json[] {
  if (!Array.isArray(json)) throw new TypeError("the corpus has no list here");
  return json;
}

function textOf(json: Json | undefined): string {
  if (typeof json !== "string") throw new TypeError("the corpus has no text here");
  return json;
}
