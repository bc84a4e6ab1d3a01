import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { parseName } from "../../src/core/object.ts";
import type { RelationTuple } from "../../src/core/tuple.ts";
import { authorize } from "../../src/engine/authorize.ts";
import { defaultLimits, StepMeter } from "../../src/engine/limits.ts";
import { parseModel } from "../../src/model/parse-model.ts";
import { decided, expiring, noon, tuplesOf, viewOf } from "../support/graphs.ts";
import {
  access,
  ask,
  call,
  conditional,
  reasonOf,
  single,
  whole,
  without,
} from "./delegated-call.ts";
import { aliceLetsMailbot, stock } from "./stock-model.ts";

suite("authorize", () => {
  test("allows what one delegation covers and the principal may do", () => {
    assert.deepEqual(ask(), { kind: "allowed", delegationIds: ["d1"] });
  });

  test("adds what it took to the meter, whether it allows or denies", () => {
    const meter = new StepMeter();
    const uncovered = without(aliceLetsMailbot, tuplesOf("delegation:d1#tool@tool:read"));
    const steps = [aliceLetsMailbot, uncovered].map((world) => {
      const before = meter.steps;
      decided(authorize(viewOf(stock, world), call(), defaultLimits, undefined, meter));
      return meter.steps - before;
    });
    assert.ok(
      steps.every((taken) => taken > 0),
      steps.join(),
    );
    assert.equal(
      meter.steps,
      steps.reduce((sum, taken) => sum + taken),
    );
  });

  test("names the reasons in their order", () => {
    const steps: readonly (readonly [
      string,
      readonly RelationTuple[],
      readonly RelationTuple[],
    ])[] = [
      ["not_eligible", [], tuplesOf("tool:read#eligible@agent:*")],
      ["session_mismatch", [], tuplesOf("delegation:d1#session@session:*")],
      [
        "condition_failed",
        [conditional("delegation:d1#tool@tool:read", { amount: 99 })],
        tuplesOf("delegation:d1#tool@tool:read"),
      ],
      ["resource_not_covered", [], tuplesOf("delegation:d1#resource@document:plan")],
      ["tool_not_covered", [], tuplesOf("delegation:d1#tool@tool:read")],
      ["chain_broken", [], tuplesOf("delegation:d1#delegator@user:alice")],
      ["delegation_suspended", tuplesOf("delegation:d1#suspended@suspension:s1"), []],
      [
        "delegation_expired",
        [expiring("delegation:d1#principal@user:alice", noon)],
        tuplesOf("delegation:d1#principal@user:alice"),
      ],
      ["no_delegation", [], tuplesOf("delegation:d1#delegate@agent:mailbot")],
      ["principal_lacks_permission", [], tuplesOf("document:plan#viewer@user:alice")],
      ["access_missing", tuplesOf("tool:read#requires@permission:folder/viewer"), []],
      [
        "access_unregistered",
        tuplesOf("tool:read#requires@permission:folder/viewer/target"),
        tuplesOf("tool:read#requires@permission:document/viewer"),
      ],
      [
        "tool_unregistered",
        [],
        tuplesOf(
          "tool:read#requires@permission:folder/viewer",
          "tool:read#requires@permission:folder/viewer/target",
        ),
      ],
      ["suspended", tuplesOf("user:alice#suspended@suspension:s1"), []],
    ];
    let world = aliceLetsMailbot;
    for (const [reason, added, removed] of steps) {
      world = [...without(world, removed), ...added];
      assert.equal(reasonOf(ask({}, world)), reason);
    }
  });

  test("is suspended by a suspension on any party, or on what the resource is within", () => {
    const parties = [
      "user:alice",
      "agent:mailbot",
      "tool:read",
      "mcp_server:files",
      "document:plan",
      "folder:work",
    ];
    for (const party of parties) {
      const world = [...aliceLetsMailbot, ...tuplesOf(`${party}#suspended@suspension:s1`)];
      assert.equal(reasonOf(ask({}, world)), "suspended", party);
    }
  });

  test("counts a suspension until it is surely over", () => {
    const world = [...aliceLetsMailbot, expiring("tool:read#suspended@suspension:s1", noon)];
    assert.equal(reasonOf(ask({}, world, noon - 1, noon + 1)), "suspended");
    assert.equal(ask({}, world, noon, noon + 1).kind, "allowed");
  });

  test("lets a delegation end as soon as it may be over, and says when", () => {
    const world = [
      ...without(aliceLetsMailbot, tuplesOf("delegation:d1#delegate@agent:mailbot")),
      expiring("delegation:d1#delegate@agent:mailbot", noon),
    ];
    assert.deepEqual(ask({}, world, noon - 2, noon - 1), {
      kind: "allowed",
      delegationIds: ["d1"],
      validUntilMs: noon,
    });
    assert.equal(reasonOf(ask({}, world, noon - 1, noon)), "delegation_expired");
  });

  test("covers by a wildcard, a toolset, a server or a folder", () => {
    const covering = [
      ["delegation:d1#tool@tool:read", "delegation:d1#tool@tool:*"],
      ["delegation:d1#tool@tool:read", "delegation:d1#tool@mcp_server:files"],
      ["delegation:d1#resource@document:plan", "delegation:d1#resource@document:*"],
      ["delegation:d1#resource@document:plan", "delegation:d1#resource@folder:work"],
    ] as const;
    for (const [removed, added] of covering) {
      const world = [...without(aliceLetsMailbot, tuplesOf(removed)), ...tuplesOf(added)];
      assert.equal(ask({}, world).kind, "allowed", added);
    }
  });

  test("does not add two delegations up", () => {
    const world = [
      ...without(aliceLetsMailbot, tuplesOf("delegation:d1#resource@document:plan")),
      ...single("d2", "user:alice", "user:alice", "agent:mailbot"),
      ...tuplesOf("delegation:d2#resource@document:plan"),
    ];
    assert.equal(reasonOf(ask({}, world)), "split_coverage");
  });

  test("takes the first of several chains in the order of bytes", () => {
    const world = [...aliceLetsMailbot, ...whole("d0")];
    assert.deepEqual(ask({}, world), { kind: "allowed", delegationIds: ["d0"] });
    assert.deepEqual(ask({ delegationId: "d1" }, world), {
      kind: "allowed",
      delegationIds: ["d1"],
    });
    assert.equal(reasonOf(ask({ delegationId: "d2" }, world)), "no_delegation");
  });

  test("says of a condition that is not met that it failed, and of a missing name which", () => {
    const world = [
      ...without(aliceLetsMailbot, tuplesOf("delegation:d1#tool@tool:read")),
      conditional("delegation:d1#tool@tool:read"),
    ];
    assert.equal(reasonOf(ask({ context: { amount: 12 } }, world)), "condition_failed");
    assert.equal(ask({ context: { amount: 3 } }, world).kind, "allowed");
    assert.deepEqual(ask({}, world), {
      kind: "denied",
      reason: "context_missing",
      missingNames: ["amount"],
      delegationIds: ["d1"],
      detail: "the answer hangs on parameters that the call does not give",
    });
  });

  test("shows an access's own context to the conditions on its resource, not on the tool", () => {
    const amount = { context: { amount: 3 } };
    const onResource = [
      ...without(aliceLetsMailbot, tuplesOf("delegation:d1#resource@document:plan")),
      conditional("delegation:d1#resource@document:plan"),
    ];
    assert.equal(ask({ accesses: [access(amount)] }, onResource).kind, "allowed");
    const onTool = [
      ...without(aliceLetsMailbot, tuplesOf("delegation:d1#tool@tool:read")),
      conditional("delegation:d1#tool@tool:read"),
    ];
    assert.equal(reasonOf(ask({ accesses: [access(amount)] }, onTool)), "context_missing");
  });

  test("tests a permission that the access names beside those that are required", () => {
    const named = { accesses: [access({ permission: parseName("blocked", "permission") })] };
    assert.equal(reasonOf(ask(named)), "principal_lacks_permission");
    const unheard = { accesses: [access({ permission: parseName("owner", "permission") })] };
    assert.deepEqual(ask(unheard).kind, "error");
  });

  test("lets a tool with permission:none touch nothing", () => {
    const world = [
      ...without(aliceLetsMailbot, tuplesOf("tool:read#requires@permission:document/viewer")),
      ...tuplesOf("tool:read#requires@permission:none"),
    ];
    assert.equal(ask({ accesses: [] }, world).kind, "allowed");
    assert.equal(reasonOf(ask({}, world)), "access_unregistered");
    const fromServer = [
      ...without(aliceLetsMailbot, tuplesOf("tool:read#requires@permission:document/viewer")),
      ...tuplesOf("mcp_server:files#requires@permission:none"),
    ];
    assert.equal(reasonOf(ask({ accesses: [] }, fromServer)), "tool_unregistered");
  });

  test("asks permissions on the tool and its server without an access", () => {
    for (const [required, held] of [
      ["permission:tool/user", "tool:read#user@user:alice"],
      ["permission:mcp_server/user", "mcp_server:files#user@user:alice"],
    ] as const) {
      const world = [...aliceLetsMailbot, ...tuplesOf(`tool:read#requires@${required}`)];
      assert.equal(reasonOf(ask({}, world)), "principal_lacks_permission", required);
      assert.equal(ask({}, [...world, ...tuplesOf(held)]).kind, "allowed", required);
    }
  });

  test("asks for an access in every required role but the optional ones", () => {
    const optional = [
      ...aliceLetsMailbot,
      ...tuplesOf("tool:read#requires@permission:folder/viewer/target?"),
    ];
    assert.equal(ask({}, optional).kind, "allowed");
    const required = [
      ...aliceLetsMailbot,
      ...tuplesOf("tool:read#requires@permission:folder/viewer/target"),
    ];
    assert.equal(reasonOf(ask({}, required)), "access_missing");
  });

  test("fails on a required permission that the model does not have", () => {
    const world = [
      ...without(aliceLetsMailbot, tuplesOf("tool:read#requires@permission:document/viewer")),
      ...tuplesOf("tool:read#requires@permission:document/owner"),
    ];
    const answer = ask({}, world);
    assert.equal(answer.kind === "error" && answer.code, "model_mismatch");
  });

  test("takes facts about where a resource lies, and no others", () => {
    const world = [
      ...without(
        aliceLetsMailbot,
        tuplesOf(
          "document:plan#parent@folder:work",
          "delegation:d1#resource@document:plan",
          "document:plan#viewer@user:alice",
        ),
      ),
      ...tuplesOf("delegation:d1#resource@folder:work", "folder:work#viewer@user:alice"),
    ];
    const fact = { contextualTuples: tuplesOf("document:plan#parent@folder:work") };
    assert.equal(reasonOf(ask({}, world)), "principal_lacks_permission");
    assert.equal(ask(fact, world).kind, "allowed");
    for (const refused of ["document:plan#viewer@user:alice", "folder:work#parent@folder:top"]) {
      const answer = ask({ contextualTuples: tuplesOf(refused) }, world);
      assert.equal(answer.kind === "error" && answer.code, "tuple_refused", refused);
    }
    const stored = [...world, ...tuplesOf("document:plan#parent@folder:other")];
    const answer = ask(fact, stored);
    assert.equal(answer.kind === "error" && answer.code, "tuple_refused");
  });

  test("answers with an error where the budget ends, unless something fails for certain", () => {
    const short = { ...defaultLimits, stepsMax: 5 };
    const answer = ask({}, aliceLetsMailbot, noon, noon, short);
    assert.equal(answer.kind === "error" && answer.code, "budget_exceeded");
    const world = [...aliceLetsMailbot, ...tuplesOf("user:alice#suspended@suspension:s1")];
    assert.equal(reasonOf(ask({}, world, noon, noon, short)), "suspended");
  });

  test("has no meaning under a model without delegations", () => {
    const model = parseModel("model\n  schema 1.1\ntype user\n");
    const answer = decided(authorize(viewOf(model, []), call(), defaultLimits));
    assert.equal(answer.kind === "error" && answer.code, "no_delegations");
  });
});
