import { parseArgs } from "node:util";
import { DomainError } from "./core/error.ts";
import { quote } from "./core/object.ts";

/** What is known of a flag before its value is read. */
export interface Flag {
  readonly flag: string;
  /** What a value must be, as it stands in an error. */
  readonly allowed: string;
}

/**
 * The texts that were given to flags, by name; of one that is given twice the last. A switch without a
 * value is `true`. Fails with `malformed`, naming what cannot be understood and what to write instead.
 */
export function parseFlags(
  args: readonly string[],
  flags: readonly Flag[],
  switches: readonly string[],
): Readonly<Record<string, string | undefined>> {
  const known = new Map(flags.map((flag) => [flag.flag, flag]));
  const { tokens } = parseArgs({
    args: [...args],
    options: Object.fromEntries(
      flags.map(({ flag }) => [flag, { type: switches.includes(flag) ? "boolean" : "string" }]),
    ),
    strict: false,
    tokens: true,
  });
  const given: Record<string, string> = {};
  for (const token of tokens) {
    if (token.kind === "positional") throw stray(token.value);
    if (token.kind === "option-terminator") continue;
    const flag = known.get(token.name);
    if (flag === undefined || !token.rawName.startsWith("--")) throw unknown(token.rawName);
    // What begins like a flag is one whose forerunner was left without a value.
    const isMissing = token.inlineValue === false && token.value.startsWith("-");
    if (token.value !== undefined && !isMissing) given[flag.flag] = token.value;
    else if (switches.includes(flag.flag)) given[flag.flag] = "true";
    else throw withoutValue(flag);
  }
  return given;
}

function stray(text: string): DomainError {
  return new DomainError(
    "malformed",
    `${quote(text)} belongs to no flag: values are written as --flag value or --flag=value, see \`prokura serve --help\``,
  );
}

function unknown(name: string): DomainError {
  return new DomainError(
    "malformed",
    `${quote(name)} is no flag of this version: see \`prokura serve --help\` for those there are`,
  );
}

function withoutValue({ flag, allowed }: Flag): DomainError {
  return new DomainError(
    "malformed",
    `--${flag} must be followed by its value: ${allowed}; one that begins with a dash is written as --${flag}=value`,
    { field: `--${flag}` },
  );
}
