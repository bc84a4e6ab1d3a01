import assert from "node:assert/strict";
import { suite, test } from "node:test";
import type { Call, Explanation } from "../../src/core/decision.ts";
import type { RelationTuple } from "../../src/core/tuple.ts";
import { explainCall } from "../../src/engine/explain.ts";
import { defaultLimits } from "../../src/engine/limits.ts";
import { parseModel } from "../../src/model/parse-model.ts";
import { formatModel } from "../../src/model/format-model.ts";
import { decided, expiring, noon, object, tuplesOf, viewOf } from "../support/graphs.ts";
import {
  access,
  ask,
  call,
  chained,
  conditional,
  single,
  toHelper,
  without,
} from "./delegated-call.ts";
import { aliceLetsMailbot, stock } from "./stock-model.ts";

interface Denial {
  readonly added?: readonly RelationTuple[];
  readonly removed?: readonly string[];
  readonly changes?: Partial<Call>;
  readonly says: string;
}

const inSession: Partial<Call> = { session: object("session:s1") };
const ends = tuplesOf("session:s1#principal@user:alice", "session:s1#actor@agent:mailbot");

/** Each breaks one thing about a call that is allowed otherwise. */
const denials: readonly Denial[] = [
  ...[
    "user:alice",
    "agent:mailbot",
    "tool:read",
    "mcp_server:files",
    "document:plan",
    "folder:work",
  ].map((party): Denial => ({
    added: tuplesOf(`${party}#suspended@suspension:s`),
    says: `suspended: \`${party}\` is suspended`,
  })),
  {
    changes: inSession,
    added: [...ends, ...tuplesOf("session:s1#suspended@suspension:s")],
    says: "suspended: `session:s1` is suspended",
  },
  {
    removed: ["tool:read#requires@permission:document/viewer"],
    says: "tool_unregistered: `tool:read` requires no permission",
  },
  {
    changes: { accesses: [access(), access({ resource: object("folder:work") })] },
    says: "access_unregistered: the tool requires nothing for `folder:work`",
  },
  {
    changes: { accesses: [access({ role: "source" })] },
    says: "access_unregistered: the tool requires nothing for `document:plan` in role `source`",
  },
  {
    changes: { accesses: [] },
    says: "access_missing: the call has no access to a `document`",
  },
  {
    added: tuplesOf("tool:read#requires@permission:folder/viewer/target"),
    says: "access_missing: the call has no access to a `folder` in role `target`",
  },
  {
    // With a role it is no permission of the tool's own: an access must bring it.
    added: tuplesOf("tool:read#requires@permission:tool/user/target", "tool:read#user@user:alice"),
    says: "access_missing: the call has no access to a `tool` in role `target`",
  },
  {
    changes: { accesses: [] },
    added: tuplesOf("mcp_server:files#requires@permission:none"),
    removed: ["tool:read#requires@permission:document/viewer"],
    says: "tool_unregistered: `tool:read` requires no permission",
  },
  {
    added: tuplesOf("tool:read#requires@permission:none"),
    removed: ["tool:read#requires@permission:document/viewer"],
    says: "access_unregistered: the tool requires nothing for `document:plan`",
  },
  {
    changes: { accesses: [] },
    added: tuplesOf("tool:read#requires@permission:none"),
    says: "access_missing: the call has no access to a `document`",
  },
  {
    removed: ["document:plan#viewer@user:alice"],
    says: "principal_lacks_permission: `user:alice` is not `viewer` of `document:plan`",
  },
  {
    added: tuplesOf("document:plan#blocked@user:alice"),
    says: "principal_lacks_permission: `user:alice` is not `viewer` of `document:plan`",
  },
  {
    added: tuplesOf("tool:read#requires@permission:tool/user"),
    says: "principal_lacks_permission: `user:alice` is not `user` of `tool:read`",
  },
  {
    added: tuplesOf("tool:read#requires@permission:mcp_server/user"),
    says: "principal_lacks_permission: `user:alice` is not `user` of `mcp_server:files`",
  },
  {
    added: tuplesOf("tool:read#requires@permission:mcp_server/user"),
    removed: ["tool:read#server@mcp_server:files"],
    says: "principal_lacks_permission: `user:alice` is not `user` of `tool:read`",
  },
  {
    removed: ["delegation:d1#delegate@agent:mailbot"],
    says: "no_delegation: the principal has delegated nothing to the actor",
  },
  {
    added: [expiring("delegation:d1#delegator@user:alice", noon)],
    removed: ["delegation:d1#delegator@user:alice"],
    says: "delegation_expired: `delegation:d1` is expired",
  },
  {
    added: tuplesOf("delegation:d1#suspended@suspension:s"),
    says: "delegation_suspended: `delegation:d1` is suspended",
  },
  {
    added: tuplesOf("delegation:d1#delegator@user:bob"),
    says: "chain_broken: `delegation:d1` does not continue the chain from the principal",
  },
  {
    changes: { actors: [object("agent:other"), object("agent:mailbot")] },
    says: "chain_broken: the delegates of the chain are not the actors of the call",
  },
  {
    removed: ["delegation:d1#tool@tool:read"],
    says: "tool_not_covered: the delegation does not cover `tool:read`",
  },
  {
    removed: ["delegation:d1#resource@document:plan"],
    says: "resource_not_covered: the delegation does not cover `document:plan`",
  },
  {
    added: [
      ...single("d2", "user:alice", "user:alice", "agent:mailbot"),
      ...tuplesOf("delegation:d2#tool@tool:read"),
    ],
    removed: ["delegation:d1#tool@tool:read"],
    says: "split_coverage: several delegations cover the call only together, and they do not add up",
  },
  {
    added: [conditional("delegation:d1#tool@tool:read", { amount: 10 })],
    removed: ["delegation:d1#tool@tool:read"],
    says: "condition_failed: the delegation covers the call under a condition that is not met",
  },
  {
    removed: ["delegation:d1#session@session:*"],
    says: "session_mismatch: `delegation:d1` does not let in a call without a session",
  },
  {
    changes: inSession,
    added: ends,
    removed: ["delegation:d1#session@session:*"],
    says: "session_mismatch: `delegation:d1` does not let in `session:s1`",
  },
  {
    changes: inSession,
    added: tuplesOf("session:s1#principal@user:alice"),
    says: "session_mismatch: `session:s1` is not a session of `agent:mailbot`",
  },
  {
    changes: inSession,
    added: tuplesOf("session:s1#actor@agent:mailbot"),
    says: "session_mismatch: `session:s1` is not a session of `user:alice`",
  },
  {
    removed: ["tool:read#eligible@agent:*"],
    says: "not_eligible: `agent:mailbot` is not eligible for `tool:read`",
  },
];

suite("a denial", () => {
  for (const { added = [], removed = [], changes = {}, says } of denials) {
    test(`says ${says}`, () => {
      const world = [...without(aliceLetsMailbot, tuplesOf(...removed)), ...added];
      const answer = ask(changes, world);
      assert.ok(answer.kind === "denied", JSON.stringify(answer));
      assert.equal(`${answer.reason}: ${answer.detail}`, says);
    });
  }

  test("says which link of a chain is in the way", () => {
    const cases: readonly Denial[] = [
      {
        removed: ["delegation:d1#delegable_to@agent:helper"],
        says: "`delegation:d1` is not delegable to `agent:helper`",
      },
      {
        added: tuplesOf("delegation:d2#suspended@suspension:s"),
        says: "`delegation:d2` is suspended",
      },
      {
        removed: ["delegation:d2#tool@tool:read"],
        says: "the delegation does not cover `tool:read`",
      },
      {
        added: [expiring("delegation:d2#delegate@agent:helper", noon - 1)],
        removed: ["delegation:d2#delegate@agent:helper"],
        says: "`delegation:d2` is expired",
      },
      {
        added: tuplesOf("delegation:d2#parent@delegation:d9"),
        says: "`delegation:d2` does not continue the chain from the principal",
      },
      {
        added: tuplesOf("delegation:d2#principal@user:bob"),
        says: "`delegation:d2` does not continue the chain from the principal",
      },
      {
        added: tuplesOf("delegation:d1#principal@user:bob"),
        removed: ["delegation:d1#principal@user:alice"],
        says: "`delegation:d1` does not continue the chain from the principal",
      },
      {
        added: tuplesOf("delegation:d2#delegate@agent:third"),
        says: "`delegation:d2` does not continue the chain from the principal",
      },
    ];
    assert.equal(ask(toHelper, chained).kind, "allowed");
    for (const { added = [], removed = [], says } of cases) {
      const answer = ask(toHelper, [...without(chained, tuplesOf(...removed)), ...added]);
      assert.equal(answer.kind === "denied" && answer.detail, says);
    }
  });

  test("says that a delegator whom the call does not name is suspended", () => {
    const changes = { actors: [object("agent:helper")], partialChain: true };
    const world = [...chained, ...tuplesOf("agent:mailbot#suspended@suspension:s")];
    assert.equal(ask(changes, chained).kind, "allowed");
    const answer = ask(changes, world);
    assert.ok(answer.kind === "denied", JSON.stringify(answer));
    assert.equal(answer.reason, "delegation_suspended");
    assert.equal(answer.detail, "`agent:mailbot` is suspended");
  });

  test("on the tool's server names the server, where eligibility is asked of it", () => {
    const text = formatModel(stock).replace(
      "type mcp_server\n  relations\n",
      "type mcp_server\n  relations\n    define eligible: [agent, agent:*]\n",
    );
    const model = parseModel(text);
    const verdict = (tuples: readonly RelationTuple[]): Explanation =>
      decided(explainCall(viewOf(model, tuples), call(), defaultLimits)).explanation;
    const refused = verdict(aliceLetsMailbot);
    assert.equal(
      refused.detail,
      "not_eligible: `agent:mailbot` is not eligible for `mcp_server:files`",
    );
    const fit = [...aliceLetsMailbot, ...tuplesOf("mcp_server:files#eligible@agent:mailbot")];
    assert.equal(verdict(fit).outcome, "yes");
    const second = [...fit, ...tuplesOf("tool:read#server@mcp_server:more")];
    assert.equal(
      verdict(second).detail,
      "not_eligible: `agent:mailbot` is not eligible for `mcp_server:more`",
    );
    const unfit = without(fit, tuplesOf("tool:read#eligible@agent:*"));
    assert.equal(
      verdict(unfit).detail,
      "not_eligible: `agent:mailbot` is not eligible for `tool:read`",
    );
  });
});

suite("an allowed call", () => {
  test("holds until the first of what it rests on expires, whichever that is", () => {
    const world = [
      ...chained,
      ...ends.slice(0, 1),
      ...tuplesOf("session:s1#actor@agent:helper", "tool:read#requires@permission:tool/user"),
      ...tuplesOf("tool:read#requires@permission:mcp_server/user", "tool:read#user@user:alice"),
      ...tuplesOf("mcp_server:files#user@group:g#member", "group:g#member@user:alice"),
    ];
    const own = ["tool", "mcp_server"].map((of) => `tool:read#requires@permission:${of}/user`);
    const unneeded = [
      "document:plan#parent@folder:work",
      "delegation:d2#parent@delegation:d1",
      ...own,
    ];
    const changes = { ...toHelper, session: object("session:s1") };
    assert.equal(ask(changes, world).kind, "allowed");
    for (const tuple of without(world, tuplesOf(...unneeded))) {
      const others = world.filter((each) => each !== tuple);
      const until = (expiresAtMs: number) => ask(changes, [...others, { ...tuple, expiresAtMs }]);
      assert.notEqual(until(noon).kind, "allowed", JSON.stringify(tuple));
      assert.deepEqual(until(noon + 5), {
        kind: "allowed",
        delegationIds: ["d1", "d2"],
        validUntilMs: noon + 5,
      });
    }
  });

  test("needs no permission where the tool says so itself, standing alone, until that ends", () => {
    const bare = without(
      aliceLetsMailbot,
      tuplesOf("tool:read#requires@permission:document/viewer"),
    );
    const none = "tool:read#requires@permission:none";
    const changes = { accesses: [] };
    const allowed = { kind: "allowed", delegationIds: ["d1"] };
    assert.deepEqual(ask(changes, [...bare, ...tuplesOf(none)]), allowed);
    const both = tuplesOf(none, "mcp_server:files#requires@permission:none");
    assert.deepEqual(ask(changes, [...bare, ...both]), allowed);
    const ending = { ...allowed, validUntilMs: noon + 5 };
    assert.deepEqual(ask(changes, [...bare, expiring(none, noon + 5)]), ending);
    const over = [...bare, expiring(none, noon + 5)];
    assert.equal(ask(changes, over, noon + 4, noon + 5).kind, "denied");
  });

  test("rests on the way up to what is delegated, and on what the tool requires", () => {
    const required = "tool:read#requires@permission:document/viewer";
    const rest = without(
      aliceLetsMailbot,
      tuplesOf(
        "delegation:d1#resource@document:plan",
        "document:plan#parent@folder:work",
        required,
      ),
    );
    const world = [
      ...rest,
      ...tuplesOf("delegation:d1#resource@folder:work"),
      expiring("document:plan#parent@folder:work", noon + 9),
    ];
    const until = (tuples: readonly RelationTuple[]): unknown => {
      const answer = ask({}, tuples);
      return answer.kind === "allowed" ? answer.validUntilMs : answer;
    };
    assert.equal(until([...world, expiring(required, noon + 7)]), noon + 7);
    assert.equal(until([...world, ...tuplesOf(required)]), noon + 9);
  });

  test("holds for ever, whatever expires beside it, though it be something required", () => {
    const beside = [
      expiring("tool:read#requires@permission:tool/user", noon + 5),
      expiring("tool:read#requires@permission:document/viewer/role?", noon + 5),
      expiring("tool:read#server@mcp_server:old", noon + 5),
      ...tuplesOf("tool:read#user@user:alice"),
      expiring("document:plan#parent@folder:work", noon + 5),
      expiring("document:plan#viewer@user:bob", noon + 5),
      expiring("document:plan#blocked@user:bob", noon + 5),
      expiring("user:alice#suspended@suspension:over", noon),
      expiring("agent:mailbot#suspended@suspension:over", noon - 1),
      expiring("delegation:d9#tool@tool:read", noon + 5),
    ];
    const world = [
      ...without(aliceLetsMailbot, tuplesOf("document:plan#parent@folder:work")),
      ...beside,
    ];
    assert.deepEqual(ask({}, world), { kind: "allowed", delegationIds: ["d1"] });
  });
});
