import fc from "fast-check";
import type { Access, Call } from "../../src/core/decision.ts";
import type { JsonObject } from "../../src/core/json.ts";
import { parseName, parseObjectText, type ObjectRef } from "../../src/core/object.ts";
import { parseTupleText, type RelationTuple, type StoredCondition } from "../../src/core/tuple.ts";
import type { AuthorizationModel } from "../../src/model/authorization-model.ts";
import { delegatedModels } from "./delegated-models.ts";
import { expiry, now } from "./worlds.ts";

/** How one link of the chain lets the call through. */
interface LinkPlan {
  readonly tool: string;
  readonly toolCondition: string | undefined;
  readonly resource: string;
  readonly resourceCondition: string | undefined;
  readonly session: string;
  readonly delegableTo: string;
  readonly expiresAtMs: number | undefined;
}

/** A call and what lets it through. */
export interface WorldPlan {
  readonly model: AuthorizationModel;
  readonly principal: "user:u1" | "agent:a1";
  readonly actors: readonly string[];
  readonly accesses: readonly AccessPlan[];
  readonly links: readonly LinkPlan[];
  /**
   * A second delegation of the same two, beside the last link: as it is, with a part of its coverage,
   * or with the part that is then taken from the last link.
   */
  readonly sibling: "none" | "same" | "tool_only" | "resource_only" | "split";
  readonly siblingId: "0" | "9";
  readonly eligible: string;
  readonly eligibleOnServer: string;
  readonly isServed: boolean;
  readonly isGoverned: boolean;
  readonly session: boolean;
  readonly context: JsonObject;
}

interface AccessPlan {
  readonly doc: "d1" | "d2";
  readonly role: "none" | "target" | "source";
  readonly permission: boolean;
  readonly means: "direct" | "group" | "folder";
}

const linkPlan: fc.Arbitrary<LinkPlan> = fc.record({
  tool: fc.constantFrom("tool:t1", "tool:t1", "tool:*", "toolset:k1", "mcp_server:s1"),
  toolCondition: rarely("one", "one", "early", "broken", "broken"),
  resource: fc.constantFrom(
    "doc:d1 doc:d2",
    "doc:d1 doc:d2",
    "doc:*",
    "folder:f1",
    "folder:f2",
    "doc:d1",
  ),
  resourceCondition: rarely("one", "both", "early"),
  session: fc.constantFrom("session:*", "session:*", "session:x1", "session:x1 session:*"),
  delegableTo: fc.constantFrom("agent:*", "agent:*", "tier:r1#member", "agent:a2 agent:a3"),
  expiresAtMs: fc.oneof(
    { arbitrary: fc.constantFrom(undefined, now.latestMs + 1, now.latestMs + 90_000), weight: 9 },
    { arbitrary: expiry, weight: 1 },
  ),
});

export const worldPlan: fc.Arbitrary<WorldPlan> = fc.record({
  model: fc.constantFrom(...delegatedModels),
  principal: fc.constantFrom("user:u1", "user:u1", "user:u1", "user:u1", "agent:a1"),
  actors: fc.constantFrom(
    ["a1"],
    ["a1"],
    ["a1"],
    ["a1", "a2"],
    ["a1", "a2"],
    ["a1", "a2", "a3"],
    ["a1", "a2", "a1"],
    ["a1", "a2", "a3", "a4"],
  ),
  accesses: fc.array(
    fc.record({
      doc: fc.constantFrom<AccessPlan["doc"]>("d1", "d2"),
      role: fc.constantFrom<AccessPlan["role"]>("none", "none", "target", "source"),
      permission: chance(6),
      means: fc.constantFrom<AccessPlan["means"]>("direct", "group", "folder", "folder"),
    }),
    { maxLength: 2 },
  ),
  links: fc.array(linkPlan, { minLength: 4, maxLength: 4 }),
  sibling: fc.constantFrom<WorldPlan["sibling"]>(
    "none",
    "none",
    "same",
    "tool_only",
    "resource_only",
    "split",
  ),
  siblingId: fc.constantFrom<WorldPlan["siblingId"]>("0", "9"),
  eligible: fc.constantFrom(
    "agent:*",
    "agent:*",
    "tier:r1#member",
    "agent:a1 agent:a2",
    "agent:a9",
  ),
  eligibleOnServer: fc.constantFrom(
    "agent:*",
    "agent:*",
    "agent:*",
    "agent:a1 agent:a2",
    "agent:a9",
  ),
  isServed: chance(2),
  isGoverned: chance(3),
  session: chance(2),
  context: fc.constantFrom<JsonObject>({}, { x: 0, y: 1 }, { x: 1 }, { x: 1, y: 1 }),
});

/** The tuples that let the call of the plan through, as far as the model has the relations. */
export function plannedTuples(plan: WorldPlan): RelationTuple[] {
  return [...toolTuples(plan), ...accessTuples(plan), ...chainTuples(plan)].filter(
    ({ object: { type }, relation }) => plan.model.types.get(type)?.relations.has(relation),
  );
}

function toolTuples(plan: WorldPlan): RelationTuple[] {
  const { accesses, actors, eligible, eligibleOnServer, isGoverned, isServed } = plan;
  const required = accesses.map(({ role }) => permissionFor(role));
  const agents = [...new Set(actors)];
  const own = isGoverned ? ["tool/user", "mcp_server/user"] : [];
  const all = [...required, ...own];
  return [
    ...(all.length === 0 ? ["none"] : all).map((id) => tuple(`tool:t1#requires@permission:${id}`)),
    ...(isServed || isGoverned ? [tuple("tool:t1#server@mcp_server:s1")] : []),
    tuple("tool:t1#parent@toolset:k1"),
    tuple(`tool:t1#user@${plan.principal}`),
    tuple("mcp_server:s1#user@user:u1"),
    tuple("tool:t2#requires@permission:tool/user"),
    tuple(`tool:t2#user@${plan.principal}`),
    tuple("tool:t2#eligible@agent:*"),
    ...eligible.split(" ").map((subject) => tuple(`tool:t1#eligible@${subject}`)),
    ...eligibleOnServer.split(" ").map((subject) => tuple(`mcp_server:s1#eligible@${subject}`)),
    ...agents.map((id) => tuple(`tier:r1#member@agent:${id}`)),
    tuple(`session:x1#principal@${plan.principal}`),
    tuple(`session:x1#actor@agent:${actors.at(-1)}`),
  ];
}

function permissionFor(role: AccessPlan["role"]): string {
  switch (role) {
    case "none":
      return "doc/viewer";
    case "target":
      return "doc/editor/target";
    case "source":
      return "doc/viewer/source?";
  }
}

function accessTuples({ accesses, principal }: WorldPlan): RelationTuple[] {
  return [
    tuple("doc:d1#parent@folder:f1"),
    tuple("doc:d2#parent@folder:f1"),
    tuple("folder:f1#parent@folder:f2"),
    ...accesses.flatMap(({ doc, means }) => [
      tuple(`doc:${doc}#editor@${principal}`),
      ...viewerTuples(principal, doc, means),
    ]),
  ];
}

function viewerTuples(principal: string, doc: string, means: AccessPlan["means"]): RelationTuple[] {
  switch (means) {
    case "direct":
      return [tuple(`doc:${doc}#viewer@${principal}`)];
    case "group":
      return [tuple(`doc:${doc}#viewer@group:g1#member`), tuple(`group:g1#member@${principal}`)];
    case "folder":
      return [tuple(`folder:f1#viewer@${principal}`)];
  }
}

function chainTuples(plan: WorldPlan): RelationTuple[] {
  const { actors, links, sibling, siblingId } = plan;
  const chain = actors.flatMap((_, index) => {
    const link = links[index];
    return link === undefined ? [] : linkTuples(plan, String(index + 1), index, link);
  });
  const last = links[actors.length - 1];
  if (sibling === "none" || last === undefined) return chain;
  const beside = linkTuples(plan, siblingId, actors.length - 1, last);
  const without = (tuples: readonly RelationTuple[], relation: string) =>
    tuples.filter((each) => each.relation !== relation || isAbove(each.object));
  const isAbove = ({ id }: ObjectRef) => id !== siblingId && Number(id) < actors.length;
  switch (sibling) {
    case "same":
      return [...chain, ...beside];
    case "tool_only":
      return [...chain, ...without(beside, "resource")];
    case "resource_only":
      return [...chain, ...without(beside, "tool")];
    case "split":
      return [...without(chain, "tool"), ...without(beside, "resource")];
  }
}

function linkTuples(plan: WorldPlan, id: string, index: number, link: LinkPlan): RelationTuple[] {
  const delegator = index === 0 ? plan.principal : `agent:${plan.actors[index - 1]}`;
  const coverage = (
    relation: string,
    subjects: string,
    condition: string | undefined,
  ): RelationTuple[] =>
    subjects.split(" ").map((subject) => ({
      ...tuple(`delegation:${id}#${relation}@${subject}`),
      ...(condition !== undefined && /^(tool:t|doc:d)/.test(subject)
        ? { condition: storedCondition(condition) }
        : {}),
    }));
  return [
    tuple(`delegation:${id}#principal@${plan.principal}`),
    tuple(`delegation:${id}#delegator@${delegator}`),
    tuple(`delegation:${id}#delegate@agent:${plan.actors[index]}`),
    ...(index === 0 ? [] : [tuple(`delegation:${id}#parent@delegation:${index}`)]),
    ...coverage("tool", link.tool, link.toolCondition),
    ...coverage("resource", link.resource, link.resourceCondition),
    ...coverage("session", link.session, undefined),
    ...coverage("delegable_to", link.delegableTo, undefined),
  ].map((each) =>
    link.expiresAtMs === undefined || each.relation === "parent"
      ? each
      : { ...each, expiresAtMs: link.expiresAtMs },
  );
}

function storedCondition(name: string): StoredCondition {
  const until = new Date(now.latestMs + 1000).toISOString();
  return { name: parseName(name, "condition"), context: name === "early" ? { until } : {} };
}

export function plannedCall(plan: WorldPlan): Call {
  return {
    principal: object(plan.principal),
    actors: plan.actors.map((id) => object(`agent:${id}`)),
    tool: object("tool:t1"),
    accesses: plan.accesses.map(accessOf),
    context: plan.context,
    ...(plan.session ? { session: object("session:x1") } : {}),
    partialChain: false,
    contextualTuples: [],
  };
}

function accessOf({ doc, role, permission }: AccessPlan): Access {
  return {
    resource: object(`doc:${doc}`),
    ...(role === "none" ? {} : { role }),
    ...(permission ? { permission: parseName("viewer", "permission") } : {}),
    context: {},
  };
}

/** Nothing, three times out of five. */
function rarely(...values: readonly string[]): fc.Arbitrary<string | undefined> {
  return fc.oneof(
    { arbitrary: fc.constant(undefined), weight: 3 },
    { arbitrary: fc.constantFrom(...values), weight: 2 },
  );
}

/** True once in so many times. */
function chance(times: number): fc.Arbitrary<boolean> {
  return fc.nat(times - 1).map((drawn) => drawn === 1);
}

function tuple(text: string): RelationTuple {
  return parseTupleText(text, "tuple");
}

function object(text: string): ObjectRef {
  return parseObjectText(text, "object");
}
