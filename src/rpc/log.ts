import { pino, type DestinationStream, type Logger } from "pino";

/** A log of lines: JSON for machines, text for a terminal. Neither has secrets or contexts in it. */
export function createLog(
  level: string,
  format: "json" | "text",
  out: DestinationStream = process.stderr,
): Logger {
  return pino(
    { level, base: {}, formatters: { level: (label) => ({ level: label }) } },
    format === "json" ? out : { write: (line) => out.write(formatLine(line)) },
  );
}

function formatLine(line: string): string {
  const parsed: unknown = JSON.parse(line);
  if (typeof parsed !== "object" || parsed === null) return line;
  const { level, time, msg, ...rest }: Record<string, unknown> = { ...parsed };
  const facts = Object.entries(rest).map(([name, value]) => `${name}=${formatValue(value)}`);
  const clock = new Date(Number(time)).toISOString().slice(11, 23);
  return `${[clock, String(level).padEnd(5), String(msg), ...facts].join(" ")}\n`;
}

function formatValue(value: unknown): string {
  if (typeof value === "string") return /^[^\s"=]+$/.test(value) ? value : JSON.stringify(value);
  // An error is told with its stack, over several lines.
  if (typeof value === "object" && value !== null && "stack" in value) {
    return `\n${String(value.stack)}`;
  }
  return JSON.stringify(value);
}
