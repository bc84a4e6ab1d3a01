import type { Instant, Span } from "./condition-value.ts";

const nanosPerSecond = 1_000_000_000n;
const secondsMin = -62_135_596_800n;
const secondsMax = 253_402_300_799n;
const int64Max = 9_223_372_036_854_775_807n;

/** RFC 3339, up to nanoseconds; `undefined` where the text is no such time. */
export function parseInstant(text: string): Instant | undefined {
  const match = instantPattern.exec(text);
  const { date, time, fraction, zone } = match?.groups ?? {};
  if (date === undefined || time === undefined || zone === undefined) return undefined;
  const utc = new Date(`${date}T${time}Z`);
  // Date takes the 30th of February for the 1st or 2nd of March.
  if (Number.isNaN(utc.getTime()) || utc.toISOString().slice(0, 19) !== `${date}T${time}`) {
    return undefined;
  }
  const offset = zoneSeconds(zone.toUpperCase());
  if (offset === undefined) return undefined;
  const seconds = BigInt(utc.getTime()) / 1000n - BigInt(offset);
  return instantOf(seconds * nanosPerSecond + BigInt((fraction ?? "").padEnd(9, "0")));
}

/** `undefined` outside the years 1 to 9999. */
export function instantOf(nanos: bigint): Instant | undefined {
  const inRange =
    nanos >= secondsMin * nanosPerSecond && nanos < (secondsMax + 1n) * nanosPerSecond;
  return inRange ? { kind: "timestamp", nanos } : undefined;
}

/** As `2026-02-01T10:00:00.5Z`. */
export function formatInstant(instant: Instant): string {
  const fraction = modulo(instant.nanos, nanosPerSecond);
  const ms = Number((instant.nanos - fraction) / 1_000_000n);
  return `${new Date(ms).toISOString().slice(0, 19)}${formatFraction(fraction)}Z`;
}

/** A signed sequence of decimal numbers with units `h`, `m`, `s`, `ms`, `us`, `ns`, as in `1h30m`. */
export function parseSpan(text: string): Span | undefined {
  if (/^[-+]?0$/.test(text)) return { kind: "duration", nanos: 0n };
  if (text.length > 64 || !/^[-+]?(?:(?:\d+\.?\d*|\.\d+)(?:h|ms|m|s|us|µs|μs|ns))+$/.test(text)) {
    return undefined;
  }
  let nanos = 0n;
  for (const [, whole, fraction, unit] of text.matchAll(/(\d*)\.?(\d*)(h|ms|m|s|us|µs|μs|ns)/g)) {
    const factor = unitNanos.get(unit ?? "");
    if (factor === undefined) return undefined;
    const digits = fraction ?? "";
    nanos += BigInt(whole === "" ? 0 : (whole ?? 0)) * factor;
    nanos += (BigInt(digits === "" ? 0 : digits) * factor) / 10n ** BigInt(digits.length);
  }
  return spanOf(text.startsWith("-") ? -nanos : nanos);
}

/** `undefined` outside of 64 bits. */
export function spanOf(nanos: bigint): Span | undefined {
  return nanos <= int64Max && nanos >= -int64Max - 1n ? { kind: "duration", nanos } : undefined;
}

/** In seconds, as `5400.5s`. */
export function formatSpan(span: Span): string {
  const size = span.nanos < 0n ? -span.nanos : span.nanos;
  const sign = span.nanos < 0n ? "-" : "";
  return `${sign}${size / nanosPerSecond}${formatFraction(size % nanosPerSecond)}s`;
}

export type CalendarField =
  | "year"
  | "month"
  | "date"
  | "day_of_week"
  | "day_of_year"
  | "hour"
  | "minute"
  | "second"
  | "millisecond";

/**
 * A field of the calendar in a zone: `UTC`, an offset such as `+02:00`, or a name such as
 * `Europe/Berlin`. Months and days of week and year count from 0, dates from 1. `undefined` where
 * the zone is unknown.
 */
export function calendarField(
  instant: Instant,
  field: CalendarField,
  zone: string,
): number | undefined {
  const local = localDate(instant, zone);
  if (local === undefined) return undefined;
  switch (field) {
    case "year":
      return local.getUTCFullYear();
    case "month":
      return local.getUTCMonth();
    case "date":
      return local.getUTCDate();
    case "day_of_week":
      return local.getUTCDay();
    case "day_of_year": {
      const start = new Date(local);
      start.setUTCMonth(0, 1);
      return Math.round((local.getTime() - start.getTime()) / 86_400_000);
    }
    case "hour":
      return local.getUTCHours();
    case "minute":
      return local.getUTCMinutes();
    case "second":
      return local.getUTCSeconds();
    case "millisecond":
      return local.getUTCMilliseconds();
  }
}

const instantPattern =
  /^(?<date>\d{4}-\d{2}-\d{2})[Tt](?<time>\d{2}:\d{2}:\d{2})(?:\.(?<fraction>\d{1,9}))?(?<zone>[Zz]|[+-]\d{2}:\d{2})$/;

const unitNanos: ReadonlyMap<string, bigint> = new Map([
  ["ns", 1n],
  ["us", 1000n],
  ["µs", 1000n],
  ["μs", 1000n],
  ["ms", 1_000_000n],
  ["s", nanosPerSecond],
  ["m", 60n * nanosPerSecond],
  ["h", 3600n * nanosPerSecond],
]);

/** The wall clock of the zone, as if it were UTC. */
function localDate(instant: Instant, zone: string): Date | undefined {
  const ms = Number((instant.nanos - modulo(instant.nanos, 1_000_000n)) / 1_000_000n);
  const fixed = zone === "UTC" ? 0 : zoneSeconds(zone);
  if (fixed !== undefined) return new Date(ms + fixed * 1000);
  if (zone.length > 64) return undefined;
  try {
    const parts = new Intl.DateTimeFormat("en-US", {
      timeZone: zone,
      timeZoneName: "longOffset",
    }).formatToParts(new Date(ms));
    const offset = parts.find(({ type }) => type === "timeZoneName")?.value.replace("GMT", "");
    return new Date(ms + (zoneSeconds(offset ?? "") ?? 0) * 1000);
  } catch {
    return undefined; // Intl knows no such zone.
  }
}

/** Of `Z`, `+02:00` or `+02:00:30`; the sign may be missing. */
function zoneSeconds(zone: string): number | undefined {
  if (zone === "Z" || zone === "") return 0;
  const [, sign, hours, minutes, seconds] =
    /^([+-]?)(\d{2}):(\d{2})(?::(\d{2}))?$/.exec(zone) ?? [];
  if (hours === undefined || minutes === undefined) return undefined;
  if (Number(hours) > 23 || Number(minutes) > 59) return undefined;
  const size = Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds ?? 0);
  return sign === "-" ? -size : size;
}

function formatFraction(nanos: bigint): string {
  if (nanos === 0n) return "";
  return `.${String(nanos).padStart(9, "0").replace(/0+$/, "")}`;
}

function modulo(value: bigint, divisor: bigint): bigint {
  const rest = value % divisor;
  return rest < 0n ? rest + divisor : rest;
}
