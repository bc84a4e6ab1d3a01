import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { suite, test } from "node:test";

import type { JsonObject } from "../../src/core/json.ts";
import { parseName } from "../../src/core/object.ts";
import { parseTupleText, type RelationTuple } from "../../src/core/tuple.ts";
import { findContractConflict } from "../../src/model/contract-tuple.ts";
import { parseModel } from "../../src/model/parse-model.ts";
import { allowsTuple, checkReservedName, checkTuple } from "../../src/model/tuple-check.ts";

const stock = readFileSync(new URL("../../schema/models/stock.fga", import.meta.url), "utf8");
const model = parseModel(stock);

suite("checkTuple", () => {
  const cases: readonly (readonly [string, string | undefined])[] = [
    ["document:a#viewer@user:alice", undefined],
    ["document:a#viewer@user:*", undefined],
    ["document:a#viewer@group:eng#member", undefined],
    ["document:a#viewer@agent:x", "tuple_refused"],
    ["document:a#viewer@group:eng", "tuple_refused"],
    ["document:a#viewer@agent:*", "tuple_refused"],
    ["document:a#viewer@tier:t#member", "tuple_refused"],
    ["document:a#within@folder:b", "tuple_refused"],
    ["paper:a#viewer@user:alice", "unknown_type"],
    ["document:a#reviewer@user:alice", "unknown_relation"],
    ["document:a#viewer@robot:alice", "unknown_type"],
    ["document:a#viewer@group:eng#boss", "unknown_relation"],
    ["delegation:d#principal@user:alice", undefined],
    ["delegation:d#principal@user:*", "tuple_refused"],
    ["tool:t#requires@permission:none", undefined],
    ["tool:t#requires@permission:document%2Fviewer", undefined],
    ["tool:t#requires@permission:document/viewer/source?", undefined],
    ["tool:t#requires@permission:document/reviewer", "unknown_relation"],
    ["tool:t#requires@permission:paper/viewer", "unknown_type"],
    ["tool:t#requires@permission:document", "malformed"],
    ["tool:t#requires@permission:document/viewer/a/b", "malformed"],
    ["tool:t#requires@permission:tool/user", undefined],
    ["tool:t#requires@permission:tool/user/role", "malformed"],
    ["mcp_server:s#requires@permission:paper/viewer", "unknown_type"],
    ["mcp_server:s#requires@permission:mcp_server/user/role", "malformed"],
  ];
  for (const [text, code] of cases) {
    test(`${code === undefined ? "takes" : `refuses as ${code}`} ${text}`, () => {
      const tuple = parseTupleText(text, "tuple");
      assert.equal(checkTuple(model, tuple)?.code, code);
      assert.equal(allowsTuple(model, tuple), code === undefined || text.includes("#requires@"));
    });
  }

  test("takes a condition where the relation names it, and there only", () => {
    const tool = "delegation:d#tool@tool:t";
    assert.equal(codeOf(tool, "arguments_within", { allowed: ["a=b"] }), undefined);
    assert.equal(codeOf(tool, "during_hours", { zone: "UTC", from_hour: 9 }), undefined);
    assert.equal(codeOf("delegation:d#tool@toolset:t", "arguments_within", {}), "tuple_refused");
    assert.equal(codeOf("delegation:d#delegate@agent:a", "arguments_within", {}), "tuple_refused");
    assert.equal(codeOf(tool, "unheard_of", {}), "tuple_refused");
  });

  test("holds stored values to the types of their parameters", () => {
    const tool = "delegation:d#tool@tool:t";
    assert.equal(codeOf(tool, "arguments_within", { allowed: "a=b" }), "malformed");
    assert.equal(codeOf(tool, "arguments_within", { allowed: ["a", 1] }), "malformed");
    assert.equal(codeOf(tool, "arguments_within", { alowed: [] }), "malformed");
    assert.equal(
      codeOf(tool, "during_hours", { current_time: "2026-01-01T00:00:00Z" }),
      "malformed",
    );
  });

  test("lets no parent of a delegation expire", () => {
    const expiresAtMs = 1;
    const parent = parseTupleText("delegation:a#parent@delegation:b", "tuple");
    assert.equal(checkTuple(model, parent), undefined);
    assert.equal(checkTuple(model, { ...parent, expiresAtMs })?.code, "tuple_refused");
    const folder = parseTupleText("folder:a#parent@folder:b", "tuple");
    assert.equal(checkTuple(model, { ...folder, expiresAtMs }), undefined);
  });

  test("keeps the server's clock out of a request", () => {
    assert.equal(checkReservedName({ a: 1 }, "context"), undefined);
    assert.equal(checkReservedName({ current_time: "" }, "context")?.code, "malformed");
  });
});

suite("findContractConflict", () => {
  const tuples = [
    "document:a#viewer@user:alice",
    "delegation:d#principal@agent:bot",
    "agent:bot#suspended@suspension:s",
    "tool:t#requires@permission:document/editor",
  ].map((text) => parseTupleText(text, "tuple"));

  test("finds none under the model that they were written under", () => {
    assert.equal(findContractConflict(model, tuples), undefined);
  });

  test("names the first tuple that a new model would drop", () => {
    const narrower = parseModel(
      stock.replace(
        "define principal: [user, agent]\n    define delegator",
        "define principal: [user]\n    define delegator",
      ),
    );
    assert.equal(findContractConflict(narrower, tuples)?.tuple, tuples[1]);
    const without = parseModel("model\n  schema 1.1\ntype user\n");
    assert.equal(findContractConflict(without, tuples)?.error.code, "unknown_type");
  });

  test("lets a required permission not disappear", () => {
    const renamed = parseModel(
      stock
        .replace(/(type document[^]*?)define editor:/, "$1define writer:")
        .replace("or editor or viewer from parent) but", "or writer or viewer from parent) but"),
    );
    assert.equal(findContractConflict(renamed, tuples)?.tuple, tuples[3]);
  });
});

function codeOf(text: string, condition: string, context: JsonObject): string | undefined {
  const tuple: RelationTuple = {
    ...parseTupleText(text, "tuple"),
    condition: { name: parseName(condition, "condition"), context },
  };
  return checkTuple(model, tuple)?.code;
}
