import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { compareTuples, type RelationTuple } from "../../src/core/tuple.ts";
import { defaultLimits } from "../../src/engine/limits.ts";
import { ToolListing } from "../../src/engine/list-tools.ts";
import { planModel } from "../../src/engine/plan.ts";
import type { View } from "../../src/engine/view.ts";
import {
  decided,
  expiring,
  noon,
  object,
  PagingGraph,
  tuplesOf,
  viewOf,
} from "../support/graphs.ts";
import { all, chained, fixed, single, without } from "./delegated-call.ts";
import { aliceLetsMailbot, stock } from "./stock-model.ts";

const query = {
  principal: object("user:alice"),
  actors: [object("agent:mailbot")],
  partialChain: false,
  context: {},
};

const numbers = Array.from({ length: 30 }, (_, at) => at);

const second: readonly RelationTuple[] = [
  ...single("d2", "user:alice", "user:alice", "agent:mailbot"),
  ...tuplesOf(`
    delegation:d2#tool@tool:send
    tool:send#requires@permission:document/viewer
    tool:send#eligible@agent:*
  `),
];

suite("a list of tools that takes its time", () => {
  test("leaves out what only a chain covers that has ended since it was found", () => {
    const session = "delegation:d1#session@session:*";
    const world = [
      ...without(aliceLetsMailbot, tuplesOf(session)),
      ...second,
      expiring(session, noon + 100),
    ];
    const listed = (laterMs: number): readonly string[] => {
      const listing = new ToolListing(query, defaultLimits);
      assert.deepEqual(elementsOf(listing.slice(viewOf(stock, world), 9)), []);
      return rest(listing, viewOf(stock, world, laterMs));
    };
    assert.deepEqual(listed(noon), ["read", "send"]);
    assert.deepEqual(listed(noon + 99), ["read", "send"]);
    assert.deepEqual(listed(noon + 100), ["send"]);
    assert.deepEqual(listed(noon + 101), ["send"]);
  });

  test("keeps what a chain covers that holds by another tuple since", () => {
    const delegable = "delegation:d1#delegable_to@agent:helper";
    const world = [
      ...without(chained, tuplesOf(delegable)),
      expiring(delegable, noon + 100),
      ...tuplesOf("delegation:d1#delegable_to@agent:*"),
    ];
    const actors = [object("agent:mailbot"), object("agent:helper")];
    for (const [tuples, expected] of [
      [world, ["read"]],
      [without(world, tuplesOf("delegation:d1#delegable_to@agent:*")), []],
    ] as const) {
      const listing = new ToolListing({ ...query, actors }, defaultLimits);
      assert.deepEqual(elementsOf(listing.slice(viewOf(stock, tuples), 9)), []);
      assert.deepEqual(rest(listing, viewOf(stock, tuples, noon + 100)), expected);
    }
  });

  test("loads what it must to judge such a chain again", () => {
    const world = [...aliceLetsMailbot, ...second].map((tuple) =>
      tuple.relation === "session" ? { ...tuple, expiresAtMs: noon + 100 } : tuple,
    );
    const graph = new PagingGraph(world);
    const plan = planModel(stock, graph.symbols);
    for (const [laterMs, expected] of [
      [noon + 99, ["read", "send"]],
      [noon + 100, []],
    ] as const) {
      const listing = new ToolListing(query, { ...defaultLimits, sliceStepsMax: 1 });
      const view = (atMs: number): View => ({
        graph,
        plan,
        now: { earliestMs: atMs, latestMs: atMs },
      });
      let slices = 0;
      const listed: string[] = [];
      for (let isLast = false; !isLast; slices += 1) {
        const now = view(slices < 3 ? noon : laterMs);
        const slice = graph.evaluate(() => listing.slice(now, 1), all);
        assert.ok(slice.kind === "slice");
        listed.push(...slice.elements.map(({ id }) => id));
        isLast = slice.next === undefined;
        // Pages are given up between slices.
        graph.evaluate(() => ({ kind: "decided", value: undefined }), all);
      }
      assert.deepEqual(listed, expected);
    }
  });
});

suite("a list of tools", () => {
  test("is complete where pages are missed in the middle of a slice", () => {
    const servers = Array.from({ length: 6 }, (_, at) => `mcp_server:m${at}`);
    const world = [
      ...aliceLetsMailbot,
      ...tuplesOf("delegation:d1#tool@toolset:office", "toolset:desk#parent@toolset:office"),
      ...tuplesOf(
        ...servers.flatMap((server, at) => [
          `delegation:d1#tool@${server}`,
          `${server}#requires@permission:document/viewer`,
          `tool:served${at}#server@${server}`,
          `tool:served${at}#eligible@agent:*`,
          `tool:set${at}#parent@toolset:${at % 2 === 0 ? "office" : "desk"}`,
          `tool:set${at}#requires@permission:document/viewer`,
          `tool:set${at}#eligible@agent:*`,
        ]),
      ),
    ];
    const expected = rest(new ToolListing(query, defaultLimits), viewOf(stock, world));
    assert.equal(expected.length, 1 + 6 + 6);
    for (const sliceStepsMax of [1, 4, 500]) {
      const graph = new PagingGraph(world);
      const view = { graph, plan: planModel(stock, graph.symbols), now: fixed };
      const listing = new ToolListing(query, { ...defaultLimits, sliceStepsMax });
      const listed: string[] = [];
      for (let isLast = false; !isLast;) {
        const slice = graph.evaluate(() => listing.slice(view, 5), all);
        assert.ok(slice.kind === "slice");
        listed.push(...slice.elements.map(({ id }) => id));
        isLast = slice.next === undefined;
      }
      assert.deepEqual(listed, expected, `in slices of ${sliceStepsMax}`);
    }
  });

  test("fails where more is reached than it may keep", () => {
    const world = [...aliceLetsMailbot, ...second];
    const two = new ToolListing(query, { ...defaultLimits, candidatesMax: 2 });
    assert.deepEqual(rest(two, viewOf(stock, world)), ["read", "send"]);
    const one = new ToolListing(query, { ...defaultLimits, candidatesMax: 1 });
    assert.throws(() => rest(one, viewOf(stock, world)), /more than 1 subjects could lead/);
    const within = [...aliceLetsMailbot, ...tuplesOf("delegation:d1#tool@mcp_server:files")];
    const listing = new ToolListing(query, { ...defaultLimits, candidatesMax: 3 });
    assert.deepEqual(rest(listing, viewOf(stock, within)), ["read"]);
    const served = Array.from({ length: 4 }, (_, at) => `tool:t${at}#server@mcp_server:files`);
    const many = new ToolListing(query, { ...defaultLimits, candidatesMax: 3 });
    const view = viewOf(stock, [...within, ...tuplesOf(...served)]);
    assert.throws(() => rest(many, view), /more than 3 usersets could lead to the list/);
  });

  test("reads from outside what a delegation names, where that is too much for a page", () => {
    const tools = Array.from({ length: 30 }, (_, at) => `tool:t${at}`);
    const world = [
      ...aliceLetsMailbot,
      ...tools.flatMap((tool) =>
        tuplesOf(
          `delegation:d1#tool@${tool}`,
          `${tool}#requires@permission:document/viewer`,
          `${tool}#eligible@agent:*`,
        ),
      ),
    ];
    const graph = new PagingGraph(world, (relation) => relation === "tool");
    const view = { graph, plan: planModel(stock, graph.symbols), now: fixed };
    const listing = new ToolListing(query, defaultLimits);
    const listed: string[] = [];
    const wanted: string[] = [];
    for (let isLast = false; !isLast;) {
      if (listing.wanted !== undefined) wanted.push(supply(listing, world));
      const slice = graph.evaluate(() => listing.slice(view, 7), all);
      assert.ok(slice.kind === "slice", JSON.stringify(slice));
      listed.push(...slice.elements.map(({ id }) => id));
      isLast = slice.next === undefined;
    }
    const expected = ["read", ...tools.map((tool) => tool.slice("tool:".length))].toSorted();
    assert.deepEqual(listed, expected);
    assert.deepEqual(
      wanted,
      Array.from({ length: 4 }, () => "delegation:d1#tool"),
    );
  });

  test("fails where it is not known whether a tool belongs to it", () => {
    const world = [
      ...aliceLetsMailbot,
      ...tuplesOf(`
        tool:read#requires@permission:tool/user
        tool:read#user@group:a#member
        group:a#member@group:b#member
        group:b#member@group:c#member
        group:c#member@user:alice
      `),
    ];
    assert.deepEqual(rest(new ToolListing(query, defaultLimits), viewOf(stock, world)), ["read"]);
    const limits = { ...defaultLimits, depthMax: 3 };
    assert.throws(
      () => rest(new ToolListing(query, limits), viewOf(stock, world)),
      /budget_exceeded.*a path is longer than 3 usersets/,
    );
  });

  test("wants what may register a tool once, however many delegations cover every tool", () => {
    const world = [
      ...aliceLetsMailbot,
      ...second,
      ...tuplesOf(`
        delegation:d1#tool@tool:*
        delegation:d2#tool@tool:*
        tool:list#server@mcp_server:files
        mcp_server:files#requires@permission:document/viewer
        tool:list#eligible@agent:*
      `),
      // More than are supplied at a time, and registered as nobody may call them.
      ...tuplesOf(...numbers.map((at) => `tool:t${at}#requires@permission:tool/user`)),
    ];
    const listing = new ToolListing(query, defaultLimits);
    const wanted: string[] = [];
    const listed: string[] = [];
    for (let isLast = false; !isLast;) {
      if (listing.wanted !== undefined) wanted.push(supply(listing, world));
      const slice = decided(listing.slice(viewOf(stock, world), 9));
      assert.ok(slice.kind === "slice");
      listed.push(...slice.elements.map(({ id }) => id));
      isLast = slice.next === undefined;
    }
    assert.deepEqual(listed, ["list", "read", "send"]);
    // 32 tuples say what a tool requires, ten at a time; two where it is.
    assert.deepEqual(wanted, [
      ...Array.from({ length: 4 }, () => "tool:undefined#requires"),
      "tool:undefined#server",
    ]);
  });

  test("weighs chains and finds as it goes, and what is left of them in the end", () => {
    const listing = new ToolListing(query, { ...defaultLimits, sliceStepsMax: 1 });
    const view = viewOf(stock, [...aliceLetsMailbot, ...second]);
    const weights = [listing.weight];
    for (let isLast = false; !isLast;) {
      const slice = decided(listing.slice(view, 9));
      assert.ok(slice.kind === "slice");
      weights.push(listing.weight);
      isLast = slice.next === undefined;
    }
    // Two chains, one by one; in the end they and the two tools.
    assert.deepEqual(weights.slice(0, 3), [0, 1, 2]);
    assert.equal(weights.at(-1), 4);
    // Before that also each `tool` relation, what it names, and what is no candidate a second time.
    assert.ok(Math.max(...weights) >= 4 + 2 + 2 + 2, weights.join());
  });

  test("weighs the tools that are given or supplied until it has looked at them", () => {
    const world = [...aliceLetsMailbot, ...tuplesOf("delegation:d1#tool@tool:*")];
    const registered = Array.from({ length: 50 }, (_, at) => object(`tool:t${at}`));
    const given = new ToolListing({ ...query, registered }, defaultLimits);
    rest(given, viewOf(stock, world));
    assert.equal(given.weight, 1 + 50 + 1);
    const asking = new ToolListing(query, defaultLimits);
    while (asking.wanted === undefined) decided(asking.slice(viewOf(stock, world), 9));
    const before = asking.weight;
    asking.supply(
      tuplesOf(...registered.map(({ id }) => `tool:${id}#requires@permission:none`)),
      false,
    );
    assert.equal(asking.weight, before + 50);
    // What was supplied comes first: more would take its place.
    assert.equal(asking.wanted, undefined);
  });
});

/** Ids of what is left of the list. */
function rest(listing: ToolListing, view: View): readonly string[] {
  const listed: string[] = [];
  for (;;) {
    const slice = decided(listing.slice(view, 9));
    assert.ok(slice.kind === "slice", JSON.stringify(slice));
    listed.push(...slice.elements.map(({ id }) => id));
    if (slice.next === undefined) return listed;
  }
}

function elementsOf(evaluated: ReturnType<ToolListing["slice"]>): readonly unknown[] {
  const slice = decided(evaluated);
  assert.ok(slice.kind === "slice", JSON.stringify(slice));
  return slice.elements;
}

/** The next ten of what is wanted; tells which range that is of. */
function supply(listing: ToolListing, stored: readonly RelationTuple[]): string {
  const { wanted } = listing;
  assert.ok(wanted !== undefined);
  const { filter, after } = wanted;
  const range = stored
    .filter(({ object: { type } }) => type === filter.objectType)
    .filter(({ object: { id } }) => filter.objectId === undefined || id === filter.objectId)
    .filter(({ relation }) => relation === filter.relation)
    .toSorted(compareTuples)
    .filter((tuple) => after === undefined || compareTuples(tuple, after) > 0);
  listing.supply(range.slice(0, 10), range.length <= 10);
  return `${filter.objectType}:${filter.objectId}#${filter.relation}`;
}
