import assert from "node:assert/strict";
import { suite, test } from "node:test";

import { celEnv, isCelError, parse, plan } from "@bufbuild/cel";
import fc from "fast-check";

import type { JsonObject } from "../../src/core/json.ts";
import type { ConditionOutcome } from "../../src/model/condition.ts";
import { argumentsWithin, compile, condition } from "../support/condition-texts.ts";

const noon = Date.UTC(2026, 0, 1, 12);
const now = { earliestMs: noon, latestMs: noon };

const divisionByZero = {
  kind: "failed",
  code: "expression_error",
  detail: "division by zero",
} as const;

suite("a condition", () => {
  test("is met where its expression holds", () => {
    const inside = condition("arguments: map<string>, allowed: list<string>", argumentsWithin);
    const agreed = { allowed: ["to=bob", "subject=hello"] };
    assert.equal(inside.evaluate(agreed, { arguments: { to: "bob" } }, now).kind, "met");
    assert.equal(inside.evaluate(agreed, { arguments: { to: "eve" } }, now).kind, "not_met");
    assert.equal(inside.evaluate(agreed, { arguments: { cc: "bob" } }, now).kind, "not_met");
  });

  test("takes the stored value where the request has one as well", () => {
    const small = condition("x: int", "x < 10");
    assert.equal(small.evaluate({ x: 1 }, { x: 100 }, now).kind, "met");
    assert.equal(small.evaluate({ x: 100 }, { x: 1 }, now).kind, "not_met");
  });

  const names: readonly (readonly [string, JsonObject, ConditionOutcome])[] = [
    ["a || b", {}, { kind: "needs", names: ["a", "b"] }],
    ["b || a", { a: true }, { kind: "met" }],
    ["a || b", { a: true }, { kind: "met" }],
    ["a && b", { b: false }, { kind: "not_met" }],
    ["a && b", { b: true }, { kind: "needs", names: ["a"] }],
    ["a ? b : true", { a: false }, { kind: "met" }],
    ["a ? b : true", { a: true }, { kind: "needs", names: ["b"] }],
    ["!a", {}, { kind: "needs", names: ["a"] }],
    ["a == b", {}, { kind: "needs", names: ["a", "b"] }],
    ["(1 / 0 > 0) || a && b", {}, { kind: "needs", names: ["a", "b"] }],
    ["a || 1 / 0 > 0", {}, { kind: "needs", names: ["a"] }],
    ["a || 1 / 0 > 0", { a: true }, { kind: "met" }],
    ["(a ? 1 : 2) == 1 / 0", {}, divisionByZero],
    ["1 / 0 == (a ? 1 : 2)", {}, divisionByZero],
    ["(1 / 0 > 0) || a && b", { a: true, b: true }, { kind: "met" }],
    ["[1, 2].exists(i, i == 2 || a) && (b || !b)", { b: true }, { kind: "met" }],
    ["[1, 2].all(i, i == 2 && a) && b", {}, { kind: "not_met" }],
    ["[1, 2].all(i, i > 0 && a) || b", {}, { kind: "needs", names: ["a", "b"] }],
  ];
  for (const [expression, context, expected] of names) {
    test(`\`${expression}\` with ${JSON.stringify(context)} is ${JSON.stringify(expected)}`, () => {
      const parameters = expression.includes("b") ? "a: bool, b: bool" : "a: bool";
      assert.deepEqual(condition(parameters, expression).evaluate({}, context, now), expected);
    });
  }

  test("never turns round by what was missing: an answer stays whatever is supplied", () => {
    fc.assert(
      fc.property(claim, contexts, contexts, ({ text: expression }, some, rest) => {
        const each = compile("a: bool, b: bool, c: bool", `(${expression}) || (a && b && c && !c)`);
        const early = each.evaluate({}, some, now);
        const late = each.evaluate(some, rest, now);
        if (early.kind === "met" || early.kind === "not_met") assert.deepEqual(late, early);
        if (early.kind !== "needs") return;
        const missing = ["a", "b", "c"].filter((name) => !Object.hasOwn(some, name));
        assert.ok(early.names.length > 0 && early.names.every((name) => missing.includes(name)));
        const full = each.evaluate(some, { a: true, b: true, c: true }, now);
        assert.ok(full.kind === "met" || full.kind === "not_met");
      }),
      { numRuns: 1000 },
    );
  });

  test("agrees with plain JavaScript on booleans", () => {
    fc.assert(
      fc.property(claim, fc.boolean(), fc.boolean(), fc.boolean(), ({ text, holds }, a, b, c) => {
        const expected = holds({ a, b, c });
        const each = compile("a: bool, b: bool, c: bool", `(${text}) || (a && b && c && !c)`);
        const outcome = each.evaluate({}, { a, b, c }, now);
        assert.equal(outcome.kind, expected ? "met" : "not_met");
      }),
      { numRuns: 1000 },
    );
  });

  test("agrees with another evaluator on numbers, texts and lists", () => {
    fc.assert(
      fc.property(
        mixedExpression,
        fc.integer(),
        fc.string(),
        fc.array(fc.integer({ min: -3, max: 3 }), { maxLength: 4 }),
        (text, x, s, l) => {
          const result = plan(celEnv(), parse(text))({ x: BigInt(x), s, l: l.map(BigInt) });
          const outcome = compile("x: int, s: string, l: list<int>", text).evaluate(
            {},
            { x, s, l },
            now,
          );
          if (isCelError(result)) assert.equal(outcome.kind, "failed", text);
          else assert.equal(outcome.kind, result === true ? "met" : "not_met", text);
        },
      ),
      { numRuns: 1000 },
    );
  });
});

suite("current_time", () => {
  const before = condition(
    "current_time: timestamp",
    "current_time < timestamp('2026-01-01T12:00:01Z')",
  );

  test("is the server's, at both ends", () => {
    const at = (earliestMs: number, latestMs: number): string =>
      before.evaluate({}, {}, { earliestMs, latestMs }).kind;
    assert.equal(at(noon, noon + 999), "met");
    assert.equal(at(noon, noon + 1000), "met_at_either");
    assert.equal(at(noon + 1000, noon + 2000), "not_met");
  });

  test("makes no answer where one end has none", () => {
    const seconds = condition(
      "current_time: timestamp, a: bool",
      "1 / current_time.getSeconds() == 1 || current_time.getSeconds() == 2 && a",
    );
    const at = (earliestMs: number, latestMs: number): ConditionOutcome =>
      seconds.evaluate({ a: false }, {}, { earliestMs, latestMs });
    assert.deepEqual(at(noon, noon + 1000), divisionByZero);
    assert.deepEqual(at(noon - 60_000, noon + 1000), divisionByZero);
    assert.deepEqual(at(noon + 1000, noon + 60_000), divisionByZero);
    const missing = seconds.evaluate({}, {}, { earliestMs: noon + 1000, latestMs: noon + 2000 });
    assert.deepEqual(missing, { kind: "needs", names: ["a"] });
  });

  test("is never taken from a context", () => {
    const past = { current_time: "1970-01-01T00:00:00Z" };
    const late = { earliestMs: noon + 5000, latestMs: noon + 5000 };
    assert.equal(before.evaluate(past, past, late).kind, "not_met");
    assert.equal(before.readsTime, true);
  });

  test("is read on the wall clock of a zone, whatever the zone of the process", () => {
    for (const [zone, hour] of [
      ["UTC", 12],
      ["+05:30", 17],
      ["America/New_York", 7],
      ["Asia/Tokyo", 21],
    ] as const) {
      const clock = condition(
        "current_time: timestamp, zone: string",
        `current_time.getHours(zone) == ${hour}`,
      );
      assert.equal(clock.evaluate({ zone }, {}, now).kind, "met", zone);
    }
    const broken = condition("current_time: timestamp", "current_time.getHours('Mars/Base') == 1");
    assert.equal(broken.evaluate({}, {}, now).kind, "failed");
  });
});

suite("a value of a context", () => {
  const cases: readonly (readonly [string, string, JsonObject[string], string])[] = [
    ["int", "x == 9007199254740993", "9007199254740993", "met"],
    ["int", "x == 5", 5, "met"],
    ["int", "x == 5", 5.5, "failed"],
    ["int", "x == 5", "9223372036854775808", "failed"],
    ["uint", "x == 5u", "5", "met"],
    ["uint", "x == 5u", -5, "failed"],
    ["double", "x == 0.5", "0.5", "met"],
    ["double", "x > 0.0", "1e309", "failed"],
    ["double", "x > 0.0", null, "failed"],
    ["bool", "x", "true", "failed"],
    ["string", "x == 'a'", 1, "failed"],
    ["duration", "x == duration('90m')", "1h30m", "met"],
    ["duration", "x == duration('90m')", "90 minutes", "failed"],
    ["timestamp", "x == timestamp('2026-01-31T10:00:00Z')", "2026-01-31T12:00:00+02:00", "met"],
    ["timestamp", "x > timestamp('2026-01-31T10:00:00Z')", "2026-02-30T12:00:00Z", "failed"],
    ["ipaddress", "x.in_cidr('10.0.0.0/8')", "10.2.3.4", "met"],
    ["ipaddress", "x.in_cidr('10.0.0.0/8')", "11.2.3.4", "not_met"],
    ["ipaddress", "x.in_cidr('2001:db8::/32')", "2001:db8:1::5", "met"],
    ["ipaddress", "x.in_cidr('10.0.0.0/8')", "::ffff:10.2.3.4", "not_met"],
    ["ipaddress", "x.in_cidr('10.0.0.0/8')", "::a02:304", "not_met"],
    ["ipaddress", "x.in_cidr('10.0.0.0/33')", "10.2.3.4", "failed"],
    ["ipaddress", "x == ipaddress('10.2.3.4')", "10.2.3", "failed"],
    ["list<int>", "x[1] == 2", [1, "2"], "met"],
    ["list<int>", "2 in x", [1, "b"], "failed"],
    ["map<string>", "x.a == 'b' && has(x.a) && !has(x.c)", { a: "b" }, "met"],
    ["map<string>", "x.c == 'b'", { a: "b" }, "failed"],
    ["any", "x.a[0] == 1.0", { a: [1] }, "met"],
    ["any", "x + 1 == 2", "text", "failed"],
    ["any", "x == null", null, "met"],
    ["any", "x > 1 && x <= 2 && x < 2u", 1.5, "met"],
    ["any", "(x + x).size() == 4", [1, "a"], "met"],
  ];
  for (const [type, expression, value, expected] of cases) {
    test(`${JSON.stringify(value)} as ${type}: \`${expression}\` is ${expected}`, () => {
      assert.equal(
        condition(`x: ${type}`, expression).evaluate({}, { x: value }, now).kind,
        expected,
      );
    });
  }

  test("comes from no prototype", () => {
    const outcome = condition("constructor: string", "constructor == 'a'").evaluate({}, {}, now);
    assert.deepEqual(outcome, { kind: "needs", names: ["constructor"] });
  });
});

const contexts = fc
  .tuple(
    ...["a", "b", "c"].map((name) =>
      fc.option(fc.boolean().map((value) => [name, value] as const)),
    ),
  )
  .map((entries): JsonObject => Object.fromEntries(entries.filter((entry) => entry !== null)));

/** An expression, and what it is of three booleans. */
interface Claim {
  readonly text: string;
  readonly holds: (values: Readonly<Record<string, boolean>>) => boolean;
}

const { claim } = fc.letrec<{ claim: Claim; leaf: Claim }>((tie) => ({
  leaf: fc.oneof(
    fc.constantFrom("a", "b", "c").map((name): Claim => ({
      text: name,
      holds: (values) => values[name] === true,
    })),
    fc.boolean().map((value): Claim => ({ text: String(value), holds: () => value })),
  ),
  claim: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    tie("leaf"),
    tie("claim").map(({ text, holds }): Claim => ({
      text: `!(${text})`,
      holds: (values) => !holds(values),
    })),
    fc
      .tuple(tie("claim"), fc.constantFrom("&&", "||", "=="), tie("claim"))
      .map(([left, operator, right]): Claim => ({
        text: `((${left.text}) ${operator} (${right.text}))`,
        holds: (values) => {
          const [first, second] = [left.holds(values), right.holds(values)];
          if (operator === "==") return first === second;
          return operator === "&&" ? first && second : first || second;
        },
      })),
    fc.tuple(tie("claim"), tie("claim"), tie("claim")).map(([which, yes, no]): Claim => ({
      text: `((${which.text}) ? (${yes.text}) : (${no.text}))`,
      holds: (values) => (which.holds(values) ? yes.holds(values) : no.holds(values)),
    })),
  ),
}));

const number = fc.constantFrom(
  "x",
  "0",
  "1",
  "-7",
  "x + 1",
  "x * 2",
  "x % 3",
  "10 / x",
  "size(s)",
  "l.size()",
  "l[0]",
  "-x",
  "int(double(x))",
);
const phrase = fc.constantFrom("s", "'a'", "s + 'b'", "string(x)", "'é' + s");
const sequence = fc.constantFrom(
  "l",
  "[1, 2]",
  "l + [x]",
  "l.filter(e, e > 0)",
  "l.map(e, e * e)",
  "l.map(e, e < 2, e + 1)",
);
const comparison = fc.oneof(
  fc
    .tuple(number, fc.constantFrom("==", "!=", "<", "<=", ">", ">="), number)
    .map((parts) => parts.join(" ")),
  fc.tuple(phrase, fc.constantFrom("==", "!="), phrase).map((parts) => parts.join(" ")),
  fc
    .tuple(phrase, fc.constantFrom("contains", "startsWith", "endsWith", "matches"), phrase)
    .map(
      ([left, method, right]) =>
        `(${left}).${method}(${method === "matches" ? "'^[a-c]+$'" : right})`,
    ),
  fc.tuple(number, sequence).map(([element, list]) => `(${element}) in (${list})`),
  fc.tuple(sequence, sequence).map(([left, right]) => `(${left}) == (${right})`),
  fc
    .tuple(sequence, fc.constantFrom("all", "exists", "exists_one"), number)
    .map(([list, macro, bound]) => `(${list}).${macro}(e, e < (${bound}))`),
);
const mixedExpression = fc
  .tuple(comparison, fc.constantFrom("&&", "||"), comparison)
  .map(([left, operator, right]) => `(${left}) ${operator} (${right})`);
