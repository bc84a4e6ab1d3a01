import { runCli } from "../../src/cli/main.ts";
import type { Output, Terminal } from "../../src/cli/terminal.ts";

/** A terminal that keeps what was written to it. */
export interface MemoryTerminal extends Terminal {
  readonly written: () => string;
  readonly errorsWritten: () => string;
}

interface Setting {
  readonly isTty?: boolean;
  readonly environment?: Readonly<Record<string, string>>;
  /** At once, or piece by piece. */
  readonly input?: string | AsyncIterable<string>;
}

export function memoryTerminal(setting: Setting = {}): MemoryTerminal {
  const { isTty = false, environment = {}, input = "" } = setting;
  const texts = { output: "", errors: "" };
  const output = (name: "output" | "errors"): Output => ({
    isTty,
    columns: 80,
    write: async (text) => {
      texts[name] += text;
    },
  });
  async function* bytes(): AsyncGenerator<Uint8Array> {
    if (typeof input === "string") yield Buffer.from(input);
    else for await (const piece of input) yield Buffer.from(piece);
  }
  return {
    environment,
    input: bytes(),
    output: output("output"),
    errors: output("errors"),
    written: () => texts.output,
    errorsWritten: () => texts.errors,
  };
}

/** What a command line ended with, and what it wrote. */
export interface Ran {
  readonly exitCode: number;
  readonly output: string;
  readonly errors: string;
}

/** Runs a command line within this process, on a terminal in memory. */
export async function run(argv: readonly string[], setting: Setting = {}): Promise<Ran> {
  const terminal = memoryTerminal(setting);
  const exitCode = await runCli(argv, terminal);
  return { exitCode, output: terminal.written(), errors: terminal.errorsWritten() };
}
