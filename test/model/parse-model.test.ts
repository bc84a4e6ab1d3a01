import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { suite, test } from "node:test";

import fc from "fast-check";
import { parse as parseYaml } from "yaml";

import { DomainError } from "../../src/core/error.ts";
import type { AuthorizationModel, Rewrite } from "../../src/model/authorization-model.ts";
import { formatModel } from "../../src/model/format-model.ts";
import { modelFromJson, modelToJson } from "../../src/model/model-json.ts";
import { parseModel } from "../../src/model/parse-model.ts";
import { generatedModel } from "../support/model-texts.ts";

suite("parseModel", () => {
  test("reads rewrites in Zanzibar's words", () => {
    const model = parseModel(
      "model\n  schema 1.1\ntype user\ntype d\n  relations\n    define p: [d]\n    define a: ([user, user:*, d#b with c] or b from p) but not b\n    define b: [user]\ncondition c(x: int) {\n  x < 1\n}\n",
    );
    const a = relationOf(model, "d", "a");
    assert.deepEqual(a.rewrite, {
      kind: "exclusion",
      base: {
        kind: "union",
        of: [{ kind: "this" }, { kind: "tuple_to_userset", tupleset: "p", relation: "b" }],
      },
      subtract: { kind: "computed_userset", relation: "b" },
    });
    assert.deepEqual(a.restrictions, [
      { type: "user", form: "object" },
      { type: "user", form: "wildcard" },
      { type: "d", form: "userset", relation: "b", condition: "c" },
    ]);
    assert.equal(model.hasDelegations, false);
  });

  test("takes operators of two kinds with parentheses only", () => {
    const text = (rewrite: string): string =>
      `model\n  schema 1.1\ntype user\ntype d\n  relations\n    define a: [user]\n    define b: [user]\n    define c: [user]\n    define x: ${rewrite}\n`;
    assert.throws(() => parseModel(text("a or b but not c")), isRejected);
    const { rewrite } = relationOf(parseModel(text("(a or b) but not c")), "d", "x");
    assert.equal(rewrite.kind, "exclusion");
  });

  test("reads what formatModel writes as the same model", () => {
    fc.assert(
      fc.property(generatedModel, (text) => {
        const model = parseModel(text);
        assert.deepEqual(shapeOf(parseModel(formatModel(model))), shapeOf(model));
      }),
      { numRuns: 200 },
    );
  });

  test("writes one canonical text", () => {
    fc.assert(
      fc.property(generatedModel, (text) => {
        const formatted = formatModel(parseModel(text));
        assert.equal(formatModel(parseModel(formatted)), formatted);
      }),
      { numRuns: 100 },
    );
  });

  test("reads a model of the largest size", () => {
    let text = "model\n  schema 1.1\ntype user\n";
    for (let index = 0; text.length < 255 * 1024; index += 1) {
      text += `type t${index}\n  relations\n    define a: [user, t${index}#b] or b\n    define b: [user]\n`;
    }
    assert.ok(parseModel(text).types.size > 1000);
  });

  test("is not held up by brackets, chains of relations, or deep expressions", () => {
    const chain = Array.from(
      { length: 3000 },
      (_, index) => `    define r${index}: r${index + 1}\n`,
    );
    const long = `model\n  schema 1.1\ntype user\ntype d\n  relations\n${chain.join("")}    define r3000: [user]\n`;
    assert.equal(parseModel(long).types.size, 2);
    const deep = `model\n  schema 1.1\ntype user\ntype d\n  relations\n    define a: [user with c]\ncondition c(x: bool) {\n  ${"!(".repeat(5000)}x${")".repeat(5000)}\n}\n`;
    assert.throws(() => parseModel(deep), isRejected);
    const wide = `model\n  schema 1.1\ntype user\ntype d\n  relations\n    define a: [user with c]\ncondition c(x: bool) {\n  ${Array(20_000).fill("x").join(" && ")}\n}\n`;
    assert.throws(() => parseModel(wide), isRejected);
  });
});

suite("modelFromJson", () => {
  test("reads what modelToJson writes as the same model", () => {
    fc.assert(
      fc.property(generatedModel, (text) => {
        const model = parseModel(text);
        assert.deepEqual(shapeOf(modelFromJson(modelToJson(model))), shapeOf(model));
      }),
      { numRuns: 100 },
    );
  });

  test("believes nothing: it checks the model again", () => {
    const json = modelToJson(
      parseModel("model\n  schema 1.1\ntype user\ntype d\n  relations\n    define a: [user]\n"),
    );
    assert.throws(() => modelFromJson(json.replace('"type":"user"', '"type":"robot"')), isRejected);
  });
});

suite("the models of the OpenFGA corpus", () => {
  // What is subtracted leads back to the relation itself: such a model has no least meaning.
  const refused: ReadonlySet<string> = new Set([
    "true_butnot_cycle_return_false 0",
    "false_butnot_cycle_return_false 0",
    "list_objects_expands_wildcard_tuple 2",
  ]);
  for (const name of ["abac_tests.yaml", "consolidated_1_1_tests.yaml"]) {
    const path = new URL(`../../../shared/corpus/openfga/${name}`, import.meta.url);
    test(`${name} are accepted, but for recursion through an exclusion`, (context) => {
      if (!existsSync(path)) return context.skip("the corpus is not here");
      const corpus: { tests: { name: string; stages: { model: string }[] }[] } = parseYaml(
        readFileSync(path, "utf8"),
      );
      assert.ok(corpus.tests.length > 10);
      for (const { name: title, stages } of corpus.tests) {
        for (const [index, { model }] of stages.entries()) {
          if (!refused.has(`${title} ${index}`)) parseModel(model);
          else assert.throws(() => parseModel(model), /what is subtracted/, title);
        }
      }
    });
  }
});

function relationOf(
  model: AuthorizationModel,
  type: string,
  relation: string,
): { readonly rewrite: Rewrite; readonly restrictions: readonly unknown[] } {
  const definition = [...model.types.values()].find(({ name }) => name === type);
  const found = [...(definition?.relations.values() ?? [])].find(({ name }) => name === relation);
  assert.ok(found);
  return found;
}

/** All of a model but its functions. */
function shapeOf(model: AuthorizationModel): unknown {
  const conditions = [...model.conditions.values()].map(
    ({ name, parameters, expression, readsTime }) => ({
      name,
      parameters,
      expression,
      readsTime,
    }),
  );
  return { ...model, conditions };
}

function isRejected(error: unknown): boolean {
  return error instanceof DomainError && error.code === "model_rejected";
}
