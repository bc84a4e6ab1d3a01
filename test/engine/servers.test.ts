import assert from "node:assert/strict";
import { suite, test } from "node:test";
import type { RelationTuple } from "../../src/core/tuple.ts";
import { authorize } from "../../src/engine/authorize.ts";
import { defaultLimits } from "../../src/engine/limits.ts";
import { formatModel } from "../../src/model/format-model.ts";
import { parseModel } from "../../src/model/parse-model.ts";
import { decided, tuplesOf, viewOf } from "../support/graphs.ts";
import { call, reasonOf, without } from "./delegated-call.ts";
import { aliceLetsMailbot, stock } from "./stock-model.ts";

/** The stock model, in which a tool may be served by gateways as well. */
const model = parseModel(
  formatModel(stock)
    .replace(
      "type toolset\n",
      "type gateway\n  relations\n    define user: [user]\n    define suspended: [suspension]\ntype toolset\n",
    )
    .replace("define server: [mcp_server]", "define server: [mcp_server, gateway]")
    .replace(
      "define requires: [permission] or requires from server",
      "define requires: [permission]",
    ),
);

suite("a permission on the server of a tool", () => {
  const world = [
    ...aliceLetsMailbot,
    ...tuplesOf("tool:read#server@gateway:edge", "tool:read#requires@permission:mcp_server/user"),
  ];

  test("is asked of the servers of its type, and of no others", () => {
    assert.equal(ask(world), "principal_lacks_permission");
    assert.equal(ask([...world, ...tuplesOf("mcp_server:files#user@user:alice")]), "allowed");
    assert.equal(
      ask([...world, ...tuplesOf("gateway:edge#user@user:alice")]),
      "principal_lacks_permission",
    );
  });

  test("is asked of each of them", () => {
    const two = [
      ...world,
      ...tuplesOf("mcp_server:files#user@user:alice", "tool:read#server@mcp_server:other"),
    ];
    assert.equal(ask(two), "principal_lacks_permission");
    assert.equal(ask([...two, ...tuplesOf("mcp_server:other#user@user:alice")]), "allowed");
  });

  test("is had by nobody where the tool has no server of the type", () => {
    const elsewhere = without(world, tuplesOf("tool:read#server@mcp_server:files"));
    const users = tuplesOf("mcp_server:files#user@user:alice", "gateway:edge#user@user:alice");
    assert.equal(ask([...elsewhere, ...users]), "principal_lacks_permission");
  });
});

function ask(world: readonly RelationTuple[]): string {
  const answer = decided(authorize(viewOf(model, world), call(), defaultLimits));
  return answer.kind === "allowed" ? "allowed" : reasonOf(answer);
}
