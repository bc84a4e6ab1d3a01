import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { suite, test } from "node:test";

import { DomainError } from "../../src/core/error.ts";
import { parseModel } from "../../src/model/parse-model.ts";
import { parseStoreTest, parseTupleFile } from "../../src/model/store-test.ts";
import { checkTuple } from "../../src/model/tuple-check.ts";

const folder = new URL("../../schema/models/", import.meta.url);

suite("the models that ship", () => {
  const files = globSync("*.fga.yaml", { cwd: folder });
  test("are there", () => assert.ok(files.length >= 3));

  for (const file of files) {
    test(`${file} fits its model: names, tuples and relations asked for`, () => {
      const written = parseStoreTest(readFileSync(new URL(file, folder), "utf8"));
      assert.ok(written.model.kind === "file");
      const model = parseModel(readFileSync(new URL(written.model.name, folder), "utf8"));
      for (const tuple of [...written.tuples, ...written.cases.flatMap(({ tuples }) => tuples)]) {
        assert.equal(checkTuple(model, tuple)?.message, undefined);
      }
      for (const { checks, objectLists, subjectLists, calls } of written.cases) {
        assert.ok(checks.length + objectLists.length + subjectLists.length + calls.length > 0);
        for (const { object, assertions } of checks) {
          for (const relation of assertions.keys()) {
            assert.ok(model.types.get(object.type)?.relations.has(relation), relation);
          }
        }
      }
    });
  }
});

suite("parseStoreTest", () => {
  test("reads users and objects as one check each, and contexts as they stand", () => {
    const { cases, model } = parseStoreTest(`
name: n
model: |
  model
tests:
  - check:
      - users: ["user:a", "user:b"]
        objects: ["d:1", "d:2"]
        context: {at: 2026-01-01T00:00:00Z, n: 1}
        assertions: {viewer: true}
`);
    assert.deepEqual(model, { kind: "text", text: "model\n" });
    assert.equal(cases[0]?.checks.length, 4);
    assert.deepEqual(cases[0]?.checks[0]?.context, { at: "2026-01-01T00:00:00Z", n: 1 });
  });

  test("reads a whole call", () => {
    const { cases } = parseStoreTest(`
name: n
model_file: m.fga
tests:
  - call:
      - principal: user:a
        actors: ["agent:x", "agent:y"]
        tool: tool:t
        accesses: [{resource: "d:1", role: from, context: {k: v}}]
        verdict: denied
        reason: chain_broken
`);
    const [call] = cases[0]?.calls ?? [];
    assert.equal(call?.allowed, false);
    assert.equal(call?.reason, "chain_broken");
    assert.deepEqual(
      call?.actors.map(({ id }) => id),
      ["x", "y"],
    );
    assert.deepEqual(call?.accesses[0]?.context, { k: "v" });
  });

  const broken: readonly (readonly [string, string, string])[] = [
    ["no model", "name: n\ntests: []", "test.model"],
    [
      "a verdict in other words",
      "model: m\ntests: [{call: [{principal: 'u:a', actors: ['a:x'], tool: 't:t', verdict: maybe}]}]",
      "test.tests[0].call[0].verdict",
    ],
    [
      "a call without actors",
      "model: m\ntests: [{call: [{principal: 'u:a', tool: 't:t', verdict: denied}]}]",
      "test.tests[0].call[0].actors",
    ],
    [
      "an assertion that is no bool",
      "model: m\ntests: [{check: [{user: 'u:a', object: 'd:a', assertions: {v: 1}}]}]",
      "test.tests[0].check[0].assertions.v",
    ],
    [
      "a tuple without object",
      "model: m\ntuples: [{user: 'u:a', relation: r}]",
      "test.tuples[0].object",
    ],
  ];
  for (const [what, text, field] of broken) {
    test(`names the place of ${what}`, () => {
      assert.throws(
        () => parseStoreTest(text),
        (error) =>
          error instanceof DomainError && error.code === "malformed" && error.facts.field === field,
      );
    });
  }

  test("refuses what is no YAML", () => {
    assert.throws(() => parseStoreTest("a: [b"), DomainError);
  });
});

suite("parseTupleFile", () => {
  test("reads conditions and expiries", () => {
    const [tuple] = parseTupleFile(
      '[{"object":"d:1","relation":"r","user":"g:x#m","condition":{"name":"c","context":{"k":1}},"expires_at":"1970-01-01T00:00:01.5Z"}]',
    );
    assert.deepEqual(tuple?.condition, { name: "c", context: { k: 1 } });
    assert.equal(tuple?.expiresAtMs, 1500);
  });
});
