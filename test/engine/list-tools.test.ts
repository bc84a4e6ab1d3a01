import assert from "node:assert/strict";
import { suite, test } from "node:test";
import type { RelationTuple } from "../../src/core/tuple.ts";
import { defaultLimits } from "../../src/engine/limits.ts";
import { takeSlices } from "../../src/engine/listing.ts";
import { listTools, type ListToolsQuery } from "../../src/engine/list-tools.ts";
import { planModel } from "../../src/engine/plan.ts";
import {
  DelegationSelection,
  selectDelegations,
  type SelectQuery,
} from "../../src/engine/select-delegations.ts";
import type { AuthorizationModel } from "../../src/model/authorization-model.ts";
import { formatModel } from "../../src/model/format-model.ts";
import { parseModel } from "../../src/model/parse-model.ts";
import {
  decided,
  expiring,
  noon,
  object,
  PagingGraph,
  tuplesOf,
  viewOf,
} from "../support/graphs.ts";
import { all, conditional, fixed, single, whole, without } from "./delegated-call.ts";
import { aliceLetsMailbot, stock } from "./stock-model.ts";

const registered = tuplesOf(`
  tool:send#requires@permission:document/viewer
  tool:list#server@mcp_server:files
  mcp_server:files#requires@permission:document/viewer
  tool:send#eligible@agent:*
  tool:list#eligible@agent:*
`);

suite("listTools", () => {
  test("lists what a delegation names", () => {
    assert.deepEqual(list(), ["tool:read"]);
  });

  test("lists what is within a server or a toolset that a delegation names", () => {
    const world = [
      ...aliceLetsMailbot,
      ...registered,
      ...tuplesOf("delegation:d1#tool@mcp_server:files"),
    ];
    assert.deepEqual(list(world), ["tool:list", "tool:read"]);
    const set = [
      ...aliceLetsMailbot,
      ...registered,
      ...tuplesOf("delegation:d1#tool@toolset:office", "tool:send#parent@toolset:office"),
    ];
    assert.deepEqual(list(set), ["tool:read", "tool:send"]);
  });

  test("lets a delegation of every tool range over those that are registered", () => {
    const world = [...aliceLetsMailbot, ...registered, ...tuplesOf("delegation:d1#tool@tool:*")];
    const tools = ["tool:list", "tool:read", "tool:send", "tool:other"].map(object);
    assert.deepEqual(list(world, { registered: tools }), ["tool:list", "tool:read", "tool:send"]);
    const answer = decided(listTools(viewOf(stock, world), query(), defaultLimits));
    assert.equal(answer.kind === "error" && answer.code, "not_supported");
  });

  test("counts a missing parameter as true, and one that is there as it is", () => {
    const world = [
      ...without(aliceLetsMailbot, tuplesOf("delegation:d1#tool@tool:read")),
      conditional("delegation:d1#tool@tool:read"),
    ];
    assert.deepEqual(list(world), ["tool:read"]);
    assert.deepEqual(list(world, { context: { amount: 99 } }), []);
  });

  test("leaves out what is suspended, unregistered or not for the agent", () => {
    const suspended = [...aliceLetsMailbot, ...tuplesOf("mcp_server:files#suspended@suspension:s")];
    assert.deepEqual(list(suspended), []);
    assert.deepEqual(
      list(without(aliceLetsMailbot, tuplesOf("tool:read#requires@permission:document/viewer"))),
      [],
    );
    assert.deepEqual(list(without(aliceLetsMailbot, tuplesOf("tool:read#eligible@agent:*"))), []);
  });

  test("asks the permissions on the tool, and no others", () => {
    const own = [...aliceLetsMailbot, ...tuplesOf("tool:read#requires@permission:tool/user")];
    assert.deepEqual(list(own), []);
    assert.deepEqual(list([...own, ...tuplesOf("tool:read#user@user:alice")]), ["tool:read"]);
    const noDocuments = without(aliceLetsMailbot, tuplesOf("document:plan#viewer@user:alice"));
    assert.deepEqual(list(noDocuments), ["tool:read"]);
  });

  test("goes on after a key", () => {
    const world = [
      ...aliceLetsMailbot,
      ...registered,
      ...tuplesOf("delegation:d1#tool@tool:send", "delegation:d1#tool@tool:list"),
    ];
    const slices: string[][] = [];
    for (let after: string | undefined; ;) {
      const asked = { ...query(), limit: 1, ...(after === undefined ? {} : { after }) };
      const answer = decided(listTools(viewOf(stock, world), asked, defaultLimits));
      assert(answer.kind === "slice");
      slices.push(answer.tools.map(({ id }) => id));
      after = answer.next;
      if (after === undefined) break;
    }
    assert.deepEqual(slices, [["list"], ["read"], ["send"]]);
  });

  test("is complete whatever is in memory", () => {
    const world = [
      ...aliceLetsMailbot,
      ...registered,
      ...tuplesOf("delegation:d1#tool@mcp_server:files"),
    ];
    const graph = new PagingGraph(world);
    const view = { graph, plan: planModel(stock, graph.symbols), now: fixed };
    const answer = graph.evaluate(() => listTools(view, query(), defaultLimits), all);
    assert.deepEqual(answer.kind === "slice" && answer.tools.map(({ id }) => id), ["list", "read"]);
  });
});

suite("selectDelegations by coverage", () => {
  const others = [
    ...whole("d2"),
    ...single("d3", "user:bob", "user:bob", "agent:mailbot"),
    ...tuplesOf(
      "delegation:d3#tool@tool:*",
      "delegation:d3#resource@folder:work",
      "delegation:d4#tool@mcp_server:files",
      "delegation:d4#session@session:s",
      "delegation:d5#resource@document:*",
    ),
  ];

  test("finds delegations by what they name, by wildcards and by what the object is within", () => {
    const world = [...aliceLetsMailbot, ...others];
    assert.deepEqual(covering(world, { tool: object("tool:read") }), ["d1", "d2", "d3", "d4"]);
    assert.deepEqual(covering(world, { resource: object("document:plan") }), [
      "d1",
      "d2",
      "d3",
      "d5",
    ]);
    assert.deepEqual(covering(world, { session: object("session:s") }), ["d1", "d2", "d3", "d4"]);
  });

  test("ignores conditions, and what is expired for sure", () => {
    const world = [
      conditional("delegation:c#tool@tool:read", { amount: 99 }),
      expiring("delegation:e#tool@tool:read", noon),
      expiring("delegation:f#tool@tool:read", noon + 1),
    ];
    assert.deepEqual(covering(world, { tool: object("tool:read") }), ["c", "f"]);
  });

  test("finds what a condition may let through by taking nothing away", () => {
    const model = modelWithCollections();
    const world = [
      ...tuplesOf("delegation:d1#resource@collection:c#item", "collection:c#item@document:plan"),
      conditional("collection:c#hidden@document:plan", { amount: 99 }),
    ];
    const asked = { resource: object("document:plan") };
    const answer = decided(selectDelegations(viewOf(model, world), asked, defaultLimits));
    assert.deepEqual(answer, { kind: "selection", selected: ["d1"] });
  });

  test("leaves out what is taken away, though it is one of several ways to be covered", () => {
    const text = formatModel(modelWithCollections()).replace(
      "define item: [document] but not hidden",
      "define item: [document] or (offered but not hidden)\n    define offered: [document]",
    );
    const world = tuplesOf(`
      delegation:d1#resource@collection:c#item
      collection:c#offered@document:plan
      delegation:d2#resource@collection:open#item
      collection:open#item@document:plan
    `);
    const asked = { resource: object("document:plan") };
    const select = (tuples: readonly RelationTuple[]) =>
      decided(selectDelegations(viewOf(parseModel(text), tuples), asked, defaultLimits));
    assert.deepEqual(select(world), { kind: "selection", selected: ["d1", "d2"] });
    const hidden = conditional("collection:c#hidden@document:plan", { amount: 1 });
    assert.deepEqual(select([...world, hidden]), { kind: "selection", selected: ["d1", "d2"] });
    const always = text.replace("[document with small]", "[document]");
    const taken = [...world, ...tuplesOf("collection:c#hidden@document:plan")];
    const answer = decided(
      selectDelegations(viewOf(parseModel(always), taken), asked, defaultLimits),
    );
    assert.deepEqual(answer, { kind: "selection", selected: ["d2"] });
  });

  test("is complete over any slices", () => {
    const world = [...aliceLetsMailbot, ...others];
    const asked = { tool: object("tool:read") };
    assert.deepEqual(covering(world, asked, 1), covering(world, asked, 100));
  });
});

/** The stock model with collections whose items may be hidden, on a condition. */
function modelWithCollections(): AuthorizationModel {
  const text = formatModel(stock)
    .replace("type suspension\n", `${collections}\ntype suspension\n`)
    .replace("define resource: [", "define resource: [collection#item, ");
  return parseModel(text);
}

const collections = `type collection
  relations
    define item: [document] but not hidden
    define hidden: [document with small]`;

function list(
  world: readonly RelationTuple[] = aliceLetsMailbot,
  changes: Partial<ListToolsQuery> = {},
): readonly string[] {
  const answer = decided(listTools(viewOf(stock, world), query(changes), defaultLimits));
  assert(answer.kind === "slice", JSON.stringify(answer));
  return answer.tools.map(({ type, id }) => `${type}:${id}`);
}

function query(changes: Partial<ListToolsQuery> = {}): ListToolsQuery {
  return {
    principal: object("user:alice"),
    actors: [object("agent:mailbot")],
    partialChain: false,
    context: {},
    limit: 100,
    ...changes,
  };
}

function covering(
  world: readonly RelationTuple[],
  asked: SelectQuery,
  limit: number = 100,
): readonly string[] {
  const ids: string[] = [];
  for (let after: string | undefined; ;) {
    const selection = new DelegationSelection(asked, defaultLimits, after);
    const answer = decided(takeSlices(selection, viewOf(stock, world), limit, nothingWanted));
    assert(answer.kind === "slice");
    ids.push(...answer.elements);
    if (answer.next === undefined) return ids;
    after = answer.next;
  }
}

const nothingWanted = { kind: "error", code: "not_supported", detail: "" } as const;
