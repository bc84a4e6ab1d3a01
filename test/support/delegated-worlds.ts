import fc from "fast-check";
import type { Access, Call } from "../../src/core/decision.ts";
import type { JsonObject } from "../../src/core/json.ts";
import { parseObject, parseObjectText, type ObjectRef } from "../../src/core/object.ts";
import { formatTuple, parseTupleText, type RelationTuple } from "../../src/core/tuple.ts";
import { plannedCall, plannedTuples, worldPlan } from "./delegated-plan.ts";
import { worldOf, type World } from "./reference/world.ts";
import { expiries, now, requestContext, tuplesIn } from "./worlds.ts";

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

/** A change that may break the plan. */
type Mutation =
  | { readonly kind: "delete" | "suspend"; readonly at: number }
  | { readonly kind: "expire"; readonly at: number; readonly expiresAtMs: number };

const mutation: fc.Arbitrary<Mutation> = fc.oneof(
  { arbitrary: fc.record({ kind: fc.constant("delete" as const), at: fc.nat(99) }), weight: 4 },
  { arbitrary: fc.record({ kind: fc.constant("suspend" as const), at: fc.nat(99) }), weight: 1 },
  {
    arbitrary: fc.record({
      kind: fc.constant("expire" as const),
      at: fc.nat(99),
      expiresAtMs: fc.constantFrom(...expiries),
    }),
    weight: 5,
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
  const call = plannedCall(plan);
  return fc
    .record({
      noise: fc.oneof({ arbitrary: fc.constant([]), weight: 1 }, { arbitrary: noise, weight: 1 }),
      mutations: fc.oneof(
        { arbitrary: fc.constant<Mutation[]>([]), weight: 1 },
        { arbitrary: fc.array(mutation, { maxLength: 4 }), weight: 2 },
      ),
      variants: fc.array(variantOf(call), { minLength: 5, maxLength: 5 }),
    })
    .map(({ noise: strewn, mutations, variants }) => {
      const planned = mutations.reduce(mutate, uniqueByKey(plannedTuples(plan)));
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
      const { expiresAtMs } = change;
      return tuples.map((each, index) => (index === at ? { ...chosen, expiresAtMs } : each));
    }
  }
}

function uniqueByKey(tuples: readonly RelationTuple[]): RelationTuple[] {
  const byKey = new Map<string, RelationTuple>();
  for (const each of tuples) if (!byKey.has(formatTuple(each))) byKey.set(formatTuple(each), each);
  return [...byKey.values()];
}

function tuple(text: string): RelationTuple {
  return parseTupleText(text, "tuple");
}

function object(text: string): ObjectRef {
  return parseObjectText(text, "object");
}
