import { celEnv, isCelError, parse, plan } from "@bufbuild/cel";

import type { Instant, Span, Value } from "./condition-value.ts";
import { wholeInt, wholeUint } from "./arithmetic-functions.ts";
import { parseDecimal } from "./context-value.ts";
import {
  binary,
  bool,
  double,
  duration,
  failure,
  int,
  ipaddress,
  list,
  map,
  string,
  textCost,
  timestamp,
  uint,
  unary,
  type Outcome,
  type Overload,
} from "./expression-function.ts";
import {
  calendarField,
  formatInstant,
  formatSpan,
  instantOf,
  parseInstant,
  parseSpan,
  type CalendarField,
} from "./instant.ts";
import { inCidr, parseIpAddress } from "./ip-address.ts";

/** Functions by name, methods by `.name` with the target as their first argument. */
export const valueFunctions: ReadonlyMap<string, readonly Overload[]> = new Map([
  ["size", sizes()],
  [".size", sizes()],
  [".contains", [binary(string, string, bool.type, (text, part) => text.includes(part), textCost)]],
  [".startsWith", [binary(string, string, bool.type, (a, b) => a.startsWith(b), textCost)]],
  [".endsWith", [binary(string, string, bool.type, (a, b) => a.endsWith(b), textCost)]],
  [".matches", [binary(string, string, bool.type, matches, matchCost)]],
  ["matches", [binary(string, string, bool.type, matches, matchCost)]],
  [
    "ipaddress",
    [unary(string, ipaddress.type, (text) => parsed(parseIpAddress(text), "ipaddress"))],
  ],
  [".in_cidr", [binary(ipaddress, string, bool.type, (a, b) => parsed(inCidr(a, b), "range"))]],
  ...conversions(),
  ...readings(),
  ...calendarFields(),
]);

function sizes(): Overload[] {
  return [
    unary(string, int.type, (text) => BigInt(Array.from(text).length), textCost),
    unary(list, int.type, (elements) => BigInt(elements.length)),
    unary(map, int.type, (entries) => BigInt(entries.size)),
  ];
}

const patternUnitsMax = 256;
const planned = plan(celEnv(), parse("text.matches(pattern)"));

/** RE2, which takes time linear in the text: no pattern can blow up. */
function matches(text: string, pattern: string): Outcome {
  if (pattern.length > patternUnitsMax) {
    return failure(`a pattern has at most ${patternUnitsMax} characters`);
  }
  const result = planned({ text, pattern });
  if (isCelError(result) || typeof result !== "boolean")
    return failure("the pattern is no RE2 pattern");
  return result;
}

/** The pattern is compiled, and each unit of the text meets up to all of its states. */
function matchCost([text, pattern]: readonly Value[]): number {
  if (typeof text !== "string" || typeof pattern !== "string") return 0;
  if (pattern.length > patternUnitsMax) return 0; // Refused, before it is looked at.
  let repeats = 1;
  for (const [, count] of pattern.matchAll(/\{\d*,?(\d+)\}/g)) {
    repeats = Math.min(1000, repeats * Math.max(1, Number(count)));
  }
  // An open repeat `{n,}` has n copies as well.
  for (const [, count] of pattern.matchAll(/\{(\d+),\}/g)) {
    repeats = Math.min(1000, repeats * Math.max(1, Number(count)));
  }
  const states = pattern.length * repeats;
  return 50 + Math.ceil(states / 10) + Math.ceil((states * text.length) / 50);
}

function conversions(): [string, readonly Overload[]][] {
  return [
    [
      "int",
      [
        unary(int, int.type, (value) => value),
        unary(uint, int.type, ({ value }) => wholeInt(value)),
        unary(double, int.type, (value) => truncated(value, -(2 ** 63), wholeInt)),
        unary(string, int.type, (text) => decimal(text, /^[-+]?\d{1,20}$/, wholeInt)),
        unary(timestamp, int.type, ({ nanos }) => floorDivide(nanos, 1_000_000_000n)),
      ],
    ],
    [
      "uint",
      [
        unary(uint, uint.type, (value) => value),
        unary(int, uint.type, wholeUint),
        unary(double, uint.type, (value) => truncated(value, -Number.MIN_VALUE, wholeUint)),
        unary(string, uint.type, (text) => decimal(text, /^\d{1,20}$/, wholeUint)),
      ],
    ],
    [
      "double",
      [
        unary(double, double.type, (value) => value),
        unary(int, double.type, Number),
        unary(uint, double.type, ({ value }) => Number(value)),
        unary(string, double.type, (text) => finite(parseDecimal(text))),
      ],
    ],
    [
      "bool",
      [
        unary(bool, bool.type, (value) => value),
        unary(string, bool.type, (text) => parsed(booleans.get(text), "bool")),
      ],
    ],
  ];
}

function readings(): [string, readonly Overload[]][] {
  return [
    [
      "string",
      [
        unary(string, string.type, (text) => text),
        unary(bool, string.type, String),
        unary(int, string.type, String),
        unary(uint, string.type, ({ value }) => String(value)),
        unary(double, string.type, String),
        unary(timestamp, string.type, formatInstant),
        unary(duration, string.type, formatSpan),
      ],
    ],
    [
      "timestamp",
      [
        unary(timestamp, timestamp.type, (value) => value),
        unary(string, timestamp.type, (text) => parsed(parseInstant(text), "timestamp")),
        unary(int, timestamp.type, (seconds) =>
          parsed(instantOf(seconds * 1_000_000_000n), "timestamp"),
        ),
      ],
    ],
    [
      "duration",
      [
        unary(duration, duration.type, (value) => value),
        unary(string, duration.type, (text) => parsed(parseSpan(text), "duration")),
      ],
    ],
  ];
}

/** With the methods that durations have as well. */
function calendarFields(): [string, readonly Overload[]][] {
  const field = (
    name: string,
    of: CalendarField,
    first = 0n,
    spanNanos?: bigint,
  ): [string, readonly Overload[]] => {
    const read = (instant: Instant, zone: string): Outcome => {
      const value = calendarField(instant, of, zone);
      return value === undefined ? failure("the time zone is unknown") : BigInt(value) + first;
    };
    const zoned = (args: readonly Value[]): number => (args[1] === "UTC" ? 0 : 50);
    const spans =
      spanNanos === undefined
        ? []
        : [unary(duration, int.type, ({ nanos }: Span) => nanos / spanNanos)];
    return [
      name,
      [
        unary(timestamp, int.type, (instant) => read(instant, "UTC")),
        binary(timestamp, string, int.type, read, zoned),
        ...spans,
      ],
    ];
  };
  return [
    field(".getFullYear", "year"),
    field(".getMonth", "month"),
    field(".getDate", "date"),
    field(".getDayOfMonth", "date", -1n),
    field(".getDayOfWeek", "day_of_week"),
    field(".getDayOfYear", "day_of_year"),
    field(".getHours", "hour", 0n, 3_600_000_000_000n),
    field(".getMinutes", "minute", 0n, 60_000_000_000n),
    field(".getSeconds", "second", 0n, 1_000_000_000n),
    field(".getMilliseconds", "millisecond"),
  ];
}

const booleans: ReadonlyMap<string, boolean> = new Map([
  ...["true", "True", "TRUE", "t", "1"].map((text): [string, boolean] => [text, true]),
  ...["false", "False", "FALSE", "f", "0"].map((text): [string, boolean] => [text, false]),
]);

function parsed(value: Value | undefined, what: string): Outcome {
  return value ?? failure(`the value is no ${what}`);
}

/** A decimal beyond the range of doubles would become infinite: another value than was written. */
function finite(value: number | undefined): Outcome {
  const isDouble = value !== undefined && Number.isFinite(value);
  return isDouble ? value : failure("the value is no double");
}

/** As CEL has it, the value must lie above `bound` even before its fraction is cut off. */
function truncated(value: number, bound: number, whole: (value: bigint) => Outcome): Outcome {
  return Number.isFinite(value) && value > bound
    ? whole(BigInt(Math.trunc(value)))
    : failure("the value is out of range");
}

function decimal(text: string, form: RegExp, whole: (value: bigint) => Outcome): Outcome {
  return form.test(text)
    ? whole(BigInt(text.replace("+", "")))
    : failure("the text is no whole number");
}

function floorDivide(value: bigint, divisor: bigint): bigint {
  return value >= 0n ? value / divisor : (value - divisor + 1n) / divisor;
}
