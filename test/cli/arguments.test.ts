import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { parseArguments } from "../../src/cli/arguments.ts";
import { optional, parseText, repeated, standing, toggle } from "../../src/cli/flag.ts";

const flags = [
  optional({ name: "tool", value: "TOOL", meaning: "" }, parseText),
  repeated({ name: "actor", value: "ACTOR", meaning: "" }, parseText),
  toggle("explain", ""),
  standing(
    { name: "tenant", value: "NAME", meaning: "", variable: "TENANT" },
    parseText,
    "default",
  ),
];

const twoFiles = { shown: "FILE...", meaning: "", min: 1, max: 2 };

suite("parseArguments", () => {
  test("sorts flags and operands, in any order", () => {
    const accepted = { flags, operands: twoFiles };
    const { given, operands } = parseArguments(
      ["a", "--tool", "x", "--explain", "b", "--actor=1", "--actor", "2"],
      accepted,
      {},
    );
    assert.deepEqual(operands, ["a", "b"]);
    assert.deepEqual(Object.fromEntries(given), { tool: ["x"], explain: [""], actor: ["1", "2"] });
  });

  test("takes what follows -- as operands", () => {
    const accepted = { flags, operands: twoFiles };
    assert.deepEqual(parseArguments(["--", "--tool", "x"], accepted, {}).operands, ["--tool", "x"]);
  });

  test("takes - as a value: the standard input", () => {
    assert.deepEqual(parseArguments(["--tool", "-"], { flags }, {}).given.get("tool"), ["-"]);
  });

  test("lets the environment stand in for a flag, and the flag go before it", () => {
    const environment = { TENANT: "acme" };
    assert.deepEqual(parseArguments([], { flags }, environment).given.get("tenant"), ["acme"]);
    const given = parseArguments(["--tenant", "other"], { flags }, environment).given;
    assert.deepEqual(given.get("tenant"), ["other"]);
    assert.equal(parseArguments([], { flags }, { TENANT: "" }).given.get("tenant"), undefined);
  });

  const refused: readonly (readonly [why: string, argv: readonly string[], message: RegExp])[] = [
    [
      "an unknown flag, with what was meant",
      ["--tol", "x"],
      /no flag `--tol`, did you mean --tool/,
    ],
    ["an unknown short flag", ["-x"], /no flag `-x`/],
    ["a flag twice", ["--tool", "x", "--tool", "y"], /--tool may be given only once/],
    ["a value that is missing at the end", ["--tool"], /--tool TOOL is without its value/],
    ["a value that is the next flag", ["--tool", "--explain"], /--tool TOOL is without its value/],
    ["a value where there is none", ["--explain=yes"], /--explain takes no value/],
    ["an operand where there is none", ["x"], /`x` stands where only flags may/],
  ];
  for (const [why, argv, message] of refused) {
    test(`refuses ${why}`, () => {
      assert.throws(() => parseArguments(argv, { flags }, {}), { code: "malformed", message });
    });
  }

  test("refuses too few operands, and too many", () => {
    const accepted = { flags, operands: twoFiles };
    assert.throws(() => parseArguments([], accepted, {}), /FILE\.\.\. is missing/);
    assert.throws(() => parseArguments(["a", "b", "c"], accepted, {}), /`c` is one too many/);
  });
});
