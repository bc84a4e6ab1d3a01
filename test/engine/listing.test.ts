import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { parseName } from "../../src/core/object.ts";
import { formatSubject, parseSubjectText } from "../../src/core/subject.ts";
import { compareTuples, type RelationTuple } from "../../src/core/tuple.ts";
import type { Evaluated, Graph } from "../../src/engine/graph.ts";
import { defaultLimits, type EngineLimits } from "../../src/engine/limits.ts";
import { ObjectListing, type ListObjectsQuery } from "../../src/engine/list-objects.ts";
import { SubjectListing, type ListSubjectsQuery } from "../../src/engine/list-subjects.ts";
import { ToolListing } from "../../src/engine/list-tools.ts";
import type { Listing } from "../../src/engine/listing.ts";
import { planModel } from "../../src/engine/plan.ts";
import { DelegationSelection } from "../../src/engine/select-delegations.ts";
import type { View } from "../../src/engine/view.ts";
import { parseModel } from "../../src/model/parse-model.ts";
import { decided, noon, object, PagingGraph, tuplesOf, viewOf } from "../support/graphs.ts";
import { all, whole } from "./delegated-call.ts";
import { aliceLetsMailbot, stock } from "./stock-model.ts";

const model = parseModel(`model
  schema 1.1
type user
type group
  relations
    define member: [user, group#member]
type doc
  relations
    define reader: [user, user:*, group#member]
    define blocked: [user]
    define viewer: reader but not blocked
`);

const many = 100_000;
const objectQuery = {
  type: parseName("doc", "type"),
  relation: parseName("viewer", "relation"),
  subject: parseSubjectText("user:alice", "subject"),
  context: {},
  contextualTuples: [],
};
const subjectQuery = {
  object: object("doc:shared"),
  relation: parseName("viewer", "relation"),
  subjectType: parseName("user", "type"),
  context: {},
  contextualTuples: [],
};
const toolQuery = {
  principal: object("user:alice"),
  actors: [object("agent:mailbot")],
  partialChain: false,
  context: {},
};

suite("a list of 100,000", () => {
  // What a step does beside its own tuple: it looks at the tuple's facts, and verifies by two pages.
  const readsMax = 8 * defaultLimits.sliceStepsMax;

  test("objects takes slices of bounded work", () => {
    const world = numbers(many).map((at) => `doc:${at}#reader@user:alice`);
    const { view, reads } = counting(viewOf(model, tuplesOf(world.join("\n"))));
    const listed = drain(new ObjectListing(objectQuery, defaultLimits), view, reads, readsMax);
    assert.equal(new Set(listed.map(({ object: { id } }) => id)).size, many);
  });

  test("subjects takes slices of bounded work, those whom a wildcard leaves out as well", () => {
    const world = numbers(many).map((at) => `doc:shared#blocked@user:${at}`);
    const everyone = viewOf(model, tuplesOf("doc:shared#reader@user:*", world.join("\n")));
    const { view, reads } = counting(everyone);
    const listed = drain(new SubjectListing(subjectQuery, defaultLimits), view, reads, readsMax);
    assert.deepEqual(
      listed.map(({ subject, excluded }) => [formatSubject(subject), excluded.length]),
      [["user:*", many]],
    );
  });

  test("delegations takes slices of bounded work", () => {
    const world = numbers(many).flatMap((at) => [
      `delegation:${at}#principal@user:alice`,
      at % 2 === 0 ? `delegation:${at}#tool@tool:read` : `delegation:${at}#tool@tool:send`,
    ]);
    const { view, reads } = counting(viewOf(stock, tuplesOf(world.join("\n"))));
    const query = { principal: object("user:alice"), tool: object("tool:read") };
    const listed = drain(new DelegationSelection(query, defaultLimits), view, reads, readsMax);
    assert.equal(new Set(listed).size, many / 2);
  });
});

suite("a listing", () => {
  const world = numbers(200).flatMap((at) => [
    `doc:${at}#reader@group:g${at % 7}#member`,
    `group:g${at % 7}#member@user:alice`,
    ...(at % 5 === 0 ? [`doc:${at}#blocked@user:alice`] : []),
    `doc:shared#reader@user:u${at}`,
    ...(at % 3 === 0 ? [`doc:shared#blocked@user:u${at}`] : []),
  ]);
  const tuples = tuplesOf(world.join("\n"));
  const tiny: EngineLimits = { ...defaultLimits, sliceStepsMax: 3 };

  test("is the same in slices of any size, on a whole graph and on one that loads pages", () => {
    const lists = (limits: EngineLimits, view: View, run: Run) => ({
      objects: slices(new ObjectListing(objectQuery, limits), view, run),
      subjects: slices(new SubjectListing(subjectQuery, limits), view, run),
    });
    const expected = lists(defaultLimits, viewOf(model, tuples), atOnce);
    assert.equal(expected.objects.length, 160);
    assert.equal(expected.subjects.length, 133);
    assert.deepEqual(lists(tiny, viewOf(model, tuples), atOnce), expected);
    const graph = new PagingGraph(tuples);
    const now = { earliestMs: noon, latestMs: noon };
    const view = { graph, plan: planModel(model, graph.symbols), now };
    assert.deepEqual(
      lists(tiny, view, (evaluation) => graph.evaluate(evaluation, all)),
      expected,
    );
  });

  test("goes on after any of its keys as if it had not stopped", () => {
    const view = viewOf(model, tuples);
    const objects = (query: Omit<ListObjectsQuery, "limit">) =>
      slices(new ObjectListing(query, tiny), view, atOnce).map(({ object: { id } }) => id);
    const subjects = (query: Omit<ListSubjectsQuery, "limit">) =>
      slices(new SubjectListing(query, tiny), view, atOnce).map(({ subject }) =>
        formatSubject(subject),
      );
    const whole = { objects: objects(objectQuery), subjects: subjects(subjectQuery) };
    for (const [at, after] of whole.objects.entries()) {
      assert.deepEqual(objects({ ...objectQuery, after }), whole.objects.slice(at + 1));
    }
    for (const [at, text] of whole.subjects.entries()) {
      const after = text.slice("user:".length);
      assert.deepEqual(subjects({ ...subjectQuery, after }), whole.subjects.slice(at + 1));
    }
  });

  test("gives every element the whole budget, wherever its slice begins", () => {
    const limits = { ...defaultLimits, sliceStepsMax: 1_000, stepsMax: 20 };
    const listed = slices(new ObjectListing(objectQuery, limits), viewOf(model, tuples), atOnce);
    assert.equal(listed.length, 160);
  });

  test("fails, and does not end, where more is reached than it may keep", () => {
    const limits = { ...defaultLimits, candidatesMax: 50 };
    const view = viewOf(model, tuples);
    for (const listing of [
      new ObjectListing(objectQuery, limits),
      new SubjectListing(subjectQuery, limits),
    ]) {
      assert.throws(() => slices<unknown>(listing, view, atOnce), /budget_exceeded: more than 50/);
    }
  });

  test("reads a relation that is too large for a page from outside", () => {
    const graph = new PagingGraph(tuples, () => true);
    const now = { earliestMs: noon, latestMs: noon };
    const view = { graph, plan: planModel(model, graph.symbols), now };
    const expected = slices(new SubjectListing(subjectQuery, tiny), viewOf(model, tuples), atOnce);
    const listing = new SubjectListing(subjectQuery, tiny);
    const run: Run = (evaluation) => graph.evaluate(evaluation, all);
    assert.deepEqual(slices(listing, view, run, tuples), expected);
  });

  test("reads the registered tools from outside where a delegation covers every tool", () => {
    const tools = numbers(25).map((at) => `tool:t${at}`);
    const registered = tuplesOf(
      ...tools.flatMap((tool) => [
        `${tool}#requires@permission:document/viewer`,
        `${tool}#eligible@agent:*`,
      ]),
      "tool:unregistered#eligible@agent:*",
    );
    const stored = [...aliceLetsMailbot, ...registered, ...tuplesOf("delegation:d1#tool@tool:*")];
    const listing = new ToolListing(toolQuery, tiny);
    const listed = slices(listing, viewOf(stock, stored), atOnce, stored);
    const expected = [...tools, "tool:read"].map((tool) => tool.slice("tool:".length)).toSorted();
    assert.deepEqual(
      listed.map(({ id }) => id),
      expected,
    );
  });

  test("judges a thousand chains in slices of bounded work", () => {
    const delegations = numbers(1_000).flatMap((at) => [
      ...whole(`d${at}`),
      ...tuplesOf(`delegation:d${at}#tool@tool:t${at}`, `tool:t${at}#eligible@agent:*`),
      ...tuplesOf(`tool:t${at}#requires@permission:document/viewer`),
    ]);
    const { view, reads } = counting(viewOf(stock, [...aliceLetsMailbot, ...delegations]));
    const limits = { ...defaultLimits, sliceStepsMax: 100 };
    // A tool that the last chain alone covers is looked for in all of them.
    const listed = drain(new ToolListing(toolQuery, limits), view, reads, 20_000);
    assert.equal(listed.length, 1_001);
  });
});

/** Runs an evaluation until it is decided. */
type Run = <Value>(evaluation: () => Evaluated<Value>) => Value;

function atOnce<Value>(evaluation: () => Evaluated<Value>): Value {
  return decided(evaluation());
}

/** All elements; what is wanted comes from `stored`, seven tuples at a time. */
function slices<Element>(
  listing: Listing<Element>,
  view: View,
  run: Run,
  stored: readonly RelationTuple[] = [],
): readonly Element[] {
  const elements: Element[] = [];
  for (let slice = 0; slice < 100_000; slice += 1) {
    supply(listing, stored);
    const answer = run(() => listing.slice(view, 5));
    if (answer.kind === "error") throw new Error(`${answer.code}: ${answer.detail}`);
    assert.ok(answer.elements.length <= 5);
    elements.push(...answer.elements);
    if (answer.next === undefined) return elements;
  }
  assert.fail("the list does not come to an end");
}

function supply<Element>(listing: Listing<Element>, stored: readonly RelationTuple[]): void {
  const { wanted } = listing;
  if (wanted === undefined) return;
  const { filter, after } = wanted;
  const range = stored
    .filter(({ object: { type } }) => type === filter.objectType)
    .filter(({ object: { id } }) => filter.objectId === undefined || filter.objectId === id)
    .filter(({ relation }) => relation === filter.relation)
    .toSorted(compareTuples)
    .filter((tuple) => after === undefined || compareTuples(tuple, after) > 0);
  listing.supply(range.slice(0, 7), range.length <= 7);
}

/** All elements, in slices none of which reads more than so often. */
function drain<Element>(
  listing: Listing<Element>,
  view: View,
  reads: () => number,
  readsMax: number,
): readonly Element[] {
  const elements: Element[] = [];
  let most = 0;
  for (;;) {
    const before = reads();
    const answer = decided(listing.slice(view, 1_000));
    assert.ok(answer.kind === "slice", JSON.stringify(answer));
    most = Math.max(most, reads() - before);
    for (const element of answer.elements) elements.push(element);
    if (answer.next === undefined) break;
  }
  assert.ok(most <= readsMax, `a slice reads ${most} times`);
  assert.ok(most > 0);
  return elements;
}

/** Counts how often something is read of a page. */
function counting(view: View): { readonly view: View; readonly reads: () => number } {
  let count = 0;
  const { graph } = view;
  const counted = <Page extends object>(page: Page | undefined): Page | undefined => {
    count += 1;
    if (page === undefined) return undefined;
    return new Proxy(page, {
      get(target, name, receiver): unknown {
        if (name !== "count") count += 1;
        return Reflect.get(target, name, receiver);
      },
    });
  };
  const counter: Graph = {
    symbols: graph.symbols,
    forward: (owner, relation) => counted(graph.forward(owner, relation)),
    point: (owner, relation, subject) => graph.point(owner, relation, subject),
    reverse: (subject, type, relation) => counted(graph.reverse(subject, type, relation)),
    delegations: (principal, delegate) => graph.delegations(principal, delegate),
  };
  return { view: { ...view, graph: counter }, reads: () => count };
}

function numbers(count: number): readonly number[] {
  return Array.from({ length: count }, (_, at) => at);
}
