import { once } from "node:events";

/** What a command reads and writes, apart from files and the service. */
export interface Terminal {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly input: AsyncIterable<Uint8Array>;
  /** For the answer. */
  readonly output: Output;
  /** For everything else: errors, hints, progress. */
  readonly errors: Output;
}

export interface Output {
  readonly isTty: boolean;
  readonly columns: number;
  /** Resolves when more may be written. */
  write(text: string): Promise<void>;
}

const columnsDefault = 100;

/** The terminal of this process. */
export function processTerminal(): Terminal {
  return {
    environment: process.env,
    input: process.stdin,
    output: outputOf(process.stdout),
    errors: outputOf(process.stderr),
  };
}

function outputOf(stream: NodeJS.WriteStream): Output {
  // Whoever reads may stop early, as `head` does: then the rest is not wanted.
  stream.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
    process.exit(process.exitCode ?? 0);
  });
  return {
    isTty: stream.isTTY,
    columns: stream.columns ?? columnsDefault,
    async write(text) {
      if (!stream.write(text)) await once(stream, "drain");
    },
  };
}

/**
 * Text as it may go to a terminal: control characters, which could move the cursor or hide what was
 * written, become `?`; of escape sequences only those of `paint.ts` stay.
 */
export function printable(text: string): string {
  return text.replace(unprintable, (found) => (ownSequence.test(found) ? found : "?"));
}

// eslint-disable-next-line no-control-regex
const ownSequence = /^\u001b\[(?:0|1|2|31|32|33|36)m$/;
// eslint-disable-next-line no-control-regex
const unprintable = /\u001b\[[0-9]{1,2}m|(?!\n)\p{Cc}|[\u202a-\u202e\u2066-\u2069]/gu;
