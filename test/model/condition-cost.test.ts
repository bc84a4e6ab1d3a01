import assert from "node:assert/strict";
import { suite, test } from "node:test";

import type { JsonObject } from "../../src/core/json.ts";
import { parseName } from "../../src/core/object.ts";
import { compileCondition } from "../../src/model/compile-condition.ts";
import type { ParameterType } from "../../src/model/condition.ts";
import { argumentsWithin, compile, condition } from "../support/condition-texts.ts";

const now = { earliestMs: 0, latestMs: 0 };

suite("the cost of a condition", () => {
  const many = Array.from({ length: 5000 }, (_, index) => index);
  const text = "a".repeat(60_000);
  const explosions: readonly (readonly [string, string, JsonObject])[] = [
    ["a loop in a loop", "l.all(a, l.all(b, a + b >= 0))", {}],
    ["a list made of lists", "l.map(a, l.map(b, a * b)).size() > 0", {}],
    ["text that grows", `l.map(a, ${Array(20).fill("s").join(" + ")}).size() > 0`, {}],
    ["a search in each round", "l.all(a, s.contains('b' + string(a)) == false)", {}],
    ["a pattern with many states", "s.matches('([a-z]{30}){30}b')", {}],
    ["patterns in each round", "l.all(a, s.matches('(x+x+)+y') == false)", {}],
    ["deep comparisons", "l.all(a, [l, l, l] == [l, l, l])", {}],
    ["a membership in each round", "l.all(a, a in l)", {}],
    ["calendars in each round", "l.all(a, timestamp(a).getHours('Europe/Berlin') >= 0)", {}],
  ];
  for (const [what, expression] of explosions) {
    test(`ends ${what}`, () => {
      const parameters = ["l: list<int>", "s: string"].filter((each) =>
        new RegExp(`\\b${each[0] ?? ""}\\b`).test(expression.replaceAll(/'[^']*'/g, "")),
      );
      const outcome = condition(parameters.join(", "), expression).evaluate(
        {},
        { l: many, s: text },
        now,
      );
      assert.ok(
        outcome.kind === "failed" && outcome.code === "cost_exceeded",
        JSON.stringify(outcome),
      );
    });
  }

  test("is bounded before it begins: digits without end, patterns without end, lists in lists", () => {
    let nested: JsonObject[string] = 1;
    for (let depth = 0; depth < 20_000; depth += 1) nested = [nested];
    const cases: readonly (readonly [string, string, JsonObject[string]])[] = [
      ["x: double", "x > 1.0", `${"1".repeat(60_000)}x`],
      ["x: string", "double(x) > 1.0", `${"1".repeat(60_000)}x`],
      ["x: string", "'a'.matches(x)", `{${"1".repeat(60_000)}`],
      ["x: any", "x == 1", nested],
    ];
    for (const [parameters, expression, x] of cases) {
      assert.equal(condition(parameters, expression).evaluate({}, { x }, now).kind, "failed");
    }
  });

  test("counts every part of an expression, operators on bools as well", () => {
    const grown = (operator: string, leaf: string): string =>
      Array.from({ length: 9 }).reduce<string>((text) => `(${text} ${operator} ${text})`, leaf);
    for (const part of [
      grown("&&", "b"),
      grown("||", "!b"),
      `(${grown("&&", "(b ? b : b)")})`,
      grown("&&", "m.m.m.b == b"),
    ]) {
      const loop = `l.all(e, ${part} || true)`;
      const each = compile("b: bool, l: list<int>, m: any", `${loop} && (m == m || b)`);
      const outcome = each.evaluate({}, { b: true, l: many, m: { m: { m: { b: true } } } }, now);
      assert.ok(outcome.kind === "failed" && outcome.code === "cost_exceeded", part.slice(-20));
    }
  });

  test("is no answer, on whichever side of an `or` it was met", () => {
    const name = parseName("c", "name");
    const types = new Map<string, ParameterType>([["l", { kind: "list", of: { kind: "int" } }]]);
    const { condition: small } = compileCondition(name, types, "l.all(a, a >= 0) || true", 100);
    assert.equal(small.evaluate({}, { l: [1, 2, 3] }, now).kind, "met");
    const outcome = small.evaluate({}, { l: many }, now);
    assert.ok(outcome.kind === "failed" && outcome.code === "cost_exceeded");
  });

  test("leaves room for ordinary work", () => {
    const inside = condition("arguments: map<string>, allowed: list<string>", argumentsWithin);
    const allowed = Array.from({ length: 100 }, (_, index) => `name${index}=value`);
    const sent = Object.fromEntries(allowed.slice(60, 90).map((each) => each.split("=")));
    assert.equal(inside.evaluate({ allowed }, { arguments: sent }, now).kind, "met");
  });
});
