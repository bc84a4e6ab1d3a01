import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import type { Explanation } from "../../src/core/decision.ts";
import { parseName, parseObject } from "../../src/core/object.ts";
import {
  CheckResponseSchema,
  ExpandResponseSchema,
} from "../../src/gen/prokura/v1/authorization_pb.ts";
import { decisionToProto } from "../../src/rpc/checks.ts";
import { usersetTreeToProto } from "../../src/rpc/userset-tree.ts";
import { allowed } from "./decisions.ts";

type Tree = Parameters<typeof usersetTreeToProto>[0];

const group = parseObject("group", "eng", "object");
const member = parseName("member", "relation");

/** A chain of usersets, each of which is computed from the next through a union. */
function nested(levels: number): Tree {
  let tree: Tree = { object: group, relation: member };
  for (let level = 0; level < levels; level += 1) {
    const leaf = { kind: "leaf" as const, subjects: [] };
    const of = [leaf, { kind: "computed_userset" as const, of: tree }];
    tree = { object: group, relation: member, node: { kind: "union", of } };
  }
  return tree;
}

function explained(levels: number): Explanation {
  let explanation: Explanation = { label: "document:d#viewer", outcome: "yes", children: [] };
  for (let level = 0; level < levels; level += 1) {
    explanation = { label: `level ${level}`, outcome: "yes", children: [explanation] };
  }
  return explanation;
}

suite("trees on the wire", () => {
  test("every userset tree that is sent can be decoded", () => {
    let sent = 0;
    for (let levels = 0; levels < 64; levels += 1) {
      try {
        const message = create(ExpandResponseSchema, { tree: usersetTreeToProto(nested(levels)) });
        fromBinary(ExpandResponseSchema, toBinary(ExpandResponseSchema, message));
        sent += 1;
      } catch (error) {
        assert(error instanceof Error && "code" in error, String(error));
        assert.equal(error.code, "limit_exceeded");
      }
    }
    assert(sent > 15, `${sent} levels`);
  });

  test("an explanation of any depth can be decoded, and says where it was cut", () => {
    for (const levels of [0, 80, 81, 500]) {
      const decision = { ...allowed, explanation: explained(levels) };
      const message = create(CheckResponseSchema, decisionToProto(decision, "t"));
      const bytes = toBinary(CheckResponseSchema, message);
      let part = fromBinary(CheckResponseSchema, bytes).explanation;
      let depth = 0;
      for (let child = part?.children[0]; child !== undefined; child = part?.children[0]) {
        part = child;
        depth += 1;
      }
      assert.equal(depth, Math.min(levels, 80));
      assert.equal(part?.truncated, levels > 80);
    }
  });
});
