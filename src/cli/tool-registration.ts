import { toolType } from "../core/delegation.ts";
import { DomainError } from "../core/error.ts";
import { parseName, parseObject, quote, type Name, type ObjectRef } from "../core/object.ts";
import { formatSubject, subjectOf, type Subject } from "../core/subject.ts";
import type { RelationTuple } from "../core/tuple.ts";
import { parsePermission } from "../model/permission.ts";
import { classifyTool, tierLadder, type Classification, type RiskClass } from "./risk-class.ts";
import type { ListedTool } from "./tool-list.ts";

/** What a tool has already, apart from what it inherits. */
export interface StoredTool {
  readonly server: readonly RelationTuple[];
  readonly requires: readonly RelationTuple[];
  readonly eligible: readonly RelationTuple[];
}

/** What is to be stored for one tool, and why. */
export interface Registration {
  readonly tool: ObjectRef;
  readonly classification: Classification;
  readonly tuples: readonly RelationTuple[];
  /** Subjects that stay as they stand, because somebody has decided it. */
  readonly kept: { readonly requires?: readonly string[]; readonly eligible?: readonly string[] };
  /** Who is eligible for the class, as text. */
  readonly tierText: string;
}

/** Permissions that every tool of the server asks for, and those of single tools in their place. */
export interface RequiredPermissions {
  readonly all: readonly string[];
  readonly byTool: ReadonlyMap<string, readonly string[]>;
}

export const permissionDefault = "mcp_server/user";

const relations = {
  server: parseName("server", "relation"),
  requires: parseName("requires", "relation"),
  eligible: parseName("eligible", "relation"),
  member: parseName("member", "relation"),
};

/** The tools of one server as objects: `tool:<server>/<name>`. */
export function toolObject(server: string, name: string): ObjectRef {
  // With a slash in it, two pairs of server and tool would have one id.
  if (server.includes("/")) {
    throw new DomainError("malformed", `--server must have no slash, got ${quote(server)}`);
  }
  return parseObject(toolType, `${server}/${name}`, `tool ${quote(name)}`);
}

/**
 * Registers a tool: its server, what it requires, and who is eligible for its class. What it has of
 * `requires` or `eligible` already stays, whole: an administrator's word goes before a hint. A tool
 * that stands under another server is refused with `malformed`.
 */
export function registerTool(
  server: string,
  { name, hints }: ListedTool,
  stored: StoredTool,
  permissions: RequiredPermissions,
  withTier: boolean,
): Registration {
  const tool = toolObject(server, name);
  const classification = classifyTool(hints);
  const serverTuple = tupleOf(tool, relations.server, serverSubject(server));
  const required = permissions.byTool.get(name) ?? permissions.all;
  const requires = required.map((id) => tupleOf(tool, relations.requires, permissionSubject(id)));
  const tier = tierSubject(classification.class);
  const eligible = withTier ? [tupleOf(tool, relations.eligible, tier)] : [];
  refuseOtherServer(server, stored, name);
  return {
    tool,
    classification,
    tuples: [
      ...(stored.server.length > 0 ? [] : [serverTuple]),
      ...(stored.requires.length > 0 ? [] : requires),
      ...(stored.eligible.length > 0 ? [] : eligible),
    ],
    kept: {
      ...(stored.requires.length === 0 ? {} : { requires: textsOf(stored.requires) }),
      ...(stored.eligible.length === 0 ? {} : { eligible: textsOf(stored.eligible) }),
    },
    tierText: formatSubject(tier),
  };
}

function textsOf(tuples: readonly RelationTuple[]): readonly string[] {
  return tuples.map(({ subject }) => formatSubject(subject));
}

/** That whoever is in a greater tier is in the lesser as well. */
export function ladderTuples(): readonly RelationTuple[] {
  return tierLadder.map(([lesser, greater]) =>
    tupleOf(parseObject("tier", lesser, "tier"), relations.member, tierSubject(greater)),
  );
}

export function serverObject(server: string): ObjectRef {
  return parseObject("mcp_server", server, "--server");
}

export function serverEligibleTuple(server: string, subject: Subject): RelationTuple {
  return tupleOf(serverObject(server), relations.eligible, subject);
}

/**
 * Reads `--requires`: `type/relation` for every tool, `name=type/relation` for one. Fails with
 * `malformed` where no tool has the name: a slip must not leave a tool with less than was meant.
 */
export function parseRequired(
  texts: readonly string[],
  tools: readonly ListedTool[],
): RequiredPermissions {
  const byTool = new Map<string, readonly string[]>();
  const all: string[] = [];
  for (const text of texts) {
    const equals = text.lastIndexOf("=");
    const id = text.slice(equals + 1);
    parsePermission(id, "--requires");
    const name = text.slice(0, Math.max(0, equals));
    if (equals < 0) all.push(id);
    else if (tools.some((tool) => tool.name === name)) {
      byTool.set(name, [...(byTool.get(name) ?? []), id]);
    } else {
      throw new DomainError("malformed", `--requires names ${quote(name)}, which is not listed`);
    }
  }
  return { all: all.length === 0 ? [permissionDefault] : all, byTool };
}

function refuseOtherServer(server: string, { server: stored }: StoredTool, name: string): void {
  const other = stored.find(
    ({ subject }) => subject.kind !== "object" || subject.object.id !== server,
  );
  if (other === undefined) return;
  throw new DomainError(
    "precondition_failed",
    `the tool ${quote(name)} stands under another server: delete that tuple first`,
  );
}

function serverSubject(server: string): Subject {
  return subjectOf(serverObject(server));
}

function permissionSubject(id: string): Subject {
  return subjectOf(parseObject("permission", id, "--requires"));
}

function tierSubject(risk: RiskClass): Subject {
  return {
    kind: "userset",
    object: parseObject("tier", risk, "tier"),
    relation: relations.member,
  };
}

function tupleOf(object: ObjectRef, relation: Name, subject: Subject): RelationTuple {
  return { object, relation, subject };
}
