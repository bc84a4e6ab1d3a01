import fc from "fast-check";
import type { Access, Call } from "../../src/core/decision.ts";
import type { JsonObject } from "../../src/core/json.ts";
import { parseName, parseObject, parseObjectText, type ObjectRef } from "../../src/core/object.ts";
import {
  formatTuple,
  parseTupleText,
  type RelationTuple,
  type StoredCondition,
} from "../../src/core/tuple.ts";
import type { AuthorizationModel } from "../../src/model/authorization-model.ts";
import { delegatedModels } from "./delegated-models.ts";
import { worldOf, type World } from "./reference/world.ts";
import { expiry, now, requestContext, tuplesIn } from "./worlds.ts";

export interface DelegatedWorld {
  readonly world: World;
  readonly calls: readonly Call[];
}

const ids: Readonly<Record<string, readonly string[]>> = {
  user: ["u1", "u2"],
  agent: ["a1", "a2", "a3", "a4"],
  group: ["g1"],
  tier: ["r1"],
  session: ["x1", "x2"],
  mcp_server: ["s1", "s2"],
  toolset: ["k1"],
  tool: ["t1", "t2"],
  folder: ["f1", "f2"],
  doc: ["d1", "d2"],
  permission: [
    "none",
    "doc/viewer",
    "doc/editor/target",
    "doc/viewer/source?",
    "tool/user",
    "doc/gone",
  ],
  delegation: ["1", "2", "3", "4"],
};

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

interface WorldPlan {
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
  resource: fc.constantFrom("doc:d1 doc:d2", "doc:d1 doc:d2", "doc:*", "folder:f1", "doc:d1"),
  resourceCondition: rarely("one", "both", "early"),
  session: fc.constantFrom("session:*", "session:*", "session:x1", "session:x1 session:*"),
  delegableTo: fc.constantFrom("agent:*", "agent:*", "tier:r1#member", "agent:a2 agent:a3"),
  expiresAtMs: fc.oneof(
    { arbitrary: fc.constantFrom(undefined, now.latestMs + 1, now.latestMs + 90_000), weight: 9 },
    { arbitrary: expiry, weight: 1 },
  ),
});

const worldPlan: fc.Arbitrary<WorldPlan> = fc.record({
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
      means: fc.constantFrom<AccessPlan["means"]>("direct", "group", "folder"),
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
  isServed: chance(2),
  isGoverned: chance(3),
  session: chance(2),
  context: fc.constantFrom<JsonObject>({}, { x: 0, y: 1 }, { x: 1 }, { x: 1, y: 1 }),
});

/** A change that may break the plan. */
type Mutation =
  | { readonly kind: "delete" | "suspend"; readonly at: number }
  | { readonly kind: "expire"; readonly at: number; readonly expiresAtMs: number | undefined };

const mutation: fc.Arbitrary<Mutation> = fc.oneof(
  { arbitrary: fc.record({ kind: fc.constant("delete" as const), at: fc.nat(99) }), weight: 4 },
  { arbitrary: fc.record({ kind: fc.constant("suspend" as const), at: fc.nat(99) }), weight: 1 },
  {
    arbitrary: fc.record({
      kind: fc.constant("expire" as const),
      at: fc.nat(99),
      expiresAtMs: expiry,
    }),
    weight: 2,
  },
);

/**
 * Worlds in which a call would be allowed, then disturbed a little: some tuples gone, expired or
 * suspended, some strewn in; with the call itself and variants of it.
 */
export const delegatedWorld: fc.Arbitrary<DelegatedWorld> = worldPlan.chain((plan) => {
  const objects = [...plan.model.types.keys()].flatMap((type) =>
    (ids[type] ?? []).map((id) => parseObject(type, id, "object")),
  );
  const noise = tuplesIn(plan.model, objects, { minLength: 0, maxLength: 14 }).map((tuples) =>
    tuples.filter(({ relation, object }) => !isDisruptive(relation, object)),
  );
  const call = callOf(plan);
  return fc
    .record({
      noise: fc.oneof({ arbitrary: fc.constant([]), weight: 1 }, { arbitrary: noise, weight: 1 }),
      mutations: fc.oneof(
        { arbitrary: fc.constant<Mutation[]>([]), weight: 1 },
        { arbitrary: fc.array(mutation, { maxLength: 3 }), weight: 2 },
      ),
      variants: fc.array(variantOf(call), { minLength: 5, maxLength: 5 }),
    })
    .map(({ noise: strewn, mutations, variants }) => {
      const planned = mutations.reduce(mutate, tuplesOf(plan));
      return {
        world: worldOf(plan.model, uniqueByKey([...planned, ...strewn]), now),
        calls: [call, ...variants],
      };
    });
});

/** A second identity of a delegation breaks it, so only few are strewn in. */
function isDisruptive(relation: string, object: ObjectRef): boolean {
  return (
    relation === "suspended" ||
    (["principal", "delegator", "delegate", "parent"].includes(relation) &&
      object.type === "delegation" &&
      object.id !== "4")
  );
}

function tuplesOf(plan: WorldPlan): RelationTuple[] {
  return uniqueByKey(
    [...toolTuples(plan), ...accessTuples(plan), ...chainTuples(plan)].filter((tuple) =>
      plan.model.types.get(tuple.object.type)?.relations.has(tuple.relation),
    ),
  );
}

function toolTuples(plan: WorldPlan): RelationTuple[] {
  const { accesses, actors, eligible, isGoverned, isServed } = plan;
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
    ...eligible.split(" ").map((subject) => tuple(`tool:t1#eligible@${subject}`)),
    tuple("mcp_server:s1#eligible@agent:*"),
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

function callOf(plan: WorldPlan): Call {
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

/** The call with one thing about it changed. */
function variantOf(call: Call): fc.Arbitrary<Call> {
  const { session: _, ...withoutSession } = call;
  const last = call.actors.slice(-1);
  const other: Access = { resource: object("doc:d2"), context: {} };
  const target: Access = { ...other, role: "target", context: {} };
  return fc.oneof(
    fc.constantFrom<Call>(
      withoutSession,
      { ...call, session: object("session:x1") },
      { ...call, session: object("session:x2") },
      { ...call, tool: object("tool:t2") },
      { ...call, tool: object("tool:t2"), accesses: [] },
      { ...call, tool: object("tool:t9") },
      { ...call, principal: object("user:u2") },
      { ...call, actors: last },
      { ...call, actors: last, partialChain: true },
      { ...call, actors: [...call.actors, object("agent:a4")] },
      { ...call, accesses: [] },
      { ...call, accesses: [other] },
      { ...call, accesses: [...call.accesses, other] },
      { ...call, accesses: [...call.accesses, target] },
      { ...call, accesses: [{ resource: object("folder:f1"), context: {} }] },
    ),
    fc.constantFrom("0", "1", "2", "4", "9").map((delegationId) => ({ ...call, delegationId })),
    requestContext.map((context) => ({ ...call, context })),
    fc.constantFrom<JsonObject>({ y: 1 }, { x: 0 }, {}).map((context) => ({
      ...call,
      context: {},
      accesses: call.accesses.map((access) => ({ ...access, context })),
    })),
    fc.constantFrom("f1", "f1", "f2").map((folder) => ({
      ...call,
      accesses: call.accesses.map((access) => ({ ...access, resource: object("doc:d3") })),
      contextualTuples: call.accesses.length === 0 ? [] : [tuple(`doc:d3#parent@folder:${folder}`)],
    })),
  );
}

function mutate(tuples: readonly RelationTuple[], change: Mutation): RelationTuple[] {
  const at = change.at % Math.max(1, tuples.length);
  const chosen = tuples[at];
  if (chosen === undefined) return [...tuples];
  switch (change.kind) {
    case "delete":
      return tuples.filter((_, index) => index !== at);
    case "suspend": {
      const { subject } = chosen;
      const victim =
        subject.kind === "object" && change.at % 2 === 0 ? subject.object : chosen.object;
      const suspension = tuple(`${victim.type}:${victim.id}#suspended@suspension:z1`);
      return [...tuples, suspension];
    }
    case "expire": {
      const { expiresAtMs: _, ...rest } = chosen;
      const { expiresAtMs } = change;
      return tuples.map((each, index) =>
        index === at ? { ...rest, ...(expiresAtMs === undefined ? {} : { expiresAtMs }) } : each,
      );
    }
  }
}

function uniqueByKey(tuples: readonly RelationTuple[]): RelationTuple[] {
  const byKey = new Map<string, RelationTuple>();
  for (const each of tuples) if (!byKey.has(formatTuple(each))) byKey.set(formatTuple(each), each);
  return [...byKey.values()];
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
