import assert from "node:assert/strict";
import type { Access, Call } from "../../src/core/decision.ts";
import type { JsonObject } from "../../src/core/json.ts";
import type { Now } from "../../src/core/now.ts";
import { parseName } from "../../src/core/object.ts";
import { formatTuple, type RelationTuple } from "../../src/core/tuple.ts";
import { authorize, type AuthorizeAnswer } from "../../src/engine/authorize.ts";
import { defaultLimits, type EngineLimits } from "../../src/engine/limits.ts";
import { decided, noon, object, tuplesOf, viewOf } from "../support/graphs.ts";
import { aliceLetsMailbot, stock } from "./stock-model.ts";

export const fixed: Now = { earliestMs: noon, latestMs: noon };

/** Loads every page that was missed. */
export function all(count: number): number {
  return count - 1;
}

export const toHelper: Partial<Call> = {
  actors: [object("agent:mailbot"), object("agent:helper")],
};

export const chained: readonly RelationTuple[] = [
  ...aliceLetsMailbot,
  ...single("d2", "user:alice", "agent:mailbot", "agent:helper"),
  ...tuplesOf(`
    delegation:d1#delegable_to@agent:helper
    delegation:d2#parent@delegation:d1
    delegation:d2#tool@tool:read
    delegation:d2#resource@document:plan
  `),
];

export function ask(
  changes: Partial<Call> = {},
  tuples: readonly RelationTuple[] = aliceLetsMailbot,
  earliestMs: number = noon,
  latestMs: number = earliestMs,
  limits: EngineLimits = defaultLimits,
): AuthorizeAnswer {
  const view = viewOf(stock, tuples, earliestMs, latestMs);
  return decided(authorize(view, call(changes), limits));
}

export function call(changes: Partial<Call> = {}): Call {
  return {
    principal: object("user:alice"),
    actors: [object("agent:mailbot")],
    tool: object("tool:read"),
    accesses: [access()],
    context: {},
    partialChain: false,
    contextualTuples: [],
    ...changes,
  };
}

export function access(changes: Partial<Access> = {}): Access {
  return { resource: object("document:plan"), context: {}, ...changes };
}

export function reasonOf(answer: AuthorizeAnswer): string {
  return answer.kind === "denied" ? answer.reason : JSON.stringify(answer);
}

export function without(
  world: readonly RelationTuple[],
  removed: readonly RelationTuple[],
): RelationTuple[] {
  const keys = new Set(removed.map(formatTuple));
  return world.filter((tuple) => !keys.has(formatTuple(tuple)));
}

export function conditional(text: string, context: JsonObject = {}): RelationTuple {
  const [tuple] = tuplesOf(text);
  assert(tuple !== undefined);
  return { ...tuple, condition: { name: parseName("small", "condition"), context } };
}

export function single(
  id: string,
  principal: string,
  delegator: string,
  delegate: string,
): RelationTuple[] {
  return tuplesOf(
    `delegation:${id}#principal@${principal}`,
    `delegation:${id}#delegator@${delegator}`,
    `delegation:${id}#delegate@${delegate}`,
    `delegation:${id}#session@session:*`,
  );
}

export function whole(id: string): RelationTuple[] {
  return [
    ...single(id, "user:alice", "user:alice", "agent:mailbot"),
    ...tuplesOf(`delegation:${id}#tool@tool:read`, `delegation:${id}#resource@document:plan`),
  ];
}

export function agents(count: number): ReturnType<typeof object>[] {
  return Array.from({ length: count }, (_, index) => object(`agent:a${index}`));
}

export function longChain(links: number): RelationTuple[] {
  const tuples = aliceLetsMailbot.filter((tuple) => tuple.object.type !== "delegation");
  for (let index = 0; index < links; index += 1) {
    const delegator = index === 0 ? "user:alice" : `agent:a${index - 1}`;
    tuples.push(...single(`l${index}`, "user:alice", delegator, `agent:a${index}`));
    tuples.push(
      ...tuplesOf(
        `delegation:l${index}#tool@tool:read`,
        `delegation:l${index}#resource@document:plan`,
        `delegation:l${index}#delegable_to@agent:*`,
        ...(index === 0 ? [] : [`delegation:l${index}#parent@delegation:l${index - 1}`]),
      ),
    );
  }
  return tuples;
}
