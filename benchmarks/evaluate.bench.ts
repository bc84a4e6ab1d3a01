import { parseArgs } from "node:util";
import type { Call } from "../src/core/decision.ts";
import { parseName, parseObjectText, sameObject } from "../src/core/object.ts";
import type { LoadedPage, PageKey } from "../src/core/page.ts";
import { sameSubject, subjectOf } from "../src/core/subject.ts";
import type { RelationTuple } from "../src/core/tuple.ts";
import { authorize } from "../src/engine/authorize.ts";
import { checkRelation } from "../src/engine/check.ts";
import type { Evaluated } from "../src/engine/graph.ts";
import { defaultLimits } from "../src/engine/limits.ts";
import { planModel } from "../src/engine/plan.ts";
import { parseModel } from "../src/model/parse-model.ts";
import { PageClock } from "../src/replica/page-clock.ts";
import { PageStore } from "../src/replica/page-store.ts";
import { callOf, worldModel, worldTuples } from "./world.ts";

// What does one evaluation cost, every page in memory? Not in it are the message, the service and the
// socket, but the names are: they are new strings each time, as they are when they come from a message.
// Prints one line of JSON, in microseconds: by the wall, in samples so short that few are interrupted,
// since the clock of processor time ticks in milliseconds; on few pages, which the processor's cache holds.

const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: "1" },
    users: { type: "string", default: "100" },
    only: { type: "string", default: "" },
  },
});
const secondsEach = Number(values.seconds);
const users = Number(values.users);
const now = { earliestMs: 1_800_000_000_000, latestMs: 1_800_000_000_010 };

const model = parseModel(worldModel);

const tuples = worldTuples(users);
const graph = new PageStore(new PageClock(Infinity));
const view = { graph, plan: planModel(model, graph.symbols), now };
const object = (text: string): ReturnType<typeof parseObjectText> =>
  parseObjectText(text, "object");
const decide = (call: Call): ReturnType<typeof authorize> => authorize(view, call, defaultLimits);
const measures: Readonly<Record<string, () => number>> = {
  checkUs: () => measure(queryOf, (query) => checkRelation(view, query, defaultLimits), "member"),
  authorizeDirectUs: () => measure(directOf, decide, "allowed"),
  authorizeUs: () => measure(callOf, decide, "allowed"),
  authorizeTwoLinksUs: () => measure(handedOf, decide, "allowed"),
};
const asked = Object.entries(measures).filter(([name]) => name.includes(values.only));
console.log(
  JSON.stringify({
    benchmark: "evaluate",
    node: process.version,
    ...Object.fromEntries(asked.map(([name, figure]) => [name, figure()])),
  }),
);

function directOf(user: number): Call {
  const resource = object(`document:own-${user}`);
  return { ...callOf(user), accesses: [{ resource, context: {} }] };
}

function handedOf(user: number): Call {
  const call = callOf(user);
  return { ...call, actors: [...call.actors, object("agent:helper")] };
}

function queryOf(user: number) {
  return {
    object: object(`document:${user}`),
    relation: parseName("viewer", "relation"),
    subject: subjectOf(object(`user:${user}`)),
    context: {},
    contextualTuples: [],
  };
}

/** Median of rounds over all queries, once the pages are there and the code is warm. */
function measure<Query, Value extends { readonly kind: string }>(
  queryOf: (user: number) => Query,
  evaluate: (query: Query) => Evaluated<Value>,
  expected: string,
): number {
  for (let user = 0; user < users; user += 1) load(() => evaluate(queryOf(user)), expected);
  // The first half makes the code warm: on a busy machine the optimizing compiler comes late.
  rounds(queryOf, evaluate, secondsEach * 500);
  const samples = rounds(queryOf, evaluate, secondsEach * 500);
  const median = samples.toSorted((left, right) => left - right)[samples.length >> 1] ?? NaN;
  return Math.round(median * 100) / 100;
}

/** Microseconds a query, one sample each time round. */
function rounds<Query>(
  queryOf: (user: number) => Query,
  evaluate: (query: Query) => unknown,
  durationMs: number,
): readonly number[] {
  const samples: number[] = [];
  const endMs = performance.now() + durationMs;
  while (samples.length === 0 || performance.now() < endMs) {
    const queries = Array.from({ length: users }, (_, user) => queryOf(user));
    const startMs = performance.now();
    for (const query of queries) evaluate(query);
    samples.push(((performance.now() - startMs) * 1_000) / users);
  }
  return samples;
}

function load<Value extends { readonly kind: string }>(
  evaluate: () => Evaluated<Value>,
  expected: string,
): void {
  for (;;) {
    const evaluated = evaluate();
    if (evaluated.kind === "missing") {
      graph.install(evaluated.pages.map(pageOf));
      continue;
    }
    if (evaluated.value.kind === expected) return;
    throw new Error(`not ${expected}: ${JSON.stringify(evaluated.value)}`);
  }
}

function pageOf(key: PageKey): LoadedPage {
  return { key, tuples: tuples.filter((tuple) => belongs(tuple, key)), partialRelations: [] };
}

function belongs(tuple: RelationTuple, key: PageKey): boolean {
  switch (key.kind) {
    case "object":
      return sameObject(tuple.object, key.object);
    case "forward":
      return sameObject(tuple.object, key.object) && tuple.relation === key.relation;
    case "point":
      return (
        sameObject(tuple.object, key.object) &&
        tuple.relation === key.relation &&
        sameSubject(tuple.subject, key.subject)
      );
    case "reverse":
      return (
        tuple.object.type === key.type &&
        tuple.relation === key.relation &&
        sameSubject(tuple.subject, key.subject)
      );
    case "pair":
      return (
        tuple.relation === "principal" &&
        sameSubject(tuple.subject, subjectOf(key.principal)) &&
        tuples.some(
          (other) =>
            other.relation === "delegate" &&
            sameObject(other.object, tuple.object) &&
            sameSubject(other.subject, subjectOf(key.delegate)),
        )
      );
  }
}
