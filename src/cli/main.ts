import { readFileSync } from "node:fs";
import { DomainError } from "../core/error.ts";
import { quote } from "../core/object.ts";
import type { Command } from "./command.ts";
import { commands } from "./commands.ts";
import { reportFailure } from "./failure.ts";
import { helpOf, overview } from "./help.ts";
import { nearest } from "./nearest.ts";
import { printable, processTerminal, type Output, type Terminal } from "./terminal.ts";

const exitCodes = { yes: 0, no: 1 } as const;
const exitCodeOfError = 2;

/**
 * Runs one command, and returns the exit code: 0 for yes or done, 1 for no, 2 for an error. `argv` is
 * what stands after `prokura`.
 */
export async function runCli(
  argv: readonly string[],
  terminal: Terminal = processTerminal(),
): Promise<number> {
  const form = argv.includes("--json") ? "json" : "text";
  try {
    return await dispatch(argv, terminal);
  } catch (cause) {
    await reportFailure(cause, terminal, form);
    return exitCodeOfError;
  }
}

async function dispatch(argv: readonly string[], terminal: Terminal): Promise<number> {
  if (argv[0] === "--version") {
    await print(terminal.output, [`prokura ${version()}`]);
    return exitCodes.yes;
  }
  const found = findCommand(argv);
  const wantsHelp = argv.includes("--help") || argv.includes("-h") || argv[0] === "help";
  if (wantsHelp || argv.length === 0) {
    await print(terminal.output, found === undefined ? helpFor(argv) : helpOf(found.command));
    return exitCodes.yes;
  }
  if (found === undefined) throw unknownCommand(argv);
  const { command, rest } = found;
  return exitCodes[await prepare(command, rest, terminal)()];
}

/** A wrong flag comes with the way to the help. */
function prepare(
  command: Command,
  argv: readonly string[],
  terminal: Terminal,
): ReturnType<Command["prepare"]> {
  try {
    return command.prepare(argv, terminal);
  } catch (cause) {
    if (!(cause instanceof DomainError)) throw cause;
    const hint = `see \`prokura ${command.words} --help\``;
    throw new DomainError(cause.code, cause.message, { hint, ...cause.facts, cause });
  }
}

interface Found {
  readonly command: Command;
  readonly rest: readonly string[];
}

/** The command whose words stand at the start: `tuple write …`. */
function findCommand(argv: readonly string[]): Found | undefined {
  for (const count of [2, 1]) {
    const words = wordsOf(argv).slice(0, count).join(" ");
    const command = commands.find((one) => one.words === words);
    if (command !== undefined) return { command, rest: argv.slice(count) };
  }
  return undefined;
}

/** `prokura help tuple write` is `prokura tuple write --help`. */
function wordsOf(argv: readonly string[]): readonly string[] {
  return argv[0] === "help" ? argv.slice(1) : argv;
}

/** Of a first word alone, as `tuple`: the commands that begin with it; of none, all. */
function helpFor(argv: readonly string[]): readonly string[] {
  const [word = ""] = wordsOf(argv);
  const isOther = ["serve", "gateway", "admin"].includes(word);
  if (word === "" || word.startsWith("-") || isOther) return overview(commands);
  const group = commands.filter(({ words }) => words.startsWith(`${word} `));
  if (group.length === 0) throw unknownCommand(wordsOf(argv));
  return overview(group);
}

function unknownCommand(argv: readonly string[]): DomainError {
  const [first = ""] = argv;
  const group = commands.filter(({ words }) => words.startsWith(`${first} `));
  if (group.length > 0) {
    const names = group.map(({ words }) => words).join(", ");
    return new DomainError("malformed", `${quote(first)} must be one of: ${names}`);
  }
  const typed = argv.slice(0, 2).join(" ");
  const all = ["serve", "gateway", ...commands.map(({ words }) => words)];
  // `export` is half of `tuple export`; of what is half of many, as `list`, nothing is meant.
  const halves = all.filter((words) => words.endsWith(` ${first}`));
  const near = nearest(typed, all) ?? nearest(first, all) ?? "";
  const meant = halves.length > 0 && halves.length <= 3 ? halves : [near].filter(Boolean);
  const shown = meant.map((words) => `\`prokura ${words}\``).join(" or ");
  const hint = shown === "" ? "`prokura --help` lists them" : `did you mean ${shown}?`;
  return new DomainError("malformed", `there is no command ${quote(first)}`, { hint });
}

/** From the package, which lies as far above the built files as above these. */
function version(): string {
  const manifest: { readonly version: string } = JSON.parse(
    readFileSync(new URL("../../package.json", import.meta.url), "utf8"),
  );
  return manifest.version;
}

async function print(output: Output, lines: readonly string[]): Promise<void> {
  await output.write(lines.map((line) => `${printable(line)}\n`).join(""));
}
