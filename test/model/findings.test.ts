import assert from "node:assert/strict";
import { suite, test } from "node:test";

import { checkModel } from "../../src/model/check-model.ts";
import { findingCodes, type Finding, type FindingCode } from "../../src/model/finding.ts";
import { importSources, type ModelFile } from "../../src/model/import-sources.ts";

/** One broken model for each finding; `at` is where the author must look. */
const examples: Readonly<Record<Exclude<FindingCode, "time_exceeded">, Example>> = {
  text_too_large: { text: `# ${"x".repeat(256 * 1024)}`, at: "1:1" },
  nesting_too_deep: {
    text: model(
      `type user\ntype d\n  relations\n    define a: ${"(".repeat(33)}a${")".repeat(33)}`,
    ),
    at: "6:1",
  },
  syntax: { text: model("type user\ntype d\n  relations\n    define a: user]"), at: "6:19" },
  schema_unsupported: { text: "model\n  schema 1.0\ntype user\n", at: "1:1" },
  name_invalid: { text: model(`type ${"u".repeat(65)}`), at: "3:6" },
  duplicate_type: { text: model("type user\ntype user"), at: "4:6" },
  duplicate_restriction: { text: withRelation("[user, user]"), at: "6:12" },
  type_unknown: { text: withRelation("[robot]"), at: "6:12" },
  relation_unknown: { text: withRelation("[user] or b"), at: "6:12" },
  condition_unknown: { text: withRelation("[user with c]"), at: "6:12" },
  tupleset_not_direct: { text: withRelation("a from p\n    define p: [user, d:*]"), at: "6:12" },
  tupleset_relation_missing: { text: withRelation("b from p\n    define p: [user]"), at: "6:12" },
  no_entrypoint: { text: withRelation("[d#a]"), at: "6:12" },
  computed_cycle: { text: withRelation("[user] or b\n    define b: [user] or a"), at: "6:12" },
  recursion_through_exclusion: {
    text: withRelation("[user] but not b\n    define b: [user, d#a]"),
    at: "6:12",
  },
  expression_syntax: { text: withCondition("x: int", "x < < 1"), at: "7:11" },
  expression_type: { text: withCondition("x: int", "x == 'a'"), at: "7:11" },
  expression_unsupported: { text: withCondition("x: int", "type(x) == type(1)"), at: "7:11" },
  expression_too_complex: {
    text: withCondition("x: list<int>", "x.all(a, x.all(b, x.all(c, a + b == c)))"),
    at: "7:11",
  },
  parameter_unknown: { text: withCondition("x: int", "x < y"), at: "7:11" },
  parameter_unused: { text: withCondition("x: int, y: int", "x < 1"), at: "7:11" },
  parameter_reserved: { text: withCondition("current_time: int", "current_time < 1"), at: "7:11" },
  contract_relation_missing: { text: contract("define delegate: [agent]", ""), at: "8:6" },
  contract_relation_shape: {
    text: contract("define delegate: [agent]", "define delegate: [agent, agent:*]"),
    at: "12:12",
  },
  contract_requires: {
    text: contract("define requires: [permission]", "define requires: [permission, user]"),
    at: "22:12",
  },
  contract_subtracts_delegation: {
    text: contract(
      "define server: [mcp_server]",
      "define revoked: [delegation#delegate]\n    define fit: [agent, agent:*] but not revoked\n    define server: [mcp_server]",
    ),
    at: "22:12",
  },
  module_invalid: { text: "model\n  schema 1.1\ntype user\n", second: "type b", at: "1:1" },
};

interface Example {
  readonly text: string;
  readonly second?: string;
  /** Line and column. */
  readonly at: string;
}

suite("a finding", () => {
  for (const [code, { text, second, at }] of Object.entries(examples)) {
    test(`${code} is placed and says what to do`, () => {
      const files = [{ name: "a.fga", text }];
      if (second !== undefined) files.push({ name: "b.fga", text: second });
      const findings = findingsOf(files);
      const found = findings.find((finding) => finding.code === code);
      assert.ok(found, `found only ${JSON.stringify(findings)}`);
      assert.equal(`${found.line}:${found.column}`, at, JSON.stringify(findings));
      assert.match(found.hint, /\w/);
      assert.doesNotMatch(`${found.message}${found.hint}`, /\n/);
    });
  }

  test("every code has an example", () => {
    const shown = new Set([...Object.keys(examples), "time_exceeded"]);
    assert.deepEqual(
      findingCodes.filter((code) => !shown.has(code)),
      [],
    );
  });

  test("is no reason to stop: all of them are told", () => {
    const codes = findingsOf([
      {
        name: "a.fga",
        text: withRelation("[robot, user with c] or b\n    define e: [user, user]"),
      },
    ]).map(({ code }) => code);
    assert.deepEqual(codes, [
      "condition_unknown",
      "relation_unknown",
      "type_unknown",
      "duplicate_restriction",
    ]);
  });
});

suite("the contract of delegations", () => {
  const plain = ["principal", "delegator", "delegate", "parent", "suspended"];
  const shapes = [
    (types: string) => `[${types}] or other`,
    (types: string) => `[${types}, agent:*]`,
    (types: string) => `[${types}, group#member]`,
    (types: string) => `[${types}, user with c]`,
  ];
  for (const relation of plain) {
    test(`${relation} of a delegation takes plain objects alone`, () => {
      for (const shape of shapes) {
        const stands = new RegExp(`(type delegation[^]*?define ${relation}: )\\[([^\\]]*)\\]`);
        const text = contract("", "").replace(
          stands,
          (_, before: string, types: string) => `${before}${shape(types)}`,
        );
        assert.notEqual(text, contract("", ""));
        const extended = `${text.replace("type delegation\n  relations\n", "type delegation\n  relations\n    define other: [agent]\n")}type group\n  relations\n    define member: [user]\ncondition c(x: int) {\n  x < 1\n}\n`;
        const codes = findingsOf([{ name: "a.fga", text: extended }]).map(({ code }) => code);
        assert.ok(codes.includes("contract_relation_shape"), `${relation} ${codes.join()}`);
      }
    });
  }

  test("holds for a model that keeps it", () => {
    assert.deepEqual(findingsOf([{ name: "a.fga", text: contract("", "") }]), []);
  });

  test("asks for `suspended` on each type that may act, delegate, carry or serve", () => {
    for (const type of ["user", "agent", "session", "mcp_server", "tool", "delegation"]) {
      const text = contract("", "").replace(
        new RegExp(`(type ${type}\\n[^]*?)    define suspended: \\[suspension\\]\\n`),
        "$1    define other: [suspension]\n",
      );
      const found = findingsOf([{ name: "a.fga", text }]);
      assert.ok(
        found.some(
          ({ code, message }) => code === "contract_relation_missing" && message.includes(type),
        ),
        `${type}: ${JSON.stringify(found)}`,
      );
    }
  });

  test("lets no requirement hang on a condition, a wildcard, or the lack of another", () => {
    for (const requires of [
      "[permission:*]",
      "[permission with c]",
      "[permission] but not requires from server",
      "[permission] or requires from server or parent",
    ]) {
      const text = `${contract("[permission]\n", `${requires}\n    define parent: [permission]\n`)}condition c(x: int) {\n  x < 1\n}\n`;
      const codes = findingsOf([{ name: "a.fga", text }]).map(({ code }) => code);
      assert.ok(codes.includes("contract_requires"), `${requires}: ${codes.join()}`);
    }
  });
});

suite("importSources", () => {
  const manifest = {
    name: "fga.mod",
    text: "schema: '1.2'\ncontents:\n  - core.fga\n  - wiki.fga\n",
  };
  const core = {
    name: "core.fga",
    text: "module core\n\ntype user\n\ntype space\n  relations\n    define owner: [user]\n",
  };

  test("adds what a module extends to the type of another", () => {
    const wiki = {
      name: "wiki.fga",
      text: "module wiki\n\nextend type space\n  relations\n    define reader: [user] or owner\n",
    };
    const imported = importSources([manifest, core, wiki]);
    assert.equal(imported.kind, "imported");
    const checked = imported.kind === "imported" ? checkModel(imported.source) : imported;
    assert.ok(checked.kind === "accepted", JSON.stringify(checked));
    const space = [...checked.model.types.values()].find(({ name }) => name === "space");
    assert.deepEqual([...(space?.relations.keys() ?? [])], ["owner", "reader"]);
    assert.equal(checked.model.schemaVersion, "1.2");
  });

  test("names the file in which a module is wrong", () => {
    const wiki = {
      name: "wiki.fga",
      text: "module wiki\n\nextend type space\n  relations\n    define owner: [user]\n\nextend type page\n  relations\n    define a: [user]\n",
    };
    assert.deepEqual(
      findingsOf([manifest, core, wiki]).map(({ file, line, code }) => `${file}:${line} ${code}`),
      ["wiki.fga:5 module_invalid", "wiki.fga:7 type_unknown"],
    );
  });

  test("says which module is missing, and where it is listed", () => {
    const [finding] = findingsOf([manifest, core]);
    assert.deepEqual(
      [finding?.file, finding?.line, finding?.code],
      ["fga.mod", 4, "module_invalid"],
    );
  });
});

function findingsOf(files: readonly ModelFile[]): readonly Finding[] {
  const imported = importSources(files);
  if (imported.kind === "refused") return imported.findings;
  const checked = checkModel(imported.source);
  return checked.kind === "refused" ? checked.findings : [];
}

function model(body: string): string {
  return `model\n  schema 1.1\n${body}\n`;
}

function withRelation(rewrite: string): string {
  return model(`type user\ntype d\n  relations\n    define a: ${rewrite}`);
}

function withCondition(parameters: string, expression: string): string {
  return `${withRelation("[user with c]")}condition c(${parameters}) {\n  ${expression}\n}\n`;
}

/** A least model with delegations, in which one piece of text is replaced. */
function contract(from: string, to: string): string {
  const body = `type suspension
type permission
type user
  relations
    define suspended: [suspension]
type delegation
  relations
    define principal: [user, agent]
    define delegator: [user, agent]
    define delegate: [agent]
    define parent: [delegation]
    define delegable_to: [agent, agent:*]
    define session: [session, session:*]
    define tool: [tool, tool:*]
    define resource: [document]
    define suspended: [suspension]
type tool
  relations
    define server: [mcp_server]
    define requires: [permission]
    define suspended: [suspension]
type agent
  relations
    define suspended: [suspension]
type session
  relations
    define suspended: [suspension]
type mcp_server
  relations
    define requires: [permission]
    define suspended: [suspension]
type document
  relations
    define viewer: [user]`;
  return model(from === "" ? body : body.replace(from, to));
}
