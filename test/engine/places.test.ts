import assert from "node:assert/strict";
import { suite, test } from "node:test";
import type { Call } from "../../src/core/decision.ts";
import type { JsonObject } from "../../src/core/json.ts";
import { parseName } from "../../src/core/object.ts";
import type { RelationTuple } from "../../src/core/tuple.ts";
import { authorize, type AuthorizeAnswer } from "../../src/engine/authorize.ts";
import { defaultLimits } from "../../src/engine/limits.ts";
import type { AuthorizationModel } from "../../src/model/authorization-model.ts";
import { formatModel } from "../../src/model/format-model.ts";
import { parseModel } from "../../src/model/parse-model.ts";
import { decided, object, tuplesOf, viewOf } from "../support/graphs.ts";
import { access, call, conditional, reasonOf } from "./delegated-call.ts";
import { aliceLetsMailbot, stock } from "./stock-model.ts";

/** The stock model, in which the folder of a document may hang on a condition. */
const uncertain = changed("define parent: [folder]", "define parent: [folder, folder with small]");

suite("a resource of a type that lies in nothing", () => {
  const team = access({ resource: object("group:team") });
  const world = [
    ...aliceLetsMailbot,
    ...tuplesOf(`
      tool:read#requires@permission:group/member
      group:team#member@user:alice
    `),
  ];

  test("is covered where a delegation names it, and by nothing else", () => {
    const model = changed("define resource: [", "define resource: [group, ");
    const covered = [...world, ...tuplesOf("delegation:d1#resource@group:team")];
    const accesses = [access(), team];
    assert.equal(ask({ accesses }, covered, model).kind, "allowed");
    assert.equal(reasonOf(ask({ accesses }, world, model)), "resource_not_covered");
  });

  test("hides no suspension of those that follow", () => {
    const suspended = [...world, ...tuplesOf("folder:work#suspended@suspension:s")];
    assert.equal(reasonOf(ask({ accesses: [team, access()] }, suspended)), "suspended");
  });
});

suite("each of several resources", () => {
  test("may be what is suspended", () => {
    const ids = ["a", "b", "c"];
    const world = [
      ...aliceLetsMailbot,
      ...ids.flatMap((id) =>
        tuplesOf(
          `document:${id}#viewer@user:alice`,
          `document:${id}#parent@folder:${id}`,
          `delegation:d1#resource@document:${id}`,
        ),
      ),
    ];
    const accesses = ids.map((id) => access({ resource: object(`document:${id}`) }));
    assert.equal(ask({ accesses }, world).kind, "allowed");
    for (const id of ids) {
      for (const type of ["document", "folder"]) {
        const suspended = [...world, ...tuplesOf(`${type}:${id}#suspended@suspension:s`)];
        assert.equal(reasonOf(ask({ accesses }, suspended)), "suspended", `${type}:${id}`);
      }
    }
  });
});

suite("the context of an access", () => {
  test("is shown to the conditions on which the principal has the permission", () => {
    const onSite = { name: parseName("on_site", "condition"), context: {} };
    const world = aliceLetsMailbot.map((tuple) =>
      tuple.relation === "viewer" ? { ...tuple, condition: onSite } : tuple,
    );
    const at = (context: JsonObject) => ask({ accesses: [access({ context })] }, world);
    assert.equal(at({ place: "office" }).kind, "allowed");
    assert.equal(reasonOf(at({ place: "home" })), "principal_lacks_permission");
    const unsaid = at({});
    assert.deepEqual(unsaid.kind === "denied" && unsaid.missingNames, ["place"]);
  });
});

suite("a folder in which a document lies on a condition", () => {
  const world = [...aliceLetsMailbot, conditional("document:plan#parent@folder:maybe")];

  test("suspends the document if it is suspended, or asks for what the condition needs", () => {
    const suspended = [...world, ...tuplesOf("folder:maybe#suspended@suspension:s")];
    const answer = ask({}, suspended, uncertain);
    assert.equal(answer.kind === "denied" && answer.reason, "context_missing");
    assert.deepEqual(answer.kind === "denied" && answer.missingNames, ["amount"]);
    assert.equal(reasonOf(ask({ context: { amount: 1 } }, suspended, uncertain)), "suspended");
    assert.equal(ask({ context: { amount: 99 } }, suspended, uncertain).kind, "allowed");
    assert.equal(ask({}, world, uncertain).kind, "allowed");
  });

  test("covers the document, or asks for what the condition needs", () => {
    const covering = [
      ...world.filter(({ relation }) => relation !== "resource"),
      ...tuplesOf("delegation:d1#resource@folder:maybe"),
    ];
    const answer = ask({}, covering, uncertain);
    assert.deepEqual(answer.kind === "denied" && answer.missingNames, ["amount"]);
    assert.equal(ask({ context: { amount: 1 } }, covering, uncertain).kind, "allowed");
    const denied = ask({ context: { amount: 99 } }, covering, uncertain);
    assert.equal(reasonOf(denied), "condition_failed");
  });
});

suite("the parameters that a cover hangs on", () => {
  test("are not those of places that would not cover anyway", () => {
    const model = parseModel(
      formatModel(uncertain).replace("document with small]", "document with on_site]"),
    );
    const onSite = { name: parseName("on_site", "condition"), context: {} };
    const world = aliceLetsMailbot.map((tuple) =>
      tuple.relation === "resource" ? { ...tuple, condition: onSite } : tuple,
    );
    const answer = ask({}, [...world, conditional("document:plan#parent@folder:maybe")], model);
    assert.deepEqual(answer.kind === "denied" && answer.missingNames, ["place"]);
  });
});

suite("a folder that holds everything", () => {
  test("is an error, for what it holds cannot be enumerated", () => {
    const model = changed(
      /(type folder[^]*?)define within: [^\n]*/,
      "$1define within: [folder, folder:*]",
    );
    const world = [...aliceLetsMailbot, ...tuplesOf("folder:work#within@folder:*")];
    assert.deepEqual(ask({}, world, model), {
      kind: "error",
      code: "budget_exceeded",
      detail: "`folder#within` holds a wildcard, which cannot be enumerated",
    });
    const named = [...aliceLetsMailbot, ...tuplesOf("folder:work#within@folder:all")];
    assert.equal(ask({}, named, model).kind, "allowed");
  });
});

suite("a condition that costs too much", () => {
  test("is an error of the budget, not of the question", () => {
    const model = changed(
      "condition small(amount: int) {\n  amount < 10\n}",
      "condition small(amount: list<int>) {\n  amount.all(x, amount.all(y, x + y < 10))\n}",
    );
    const world = [
      ...aliceLetsMailbot.filter(({ relation }) => relation !== "tool"),
      conditional("delegation:d1#tool@tool:read"),
    ];
    const amounts = (count: number) => Array.from({ length: count }, () => 1);
    assert.equal(ask({ context: { amount: amounts(3) } }, world, model).kind, "allowed");
    const answer = ask({ context: { amount: amounts(10_000) } }, world, model);
    assert.equal(answer.kind === "error" && answer.code, "budget_exceeded");
    assert.match(answer.kind === "error" ? answer.detail : "", /^condition `small`: ./);
  });

  test("that fails is an error of the question", () => {
    const model = changed("amount < 10", "10 / amount > 1");
    const world = [
      ...aliceLetsMailbot.filter(({ relation }) => relation !== "tool"),
      conditional("delegation:d1#tool@tool:read"),
    ];
    assert.equal(ask({ context: { amount: 1 } }, world, model).kind, "allowed");
    const answer = ask({ context: { amount: 0 } }, world, model);
    assert.equal(answer.kind === "error" && answer.code, "malformed");
  });
});

function changed(before: string | RegExp, after: string): AuthorizationModel {
  const text = formatModel(stock);
  const replaced =
    typeof before === "string" ? text.replaceAll(before, after) : text.replace(before, after);
  assert.notEqual(replaced, text);
  return parseModel(replaced);
}

function ask(
  changes: Partial<Call>,
  world: readonly RelationTuple[],
  model: AuthorizationModel = stock,
): AuthorizeAnswer {
  return decided(authorize(viewOf(model, world), call(changes), defaultLimits));
}
