import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { object, tuplesOf } from "../support/graphs.ts";
import { access, ask, reasonOf, single } from "./delegated-call.ts";
import { aliceLetsMailbot } from "./stock-model.ts";

const accesses = ["plan", "other"].map((id) => access({ resource: object(`document:${id}`) }));
const world = [
  ...aliceLetsMailbot.filter(({ object: { type } }) => type !== "delegation"),
  ...tuplesOf("document:other#viewer@user:alice"),
];

suite("delegations that cover parts of a call", () => {
  // Of each delegation: what it covers.
  const cases: readonly (readonly [string, readonly (readonly string[])[]])[] = [
    ["no_delegation", []],
    ["tool_not_covered", [[]]],
    ["tool_not_covered", [[], []]],
    ["tool_not_covered", [["plan", "other"], ["plan"]]],
    ["resource_not_covered", [["tool"]]],
    ["resource_not_covered", [["tool"], ["tool"]]],
    ["resource_not_covered", [["tool", "plan"], ["tool"]]],
    ["resource_not_covered", [["tool", "plan"], ["plan"]]],
    ["resource_not_covered", [["tool", "other"]]],
    ["split_coverage", [["tool"], ["plan", "other"]]],
    ["split_coverage", [["tool", "plan"], ["other"]]],
    [
      "split_coverage",
      [
        ["tool", "plan"],
        ["tool", "other"],
      ],
    ],
    ["split_coverage", [["tool"], ["plan"], ["other"]]],
  ];
  for (const [reason, delegations] of cases) {
    const said = delegations.map((covered) => covered.join(" and ") || "nothing").join("; ");
    test(`say ${reason} where they cover ${said || "nothing, for there are none"}`, () => {
      assert.equal(reasonOf(ask({ accesses }, [...world, ...delegated(delegations)])), reason);
    });
  }

  test("are enough where one of them covers all", () => {
    const delegations = [["tool"], ["plan", "other"], ["tool", "plan", "other"]];
    assert.deepEqual(ask({ accesses }, [...world, ...delegated(delegations)]), {
      kind: "allowed",
      delegationIds: ["d2"],
    });
  });
});

function delegated(delegations: readonly (readonly string[])[]): ReturnType<typeof tuplesOf> {
  return delegations.flatMap((covered, at) => [
    ...single(`d${at}`, "user:alice", "user:alice", "agent:mailbot"),
    ...tuplesOf(
      ...covered.map((what) =>
        what === "tool"
          ? `delegation:d${at}#tool@tool:read`
          : `delegation:d${at}#resource@document:${what}`,
      ),
    ),
  ]);
}
