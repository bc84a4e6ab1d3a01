import { DomainError } from "../core/error.ts";
import { quote } from "../core/object.ts";
import { parseInstant } from "../model/instant.ts";

const unitMs: ReadonlyMap<string, number> = new Map([
  ["ms", 1],
  ["s", 1000],
  ["m", 60_000],
  ["h", 3_600_000],
  ["d", 86_400_000],
  ["w", 604_800_000],
]);

const durationMsMax = 100 * 365 * 86_400_000;

/** A length of time over 0 and up to 100 years, as `90s`, `1h30m`, `7d`, in milliseconds. */
export function parseDurationText(text: string, field: string): number {
  const parts = /^(?:[0-9]{1,9}(?:ms|[smhdw]))+$/.test(text)
    ? [...text.matchAll(/([0-9]+)(ms|[smhdw])/g)]
    : [];
  const durationMs = parts.reduce(
    (sum, [, count, unit]) => sum + Number(count) * (unitMs.get(unit ?? "") ?? Number.NaN),
    0,
  );
  if (durationMs > 0 && durationMs <= durationMsMax) return durationMs;
  throw new DomainError(
    "malformed",
    `${field} must be a length of time such as 90s, 30m, 1h30m or 7d, got ${quote(text)}`,
    { field },
  );
}

/** A time of RFC 3339, in milliseconds since 1970, rounded down. */
export function parseTimeText(text: string, field: string): number {
  const instant = parseInstant(text);
  if (instant === undefined) {
    throw new DomainError(
      "malformed",
      `${field} must be a time such as 2026-12-01T00:00:00Z, got ${quote(text)}`,
      { field },
    );
  }
  // Division of integers rounds towards 0, which before 1970 is up.
  const below = instant.nanos % 1_000_000n < 0n ? 1n : 0n;
  return Number(instant.nanos / 1_000_000n - below);
}

/** As `2026-12-01T00:00:00Z`, with milliseconds where there are any. */
export function formatTime(timeMs: number): string {
  return new Date(timeMs).toISOString().replace(".000Z", "Z");
}

/** A length of time for people, in the largest unit that says enough: `45 s`, `12 min`, `3 h`, `9 d`. */
export function formatDuration(durationMs: number): string {
  const seconds = durationMs / 1000;
  if (seconds < 1) return `${Math.round(durationMs)} ms`;
  if (seconds < 100) return `${Math.round(seconds)} s`;
  if (seconds < 100 * 60) return `${Math.round(seconds / 60)} min`;
  if (seconds < 72 * 3600) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86_400)} d`;
}
