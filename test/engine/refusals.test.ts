import assert from "node:assert/strict";
import { suite, test } from "node:test";
import type { Call } from "../../src/core/decision.ts";
import { parseName } from "../../src/core/object.ts";
import { subjectOf, type Subject } from "../../src/core/subject.ts";
import { authorize } from "../../src/engine/authorize.ts";
import { checkRelation } from "../../src/engine/check.ts";
import { expand } from "../../src/engine/expand.ts";
import { defaultLimits } from "../../src/engine/limits.ts";
import { listTools } from "../../src/engine/list-tools.ts";
import { parseModel } from "../../src/model/parse-model.ts";
import { decided, object, tuplesOf, viewOf } from "../support/graphs.ts";
import { access, agents, ask, call, longChain } from "./delegated-call.ts";
import { aliceLetsMailbot, stock } from "./stock-model.ts";

const viewer = parseName("viewer", "relation");

/** What is wrong with the parties of a call, for a check and for a list of tools alike. */
const badParties: readonly (readonly [string, Partial<Call>, string, string])[] = [
  ["no actor", { actors: [] }, "malformed", "actors must be 1 to 8"],
  ["nine actors", { actors: agents(9) }, "malformed", "actors must be 1 to 8"],
  [
    "two actors of a partial chain",
    { actors: agents(2), partialChain: true },
    "malformed",
    "with a partial chain, actors must be the last one alone",
  ],
  [
    "a principal of an unknown type",
    { principal: object("robot:r2") },
    "unknown_type",
    "the model has no type for `robot:r2`",
  ],
  [
    "an actor of an unknown type, after one of a known",
    { actors: [object("agent:mailbot"), object("robot:r2")] },
    "unknown_type",
    "the model has no type for `robot:r2`",
  ],
  [
    "a session of an unknown type",
    { session: object("visit:v1") },
    "unknown_type",
    "the model has no type for `visit:v1`",
  ],
];

suite("a call that does not fit the model", () => {
  const cases: typeof badParties = [
    ...badParties,
    [
      "a tool that is none",
      { tool: object("toolset:office") },
      "malformed",
      "tool must be of type `tool`",
    ],
    [
      "a resource of an unknown type, after one of a known",
      { accesses: [access(), access({ resource: object("mailbox:alice") })] },
      "unknown_type",
      "the model has no type for `mailbox:alice`",
    ],
    [
      "a permission on a resource of an unknown type",
      { accesses: [access({ resource: object("mailbox:alice"), permission: viewer })] },
      "unknown_type",
      "the model has no type for `mailbox:alice`",
    ],
    [
      "a permission that the resource's type does not have",
      { accesses: [access({ permission: parseName("owner", "relation") })] },
      "unknown_relation",
      "the model has no relation `owner` on type `document`",
    ],
  ];
  for (const [what, changes, code, detail] of cases) {
    test(`is an error: ${what}`, () => {
      assert.deepEqual(ask(changes), { kind: "error", code, detail });
    });
  }

  test("eight actors are not too many, and one of a partial chain is enough", () => {
    assert.equal(ask({ actors: agents(8) }, longChain(8)).kind, "allowed");
    assert.equal(ask({ partialChain: true }).kind, "allowed");
  });

  for (const [what, changes, code, detail] of badParties) {
    test(`is an error when tools are listed: ${what}`, () => {
      const query = { ...call(changes), limit: 10 };
      const answer = decided(listTools(viewOf(stock, aliceLetsMailbot), query, defaultLimits));
      assert.deepEqual(answer, { kind: "error", code, detail });
    });
  }

  test("needs a model with delegations", () => {
    const plain = viewOf(parseModel("model\n  schema 1.1\ntype user\ntype document\n"), []);
    const answer = {
      kind: "error",
      code: "no_delegations",
      detail: "the active model defines no type `delegation`",
    };
    assert.deepEqual(decided(authorize(plain, call(), defaultLimits)), answer);
    // What else is wrong with it is not said: there is no such call.
    assert.deepEqual(decided(authorize(plain, call({ actors: [] }), defaultLimits)), answer);
    const query = { ...call(), limit: 10 };
    assert.deepEqual(decided(listTools(plain, query, defaultLimits)), answer);
  });
});

suite("a question about a relation that the model does not have", () => {
  const view = viewOf(stock, aliceLetsMailbot);
  const alice = subjectOf(object("user:alice"));
  const ends = { context: {}, contextualTuples: [] };

  test("names the type or the relation", () => {
    const cases: readonly (readonly [string, string, string, string])[] = [
      ["mailbox:m", "viewer", "unknown_type", "the model has no type `mailbox`"],
      [
        "document:plan",
        "owner",
        "unknown_relation",
        "the model has no relation `owner` on type `document`",
      ],
    ];
    for (const [of, relation, code, detail] of cases) {
      const query = { object: object(of), relation: parseName(relation, "relation"), ...ends };
      const answer = { kind: "error", code, detail };
      assert.deepEqual(
        decided(checkRelation(view, { ...query, subject: alice }, defaultLimits)),
        answer,
      );
      assert.deepEqual(decided(expand(view, { ...query, depth: 1 }, defaultLimits)), answer);
    }
  });

  test("names the subject", () => {
    const subjects: readonly (readonly [string, Subject])[] = [
      ["robot:r2", subjectOf(object("robot:r2"))],
      ["robot:*", { kind: "wildcard", type: parseName("robot", "type") }],
      [
        "robot:r2#member",
        { kind: "userset", object: object("robot:r2"), relation: parseName("member", "relation") },
      ],
      [
        "group:eng#owner",
        { kind: "userset", object: object("group:eng"), relation: parseName("owner", "relation") },
      ],
    ];
    for (const [text, subject] of subjects) {
      const query = { object: object("document:plan"), relation: viewer, subject, ...ends };
      assert.deepEqual(decided(checkRelation(view, query, defaultLimits)), {
        kind: "error",
        code: "unknown_type",
        detail: `the model has no type or relation for subject \`${text}\``,
      });
    }
  });
});

suite("what a tool requires", () => {
  test("fails the call where it is no permission of the model, and says which", () => {
    const cases: readonly (readonly [string, string])[] = [
      ["nonsense", "`nonsense` is required and is no permission"],
      ["document/owner", "the model has no relation `owner` on type `document`"],
      ["tool/owner", "the model has no relation `owner` on type `tool`"],
      ["mcp_server/owner", "the model has no relation `owner` on type `mcp_server`"],
    ];
    for (const [permission, detail] of cases) {
      const world = [
        ...aliceLetsMailbot,
        ...tuplesOf(`tool:read#requires@permission:${permission}`),
      ];
      assert.deepEqual(ask({}, world), { kind: "error", code: "model_mismatch", detail });
    }
  });

  test("is read once a model and forgotten at a limit, which changes nothing", () => {
    const view = viewOf(stock, [
      ...aliceLetsMailbot,
      ...tuplesOf("tool:read#requires@permission:document/viewer/role?"),
    ]);
    for (let index = 0; index < 5_000; index += 1) {
      const read = view.plan.permissions.read(`document/viewer/role${index}`);
      assert.equal(read.kind === "relation" && read.required.role, `role${index}`);
      if (index % 1_000 === 0) {
        assert.equal(decided(authorize(view, call(), defaultLimits)).kind, "allowed");
        assert.equal(view.plan.permissions.read("nonsense").kind, "malformed");
        assert.equal(view.plan.permissions.read("none").kind, "none");
      }
    }
  });
});
