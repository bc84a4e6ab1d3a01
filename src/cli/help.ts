import type { Command } from "./command.ts";
import type { Flag } from "./flag.ts";
import { alignColumns } from "./table.ts";

/** Commands that stand beside those of the table: others run them. */
const servers: readonly (readonly [words: string, summary: string])[] = [
  ["serve", "run the server"],
  ["admin init", "make a key for an administrator, on the database itself"],
  ["gateway", "stand between an MCP client and an MCP server"],
];

/** All commands, a line each. */
export function overview(commands: readonly Command[]): readonly string[] {
  const rows = [...servers, ...commands.map(({ words, summary }) => [words, summary] as const)];
  return [
    "prokura: may this agent, acting for this user, call this tool on this resource, now?",
    "",
    "usage: prokura COMMAND [flags]",
    "",
    ...alignColumns(
      rows.map(([words, summary]) => [`  ${words}`, summary]),
      2,
    ),
    "",
    "`prokura COMMAND --help` shows the flags of a command, with examples.",
    "It ends with 0 for yes or done, 1 for no (denied, nothing found, a test failed), 2 for an error.",
  ];
}

/** One command: what it does, what it takes, how it is used. */
export function helpOf(command: Command): readonly string[] {
  const { words, summary, detail, operands, flags, examples } = command;
  return [
    `usage: prokura ${words}${operands === undefined ? "" : ` ${operands.shown}`} [flags]`,
    "",
    summary,
    ...(detail === undefined ? [] : ["", ...detail.split("\n")]),
    ...(operands === undefined ? [] : ["", `  ${operands.shown}  ${operands.meaning}`]),
    "",
    "flags:",
    ...alignColumns(flags.map(rowOf), 2),
    "",
    "examples:",
    ...examples.map((example) => `  prokura ${example}`),
  ];
}

function rowOf(flag: Flag<unknown>): readonly string[] {
  const { name, value, meaning, without, variable, many } = flag;
  const notes = [
    without,
    many ? "may be repeated" : undefined,
    variable === undefined ? undefined : `or ${variable}`,
  ].filter((note) => note !== undefined);
  const shown = value === undefined ? `  --${name}` : `  --${name} ${value}`;
  return [shown, notes.length === 0 ? meaning : `${meaning} (${notes.join("; ")})`];
}
