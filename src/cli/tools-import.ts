import { noneMatches } from "../client/precondition.ts";
import { tupleFromProto, tupleToProto } from "../client/tuple.ts";
import { formatObject, type ObjectRef } from "../core/object.ts";
import { parseSubjectText } from "../core/subject.ts";
import type { RelationTuple } from "../core/tuple.ts";
import type { Command } from "./command.ts";
import { readWhole } from "./file-text.ts";
import { optional, parseText, repeated, required, toggle } from "./flag.ts";
import { mutationFlags, optionsOf } from "./mutation.ts";
import { onlineCommand, type Online } from "./online.ts";
import { pageSizeMax, readPages } from "./pages.ts";
import { reportImport } from "./tool-report.ts";
import { parseToolList } from "./tool-list.ts";
import {
  ladderTuples,
  parseRequired,
  permissionDefault,
  registerTool,
  serverEligibleTuple,
  serverObject,
  toolObject,
  type Registration,
  type StoredTool,
} from "./tool-registration.ts";

// Each tool has at most three preconditions, and a write takes a hundred.
const toolsOfOneWrite = 30;
// A tool has a handful of these; more than so many is no tool that was registered by this.
const storedTuplesMax = 10_000;

/** `prokura tools import` */
export const importTools: Command = onlineCommand({
  words: "tools import",
  summary: "register the tools that an MCP server lists",
  detail:
    "Registers each as tool:SERVER/NAME with its server, what it requires, and as eligible the members of\n" +
    "the tier of its risk class: read, write or destructive, and the same with -open where it reaches\n" +
    "beyond its server. The classes come from the hints of the server; one that is missing counts as the\n" +
    "worst case. What a tool has of `requires` or `eligible` already is never touched.",
  operands: {
    shown: "FILE",
    meaning: "the result of tools/list in JSON; - is the standard input",
    min: 1,
    max: 1,
  },
  flags: {
    server: required(
      { name: "server", value: "ID", meaning: "of the MCP server: github for mcp_server:github" },
      parseText,
    ),
    requires: repeated(
      {
        name: "requires",
        value: "[NAME=]PERMISSION",
        meaning: `what each tool requires, or one of them, in place of ${permissionDefault}`,
      },
      parseText,
    ),
    serverEligible: optional(
      {
        name: "server-eligible",
        value: "SUBJECT",
        meaning: "who is eligible for the server as a whole, if nobody is yet: agent:*",
      },
      parseSubjectText,
    ),
    ladder: toggle("ladder", "put members of each tier into the lesser ones as well"),
    noTier: toggle("no-tier", "leave out who is eligible: for models without tiers"),
    dryRun: toggle("dry-run", "only say what would be stored"),
    reason: mutationFlags.reason,
    noBarrier: mutationFlags.noBarrier,
  },
  examples: [
    "tools import github-tools.json --server github --dry-run",
    "tools import github-tools.json --server github --server-eligible 'agent:*' --ladder",
    "tools import files.json --server files --requires file/viewer --requires write_file=file/editor",
  ],
  async run(values, online, [path = ""]) {
    const { server } = values;
    const listed = parseToolList(await readWhole(path, online.terminal), path);
    const permissions = parseRequired(values.requires, listed);
    const registrations: Registration[] = [];
    for (const tool of listed) {
      const stored = await readStored(toolObject(server, tool.name), online);
      registrations.push(registerTool(server, tool, stored, permissions, !values.noTier));
    }
    const serverStored = await readStored(serverObject(server), online);
    const aroundTools = [
      ...(values.ladder ? ladderTuples() : []),
      ...(values.serverEligible === undefined || serverStored.eligible.length > 0
        ? []
        : [serverEligibleTuple(server, values.serverEligible)]),
    ];
    const written = values.dryRun
      ? undefined
      : await store(
          registrations,
          aroundTools,
          // A repetition stores nothing that is there: it needs no key.
          optionsOf({ ...values, idempotencyKey: undefined }),
          online,
        );
    const unreachable =
      !values.noTier && serverStored.eligible.length === 0 && values.serverEligible === undefined;
    await reportImport({ server, registrations, aroundTools, written, unreachable }, online);
    return "yes";
  },
});

type Options = ReturnType<typeof optionsOf>;
export type Written = NonNullable<
  Awaited<ReturnType<Online["client"]["tuple"]["writeTuples"]>>["result"]
>;

/** Last comes what makes tools reachable. Returns what became of the last write, if there was one. */
async function store(
  registrations: readonly Registration[],
  aroundTools: readonly RelationTuple[],
  options: Options,
  online: Online,
): Promise<Written | undefined> {
  const unstored = registrations.filter(({ tuples }) => tuples.length > 0);
  let result: Written | undefined;
  for (let start = 0; start < unstored.length; start += toolsOfOneWrite) {
    const tuples = unstored.slice(start, start + toolsOfOneWrite).flatMap((one) => one.tuples);
    result = await write(tuples, preconditionsOf(tuples), options, online);
  }
  if (aroundTools.length > 0) result = await write(aroundTools, [], options, online);
  return result;
}

type Precondition = ReturnType<typeof noneMatches>;

/** What was not there when it was read must not be there when it is written. */
function preconditionsOf(tuples: readonly RelationTuple[]): Precondition[] {
  const byRelation = new Map(
    tuples.map(({ object, relation }) => [
      `${formatObject(object)}#${relation}`,
      { objectType: object.type, objectId: object.id, relation },
    ]),
  );
  return [...byRelation.values()].map(noneMatches);
}

async function write(
  tuples: readonly RelationTuple[],
  preconditions: Precondition[],
  options: Options,
  { client, tenant }: Online,
): Promise<Written | undefined> {
  const operations = tuples
    .map(tupleToProto)
    .map((value) => ({ operation: { case: "touch" as const, value } }));
  const { result } = await client.tuple.writeTuples({
    tenant,
    operations,
    preconditions,
    options,
  });
  return result;
}

/** As fresh as can be: what an administrator has just written must be seen. */
async function readStored(object: ObjectRef, { client, tenant }: Online): Promise<StoredTool> {
  const { elements } = await readPages(
    (page) =>
      client.tuple.readTuples({
        tenant,
        consistency: { mode: { case: "fullyConsistent", value: true } },
        filter: { objectType: object.type, objectId: object.id },
        ...page,
        pageSize: pageSizeMax,
      }),
    (response) => response.tuples,
    storedTuplesMax,
  );
  const tuples = elements.map(tupleFromProto);
  const of = (name: string): readonly RelationTuple[] =>
    tuples.filter(({ relation }) => relation === name);
  return { server: of("server"), requires: of("requires"), eligible: of("eligible") };
}
