import { parseModel } from "../../src/model/parse-model.ts";
import type { AuthorizationModel } from "../../src/model/authorization-model.ts";
import type { RelationTuple } from "../../src/core/tuple.ts";
import { tuplesOf } from "../support/graphs.ts";

/** Close to what ships with the product, with a condition on a tool and on a document. */
export const stock: AuthorizationModel = parseModel(`
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
type tier
  relations
    define member: [agent]
type session
  relations
    define principal: [user, agent]
    define actor: [agent]
    define suspended: [suspension]
type mcp_server
  relations
    define requires: [permission]
    define user: [user, group#member]
    define suspended: [suspension]
type toolset
  relations
    define parent: [toolset]
    define within: parent or within from parent
type tool
  relations
    define server: [mcp_server]
    define parent: [toolset]
    define within: server or parent or within from parent
    define requires: [permission] or requires from server
    define eligible: [agent, agent:*, tier#member]
    define user: [user, group#member]
    define suspended: [suspension]
type folder
  relations
    define parent: [folder]
    define within: parent or within from parent
    define viewer: [user, group#member] or viewer from parent
    define suspended: [suspension]
type document
  relations
    define parent: [folder]
    define within: parent or within from parent
    define viewer: ([user, group#member, user with on_site] or viewer from parent) but not blocked
    define blocked: [user]
    define suspended: [suspension]
type delegation
  relations
    define principal: [user, agent]
    define delegator: [user, agent]
    define delegate: [agent]
    define parent: [delegation]
    define delegable_to: [agent, agent:*]
    define session: [session, session:*]
    define tool: [tool, tool:*, toolset, mcp_server, tool with small]
    define resource: [folder, document, document:*, document with small]
    define suspended: [suspension]
condition small(amount: int) { amount < 10 }
condition on_site(place: string) { place == "office" }
`);

/** Alice lets mailbot read document:plan with tool:read, in any session. */
export const aliceLetsMailbot: readonly RelationTuple[] = tuplesOf(`
  tool:read#server@mcp_server:files
  tool:read#requires@permission:document/viewer
  tool:read#eligible@agent:*
  document:plan#viewer@user:alice
  document:plan#parent@folder:work
  delegation:d1#principal@user:alice
  delegation:d1#delegator@user:alice
  delegation:d1#delegate@agent:mailbot
  delegation:d1#session@session:*
  delegation:d1#tool@tool:read
  delegation:d1#resource@document:plan
`);
