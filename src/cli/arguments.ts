import { parseArgs } from "node:util";
import { DomainError } from "../core/error.ts";
import { quote } from "../core/object.ts";
import type { Flag } from "./flag.ts";
import { nearest } from "./nearest.ts";

/** What was typed after the words of a command. */
export interface Arguments {
  /** The texts given for each flag, by its name. A flag without a value has one empty text. */
  readonly given: ReadonlyMap<string, readonly string[]>;
  readonly operands: readonly string[];
}

/** What is typed without a flag. */
export interface Operands {
  /** As the help shows it: `TUPLE...`. */
  readonly shown: string;
  readonly meaning: string;
  readonly min: number;
  readonly max: number;
}

interface Accepted {
  readonly flags: readonly Flag<unknown>[];
  readonly operands?: Operands;
}

/**
 * Sorts what was typed into flags and operands. Fails with `malformed` on a flag that the command
 * does not have, on one that stands twice or without its value, and on the wrong number of operands.
 * The environment stands in where a flag that has a variable is not given.
 */
export function parseArguments(
  argv: readonly string[],
  accepted: Accepted,
  environment: Readonly<Record<string, string | undefined>>,
): Arguments {
  const flags = new Map(accepted.flags.map((flag) => [flag.name, flag]));
  const given = new Map<string, string[]>();
  const operands: string[] = [];
  for (const token of tokensOf(argv, accepted.flags)) {
    if (token.kind === "positional") operands.push(token.value);
    if (token.kind !== "option") continue;
    const flag = flags.get(token.name);
    if (flag === undefined) throw unknownFlag(token.rawName, [...flags.keys()]);
    const texts = given.get(flag.name) ?? [];
    if (texts.length > 0 && !flag.many) throw malformed(`--${flag.name} may be given only once`);
    given.set(flag.name, [...texts, valueOf(flag, token)]);
  }
  for (const { name, variable } of accepted.flags) {
    const text = variable === undefined ? undefined : environment[variable];
    if (text !== undefined && text !== "" && !given.has(name)) given.set(name, [text]);
  }
  refuseOperands(operands, accepted.operands);
  return { given, operands };
}

interface Token {
  readonly value: string | undefined;
  readonly inlineValue: boolean | undefined;
  readonly rawName: string;
}

function tokensOf(
  argv: readonly string[],
  flags: readonly Flag<unknown>[],
): NonNullable<ReturnType<typeof parseArgs>["tokens"]> {
  // Not strict: the errors are to say what to do, in our own words.
  return parseArgs({
    args: [...argv],
    options: Object.fromEntries(
      flags.map(({ name, value }) => [
        name,
        { type: value === undefined ? ("boolean" as const) : ("string" as const), multiple: true },
      ]),
    ),
    strict: false,
    allowPositionals: true,
    tokens: true,
  }).tokens;
}

function valueOf(flag: Flag<unknown>, { value, inlineValue, rawName }: Token): string {
  if (flag.value === undefined) {
    if (inlineValue === true) throw malformed(`${rawName} takes no value`);
    return "";
  }
  // `--tool --resource x` is a forgotten value, not a tool named `--resource`.
  const forgotten = value === undefined || (inlineValue !== true && /^-./.test(value));
  if (forgotten) throw malformed(`${rawName} ${flag.value} is without its value`);
  return value;
}

function refuseOperands(operands: readonly string[], accepted: Operands | undefined): void {
  const { min, max, shown } = accepted ?? { min: 0, max: 0, shown: "" };
  if (operands.length < min) throw malformed(`${shown} is missing`);
  const extra = operands[max];
  if (extra !== undefined) {
    throw malformed(
      max === 0
        ? `${quote(extra)} stands where only flags may`
        : `${quote(extra)} is one too many, there may be ${max}`,
    );
  }
}

function unknownFlag(rawName: string, names: readonly string[]): DomainError {
  const meant = nearest(rawName.replace(/^-+/, ""), names);
  return malformed(
    `there is no flag ${quote(rawName)}${meant === undefined ? "" : `, did you mean --${meant}`}`,
  );
}

function malformed(message: string): DomainError {
  return new DomainError("malformed", message);
}
