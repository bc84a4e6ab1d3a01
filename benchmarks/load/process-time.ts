import { readFileSync } from "node:fs";

// USER_HZ: Linux counts in hundredths of a second wherever user space can see it.
const tickUs = 10_000;

/** User and system time of a process with all its threads, in microseconds. Linux only. */
export function processCpuUs(processId: number): number {
  const text = readFileSync(`/proc/${processId}/stat`, "utf8");
  // The name before it, in parentheses, may have anything in it.
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) * tickUs;
}
