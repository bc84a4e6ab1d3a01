import type { Terminal } from "./terminal.ts";

/** Marks text. Where there are no colours, each leaves the text as it is. */
export interface Paint {
  readonly strong: (text: string) => string;
  readonly faint: (text: string) => string;
  readonly good: (text: string) => string;
  readonly bad: (text: string) => string;
  readonly doubtful: (text: string) => string;
  readonly name: (text: string) => string;
}

/** In colour on a terminal, unless `NO_COLOR` is set to anything. */
export function paintFor(terminal: Terminal, output: "output" | "errors"): Paint {
  const { NO_COLOR: refused = "", TERM: kind = "" } = terminal.environment;
  return terminal[output].isTty && refused === "" && kind !== "dumb" ? coloured : plain;
}

const coloured: Paint = {
  strong: mark(1),
  faint: mark(2),
  good: mark(32),
  bad: mark(31),
  doubtful: mark(33),
  name: mark(36),
};

const plain: Paint = {
  strong: unmarked,
  faint: unmarked,
  good: unmarked,
  bad: unmarked,
  doubtful: unmarked,
  name: unmarked,
};

function mark(code: number): (text: string) => string {
  return (text) => `\u001b[${code}m${text}\u001b[0m`;
}

function unmarked(text: string): string {
  return text;
}
