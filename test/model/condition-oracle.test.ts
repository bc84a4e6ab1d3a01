import assert from "node:assert/strict";
import { suite, test } from "node:test";

import { celEnv, celUint, isCelError, parse, plan } from "@bufbuild/cel";
import fc from "fast-check";

import type { JsonObject } from "../../src/core/json.ts";
import { compile } from "../support/condition-texts.ts";
import { holdsFor, lawRuns } from "../support/laws.ts";

const now = { earliestMs: 0, latestMs: 0 };
const intMax = 9_223_372_036_854_775_807n;
const uintMax = 18_446_744_073_709_551_615n;

/**
 * The evaluator that the parser comes with, as an oracle: it shares the parser with ours and nothing
 * else. Where it strays from the language, no expression is made: it compares an int with a double
 * inexactly, texts by their UTF-16 units, and takes `NaN` within a list for equal to itself and the
 * empty text for a number; it divides no uint beyond 2^63, and rounds times to milliseconds.
 */
suite("a condition and another evaluator of the language", () => {
  test("agree on every type, at the limits of each", (context) => {
    const tally = holdsFor(
      fc.tuple(fc.oneof(truth, comparison), values),
      ([text, value], counts) => {
        const expected = askOther(text, value);
        assert.equal(askOurs(text, value), expected, `${text} with ${format(value)}`);
        counts.count(expected);
      },
      lawRuns * 2,
    );
    context.diagnostic(tally.format());
    for (const outcome of ["met", "not_met", "failed"]) {
      assert.ok(tally.of(outcome) >= lawRuns / 10, tally.format());
    }
  });

  test("agree where types are mixed", (context) => {
    const mixed = fc
      .tuple(any, fc.constantFrom("==", "!=", "in"), any)
      .map(([left, operator, right]) => `(${left}) ${operator} (${right})`);
    const tally = holdsFor(fc.tuple(mixed, values), ([text, value], counts) => {
      const expected = askOther(text, value);
      assert.equal(askOurs(text, value), expected, `${text} with ${format(value)}`);
      counts.count(expected);
    });
    context.diagnostic(tally.format());
    assert.ok(tally.of("met") >= lawRuns / 20, tally.format());
  });
});

interface Values {
  readonly i: bigint;
  readonly u: bigint;
  readonly d: number;
  readonly s: string;
  readonly b: boolean;
  readonly l: readonly bigint[];
  readonly m: Readonly<Record<string, bigint>>;
}

const parameters = "i: int, u: uint, d: double, s: string, b: bool, l: list<int>, m: map<int>";

function askOurs(text: string, { i, u, d, s, b, l, m }: Values): string {
  const context: JsonObject = {
    i: String(i),
    u: String(u),
    d,
    s,
    b,
    l: l.map(String),
    m: Object.fromEntries(Object.entries(m).map(([key, value]) => [key, String(value)])),
  };
  return compile(parameters, text).evaluate({}, context, now).kind;
}

function askOther(text: string, { u, m, ...rest }: Values): string {
  const bindings = { ...rest, l: [...rest.l], u: celUint(u), m: new Map(Object.entries(m)) };
  const result = plan(celEnv(), parse(text))(bindings);
  if (isCelError(result) || typeof result !== "boolean") return "failed";
  return result ? "met" : "not_met";
}

function format({ i, u, d, s, b, l, m }: Values): string {
  const map = Object.entries(m).map(([key, value]) => `${key}: ${value}`);
  return `i ${i}, u ${u}, d ${d}, s ${JSON.stringify(s)}, b ${b}, l [${l.join()}], m {${map.join()}}`;
}

const values: fc.Arbitrary<Values> = fc.record({
  i: fc.constantFrom(0n, 1n, -1n, 2n, -7n, intMax, -intMax - 1n),
  u: fc.constantFrom(0n, 1n, 2n, uintMax),
  d: fc.constantFrom(0, -0, 1, -1.5, 0.1, 1e19, -1e19, 2 ** 53),
  s: fc.constantFrom("", "a", "é", "e\u0301", "😀b", "1", "-1", "true", "1.5"),
  b: fc.boolean(),
  l: fc.array(fc.constantFrom(0n, 1n, -1n, intMax), { maxLength: 3 }),
  m: fc.dictionary(fc.constantFrom("a", "b", ""), fc.constantFrom(0n, 1n, intMax), { maxKeys: 3 }),
});

interface Texts {
  readonly int: string;
  readonly uint: string;
  readonly double: string;
  readonly string: string;
  readonly list: string;
  readonly map: string;
  readonly span: string;
  readonly instant: string;
  readonly truth: string;
  readonly comparison: string;
}

const order = fc.constantFrom("==", "!=", "<", "<=", ">", ">=");
const equality = fc.constantFrom("==", "!=");

const texts = fc.letrec<Texts>((tie) => {
  const part = (of: keyof Texts): fc.Arbitrary<string> => tie(of).map(String);
  const bounded = <Text>(...of: readonly fc.Arbitrary<Text>[]): fc.Arbitrary<Text> =>
    fc.oneof({ maxDepth: 2, depthIdentifier: "expression" }, ...of);
  const join = (left: keyof Texts, operator: fc.Arbitrary<string>, right: keyof Texts) =>
    fc.tuple(part(left), operator, part(right)).map(([a, o, b]) => `(${a}) ${o} (${b})`);
  const call = (name: string, of: keyof Texts) => part(of).map((text) => `${name}(${text})`);
  const method = (of: keyof Texts, name: string, argument?: keyof Texts) =>
    argument === undefined
      ? part(of).map((text) => `(${text}).${name}()`)
      : fc.tuple(part(of), part(argument)).map(([text, given]) => `(${text}).${name}(${given})`);
  const choice = (of: keyof Texts) =>
    fc.tuple(part("truth"), part(of), part(of)).map(([a, b, c]) => `(${a}) ? (${b}) : (${c})`);
  const index = fc.tuple(part("list"), part("int")).map(([l, at]) => `(${l})[${at}]`);
  const field = fc.tuple(part("map"), part("string")).map(([m, at]) => `(${m})[${at}]`);
  return {
    int: bounded(
      fc.constantFrom("i", "0", "1", "-3", "9223372036854775807", "-9223372036854775808"),
      join("int", fc.constantFrom("+", "-", "*", "/", "%"), "int"),
      part("int").map((text) => `-(${text})`),
      fc.oneof(call("size", "string"), call("size", "list"), call("size", "map")),
      fc.oneof(call("int", "uint"), call("int", "double"), call("int", "instant")),
      fc.oneof(index, field, choice("int")),
      fc.constantFrom("m.a", "int('-12')", "int('x')", "l[0]"),
      fc.oneof(method("instant", "getMonth"), method("span", "getSeconds")),
    ),
    uint: bounded(
      fc.constantFrom("u", "0u", "1u", "18446744073709551615u"),
      join("uint", fc.constantFrom("+", "-", "*", "%"), "uint"),
      part("uint").map((text) => `7u / (${text})`),
      fc.oneof(call("uint", "int"), call("uint", "double"), choice("uint")),
    ),
    double: bounded(
      fc.constantFrom("d", "0.0", "-0.0", "1.5", "1e308", "9007199254740993.0"),
      join("double", fc.constantFrom("+", "-", "*", "/"), "double"),
      fc.oneof(call("double", "int"), call("double", "uint"), choice("double")),
      part("double").map((text) => `-(${text})`),
    ),
    string: bounded(
      fc.constantFrom("s", "'a'", "''", "'😀'", "'\\u00e9'"),
      join("string", fc.constant("+"), "string"),
      fc.oneof(call("string", "int"), call("string", "uint"), choice("string")),
    ),
    list: bounded(
      fc.constantFrom("l", "[]", "[1, 0]", "[i]"),
      join("list", fc.constant("+"), "list"),
      fc.tuple(part("list"), part("truth")).map(([of, p]) => `(${of}).filter(i, ${p})`),
      fc.tuple(part("list"), part("int")).map(([of, f]) => `(${of}).map(i, ${f})`),
      fc
        .tuple(part("list"), part("truth"), part("int"))
        .map(([of, p, f]) => `(${of}).map(e, ${p}, e + (${f}))`),
    ),
    map: bounded(
      fc.constantFrom("m", "{'a': 1}"),
      fc.tuple(part("string"), part("int")).map(([key, of]) => `{${key}: ${of}, 'b': 0}`),
    ),
    span: bounded(
      fc
        .constantFrom("1s", "-1ns", "9223372036s", "-9223372036s", "0.5s", "1h30m")
        .map((text) => `duration('${text}')`),
      join("span", fc.constantFrom("+", "-"), "span"),
      join("instant", fc.constant("-"), "instant"),
    ),
    instant: bounded(
      fc
        .constantFrom(
          "1970-01-01T00:00:00Z",
          "9999-12-31T23:59:59Z",
          "0001-01-01T00:00:00Z",
          "2026-02-28T23:30:00-01:00",
        )
        .map((text) => `timestamp('${text}')`),
      join("instant", fc.constantFrom("+", "-"), "span"),
    ),
    truth: bounded(
      fc.constantFrom("b", "true", "false", "has(m.a)"),
      part("comparison"),
      join("truth", fc.constantFrom("&&", "||", "=="), "truth"),
      part("truth").map((text) => `!(${text})`),
      fc
        .tuple(part("list"), fc.constantFrom("all", "exists", "exists_one"), part("truth"))
        .map(([of, macro, p]) => `(${of}).${macro}(i, ${p})`),
      fc
        .tuple(part("map"), fc.constantFrom("all", "exists", "exists_one"), part("truth"))
        .map(([of, macro, p]) => `(${of}).${macro}(s, ${p})`),
      choice("truth"),
    ),
    comparison: bounded(
      join("int", order, "int"),
      join("uint", order, "uint"),
      join("double", order, "double"),
      join("span", order, "span"),
      join("instant", order, "instant"),
      fc.oneof(join("int", fc.constantFrom("<", ">="), "uint")),
      fc.oneof(join("string", equality, "string"), join("list", equality, "list")),
      join("map", equality, "map"),
      fc.oneof(join("int", fc.constant("in"), "list"), join("string", fc.constant("in"), "map")),
      fc.oneof(
        method("string", "contains", "string"),
        method("string", "startsWith", "string"),
        method("string", "endsWith", "string"),
      ),
    ),
  };
});
const { truth, comparison } = texts;

const scalar = fc.constantFrom("1", "1u", "1.0", "1.5", "'1'", "true", "null", "i", "u", "d", "s");
/** A value whose type is known only when it runs. */
const any = fc
  .oneof(
    scalar,
    fc.constantFrom("l", "m", "[]", "{}", "{1: 1}", "{true: 1u}", "duration('1s')", "timestamp(1)"),
    fc.tuple(scalar, scalar).map(([first, second]) => `[dyn(${first}), dyn(${second})]`),
    fc.tuple(scalar, scalar).map(([first, second]) => `{'a': [dyn(${first}), [dyn(${second})]]}`),
  )
  .map((text) => `dyn(${text})`);
