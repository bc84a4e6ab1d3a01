import { parseArguments, type Operands } from "./arguments.ts";
import type { Flag, FlagTable, FlagValues } from "./flag.ts";
import type { Terminal } from "./terminal.ts";

/** What a command ends with: `yes` is 0, `no` is 1; 2 is for errors alone. */
export type Outcome = "yes" | "no";

/** One command, as the dispatcher and the help see it. */
export interface Command {
  /** As typed: `check`, `tuple write`. */
  readonly words: string;
  /** One line, for the overview. */
  readonly summary: string;
  /** More lines, for the command's own help. */
  readonly detail?: string;
  readonly operands?: Operands;
  readonly flags: readonly Flag<unknown>[];
  /** Without the `prokura` at the start. */
  readonly examples: readonly string[];
  /** Reads all that was typed before anything is done. Fails with `malformed`. */
  readonly prepare: (argv: readonly string[], terminal: Terminal) => () => Promise<Outcome>;
}

/** A command whose flags are typed: `run` gets what they read. */
export interface CommandSpec<Table extends FlagTable> {
  readonly words: string;
  readonly summary: string;
  readonly detail?: string;
  readonly operands?: Operands;
  readonly flags: Table;
  readonly examples: readonly string[];
  readonly run: (
    values: FlagValues<Table>,
    operands: readonly string[],
    terminal: Terminal,
  ) => Promise<Outcome>;
}

export function command<Table extends FlagTable>(spec: CommandSpec<Table>): Command {
  const flags = Object.values(spec.flags);
  return {
    ...spec,
    flags,
    prepare: (argv, terminal) => {
      const { given, operands } = parseArguments(argv, { ...spec, flags }, terminal.environment);
      const values = readFlags(spec.flags, given);
      return () => spec.run(values, operands, terminal);
    },
  };
}

/** What the flags of a table make of what was typed. Fails with `malformed`. */
export function readFlags<Table extends FlagTable>(
  table: Table,
  given: ReadonlyMap<string, readonly string[]>,
): FlagValues<Table> {
  const read = Object.entries(table).map(([key, flag]) => [
    key,
    flag.read(given.get(flag.name) ?? []),
  ]);
  // Each key's value is what its own flag read, which no checker can follow.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return Object.fromEntries(read) as FlagValues<Table>;
}
