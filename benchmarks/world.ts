import type { Call } from "../src/core/decision.ts";
import { parseObjectText } from "../src/core/object.ts";
import { parseTupleText, type RelationTuple } from "../src/core/tuple.ts";

/** Users, groups, folders and documents, and agents that may read them: what all benchmarks ask about. */
export const worldModel = `
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
    define principal: [user, agent]
    define actor: [agent]
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
    define eligible: [agent, agent:*]
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
    define viewer: ([user, group#member] or viewer from parent) but not blocked
    define blocked: [user]
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

/**
 * Each user has one agent that may read, and three documents: one of her own, one that she sees by groups
 * three deep, and one by the same groups and two folders.
 */
export function worldTuples(users: number): readonly RelationTuple[] {
  const lines = [
    "tool:read#server@mcp_server:files",
    "tool:read#requires@permission:document/viewer",
    "tool:read#eligible@agent:*",
    "group:all#member@group:division#member",
    "group:division#member@group:staff#member",
    "folder:root#viewer@group:all#member",
    "folder:home#parent@folder:root",
  ];
  for (let user = 0; user < users; user += 1) {
    lines.push(
      `group:staff#member@user:${user}`,
      `document:${user}#parent@folder:home`,
      `document:own-${user}#viewer@user:${user}`,
      `document:grouped-${user}#viewer@group:all#member`,
      ...link(`d${user}`, user, `user:${user}`, `agent:${user}`),
      ...link(`e${user}`, user, `agent:${user}`, "agent:helper"),
      `delegation:d${user}#delegable_to@agent:helper`,
      `delegation:e${user}#parent@delegation:d${user}`,
    );
  }
  return lines.map((line) => parseTupleText(line, "tuple"));
}

function link(id: string, user: number, delegator: string, delegate: string): readonly string[] {
  return [
    `delegation:${id}#principal@user:${user}`,
    `delegation:${id}#delegator@${delegator}`,
    `delegation:${id}#delegate@${delegate}`,
    `delegation:${id}#session@session:*`,
    `delegation:${id}#tool@tool:read`,
    `delegation:${id}#resource@document:${user}`,
    `delegation:${id}#resource@document:own-${user}`,
  ];
}

/** Allowed, by one link. */
export function callOf(user: number): Call {
  const resource = parseObjectText(`document:${user}`, "resource");
  return {
    principal: parseObjectText(`user:${user}`, "principal"),
    actors: [parseObjectText(`agent:${user}`, "actor")],
    tool: parseObjectText("tool:read", "tool"),
    accesses: [{ resource, context: {} }],
    context: {},
    partialChain: false,
    contextualTuples: [],
  };
}
