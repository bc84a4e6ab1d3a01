import type { AuthorizationModel } from "../../src/model/authorization-model.ts";
import { parseModel } from "../../src/model/parse-model.ts";
import { conditionsText, plainConditions } from "./plain-conditions.ts";

/** Close to what ships with the product. */
const stock = `model
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
    define member: [user, group#member, user with one]
type tier
  relations
    define member: [agent, agent with one]
type session
  relations
    define principal: [user, agent]
    define actor: [agent, agent with one]
    define suspended: [suspension]
type mcp_server
  relations
    define requires: [permission]
    define user: [user, user:*, group#member]
    define eligible: [agent, agent:*]
    define suspended: [suspension]
type toolset
type tool
  relations
    define server: [mcp_server]
    define parent: [toolset]
    define within: server or parent
    define requires: [permission] or requires from server
    define user: [user, agent, group#member, user with one]
    define eligible: [agent, agent:*, tier#member, agent:* with early]
    define suspended: [suspension]
type folder
  relations
    define parent: [folder]
    define within: parent or within from parent
    define viewer: [user, agent, group#member] or viewer from parent
    define suspended: [suspension]
type doc
  relations
    define parent: [folder]
    define within: parent or within from parent
    define blocked: [user, user with both, user with late]
    define viewer: ([user, agent, group#member, user with one] or viewer from parent) but not blocked
    define editor: [user, agent]
    define suspended: [suspension]
type delegation
  relations
    define principal: [user, agent]
    define delegator: [user, agent]
    define delegate: [agent]
    define parent: [delegation]
    define delegable_to: [agent, agent:*, tier#member]
    define session: [session, session:*, session:* with one]
    define tool: [tool, tool:*, toolset, mcp_server, tool with one, tool:* with early, tool with broken]
    define resource: [folder, doc, doc:*, doc with both, folder with one, doc with early]
    define suspended: [suspension]
${conditionsText}`;

/** No eligibility and no ends of a session; everything that may be subtracted or conditional is. */
const strict = `model
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
    define member: [user, group#member] but not expelled
    define expelled: [user, user with one, user with late]
type tier
  relations
    define member: [agent]
type session
  relations
    define suspended: [suspension]
type mcp_server
  relations
    define requires: [permission]
    define user: [user, user:*, group#member]
    define suspended: [suspension]
type toolset
  relations
    define parent: [toolset]
    define within: parent or within from parent
type tool
  relations
    define server: [mcp_server]
    define parent: [toolset, toolset with one]
    define within: server or parent or within from parent
    define requires: [permission] or requires from server
    define user: [user, group#member]
    define suspended: [suspension]
type folder
  relations
    define parent: [folder, folder with one]
    define hidden: [folder]
    define within: (parent or within from parent) but not hidden
    define viewer: ([user, group#member] or viewer from parent) but not barred
    define barred: [user, user:*] but not pardoned
    define pardoned: [user, user with early]
    define suspended: [suspension]
type doc
  relations
    define parent: [folder, folder with one]
    define within: parent or within from parent
    define viewer: [user, agent, group#member] or viewer from parent
    define editor: [user] and viewer
    define suspended: [suspension]
type delegation
  relations
    define principal: [user, agent]
    define delegator: [user, agent]
    define delegate: [agent]
    define parent: [delegation]
    define delegable_to: [agent, agent:*, agent with one, tier#member]
    define session: [session, session:*]
    define tool: [tool, tool:*, toolset, mcp_server, tool with one, tool with broken]
    define resource: [folder, doc, doc:*, doc with one, doc with early]
    define suspended: [suspension]
${conditionsText}`;

/** The least that the contract asks for, with containers of tools and resources but no groups. */
const plain = `model
  schema 1.1
type suspension
type permission
type user
  relations
    define suspended: [suspension]
type agent
  relations
    define suspended: [suspension]
type session
  relations
    define suspended: [suspension]
type mcp_server
  relations
    define user: [user, agent]
    define eligible: [agent, agent:*]
    define suspended: [suspension]
type toolset
type tool
  relations
    define server: [mcp_server]
    define parent: [toolset]
    define within: server or parent
    define requires: [permission]
    define user: [user, agent]
    define suspended: [suspension]
type folder
  relations
    define parent: [folder]
    define within: parent
    define viewer: [user, agent]
type doc
  relations
    define parent: [folder]
    define within: parent or within from parent
    define viewer: [user] or viewer from parent
    define editor: [user, agent]
type delegation
  relations
    define principal: [user, agent]
    define delegator: [user, agent]
    define delegate: [agent]
    define parent: [delegation]
    define delegable_to: [agent, agent:*]
    define session: [session, session:*]
    define tool: [tool, tool:*, toolset, mcp_server, tool with one, tool with early, tool with broken]
    define resource: [folder, doc, doc:*, doc with one, doc with both]
    define suspended: [suspension]
${conditionsText}`;

/** Models for delegated calls, which have the relations that `delegated-worlds.ts` fills. */
export const delegatedModels: readonly AuthorizationModel[] = [stock, strict, plain].map(
  (text) => ({ ...parseModel(text), conditions: plainConditions }),
);
