import type { CheckItemSchema } from "../src/gen/prokura/v1/authorization_pb.ts";
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { Call } from "../src/core/decision.ts";
import { parseObjectText } from "../src/core/object.ts";
import { parseTupleText, type RelationTuple } from "../src/core/tuple.ts";

/** Tenants are small, so that every answer can be judged anew, and several, so that writes do not queue. */
export const tenants: readonly string[] = [
  "red",
  "green",
  "blue",
  "amber",
  "violet",
  "teal",
  "grey",
];

/** With exclusion, union, nesting and chains. */
export const modelText = `
model
  schema 1.1
type suspension
type permission
type user
  relations
    define suspended: [suspension]
type agent
  relations
    define suspended: [suspension]
type group
  relations
    define member: [user, group#member]
type session
  relations
    define suspended: [suspension]
type mcp_server
  relations
    define requires: [permission]
    define suspended: [suspension]
type tool
  relations
    define server: [mcp_server]
    define within: server
    define requires: [permission] or requires from server
    define suspended: [suspension]
type folder
  relations
    define parent: [folder]
    define within: parent or within from parent
    define viewer: [user, group#member] or viewer from parent
type document
  relations
    define parent: [folder]
    define within: parent or within from parent
    define blocked: [user]
    define viewer: ([user, group#member] or viewer from parent) but not blocked
type delegation
  relations
    define principal: [user, agent]
    define delegator: [user, agent]
    define delegate: [agent]
    define parent: [delegation]
    define delegable_to: [agent, agent:*]
    define session: [session, session:*]
    define tool: [tool, tool:*, mcp_server]
    define resource: [folder, document, document:*]
    define suspended: [suspension]
`;

export const seedTuples: readonly RelationTuple[] = [
  "tool:read#server@mcp_server:files",
  "mcp_server:files#requires@permission:document/viewer",
  "document:plan#parent@folder:work",
  "document:memo#parent@folder:work",
  "folder:work#viewer@group:staff#member",
  "group:staff#member@group:team#member",
  ...["ann", "bob", "cid", "dan", "eve", "fay"].map((user) => `group:team#member@user:${user}`),
].map((text) => parseTupleText(text, "seed"));

export const users: readonly string[] = ["ann", "bob", "cid", "dan", "eve", "fay"];
export const tool: ReturnType<typeof parseObjectText> = parseObjectText("tool:read", "tool");
export const document: typeof tool = parseObjectText("document:plan", "document");
export const agent: typeof tool = parseObjectText("agent:bot", "agent");
const otherAgent = parseObjectText("agent:stranger", "agent");
const otherDocument = parseObjectText("document:memo", "document");

/** One principal's question. */
export interface Question {
  readonly user: string;
  readonly agent: typeof tool;
  readonly document: typeof tool;
}

/** All that is ever asked: of one in four the answer changes, in the others it must not. */
export const questions: readonly Question[] = users.flatMap((user) => [
  { user, agent, document },
  { user, agent, document: otherDocument },
  { user, agent: otherAgent, document },
  { user, agent: otherAgent, document: otherDocument },
]);

export function userOf(name: string): typeof tool {
  return parseObjectText(`user:${name}`, "user");
}

/** May the agent read the document for the user? */
export function callOf(question: Question): Call {
  return {
    principal: userOf(question.user),
    actors: [question.agent],
    tool,
    accesses: [{ resource: question.document, context: {} }],
    context: {},
    partialChain: false,
    contextualTuples: [],
  };
}

export function itemOf(question: Question): MessageInitShape<typeof CheckItemSchema> {
  return {
    principal: userOf(question.user),
    actors: [question.agent],
    tool,
    accesses: [{ resource: question.document }],
  };
}
