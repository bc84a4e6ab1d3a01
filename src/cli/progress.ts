import type { Output } from "./terminal.ts";
import { formatDuration } from "./time-text.ts";

/** Says how far something came, without ever being in the way of the answer. */
export interface Progress {
  advance(by: number): Promise<void>;
  /** Says the last count; on a terminal it leaves the line. */
  close(): Promise<void>;
}

const redrawMs = 100;
const lineMs = 5000;

/** On a terminal one line that is drawn again and again; elsewhere a line every five seconds. */
export function openProgress(output: Output, noun: string): Progress {
  const started = Date.now();
  let count = 0;
  let drawn = started;
  const text = (): string => {
    const elapsedMs = Date.now() - started;
    const rate = elapsedMs < 1000 ? "" : `, ${Math.round(count / (elapsedMs / 1000))}/s`;
    return `${count} ${noun} in ${formatDuration(elapsedMs)}${rate}`;
  };
  const draw = async (): Promise<void> => {
    drawn = Date.now();
    await output.write(output.isTty ? `\r\u001b[2K${text()}` : `${text()}\n`);
  };
  return {
    async advance(by) {
      count += by;
      if (Date.now() - drawn >= (output.isTty ? redrawMs : lineMs)) await draw();
    },
    async close() {
      await draw();
      if (output.isTty) await output.write("\n");
    },
  };
}
