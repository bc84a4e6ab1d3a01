import { compareBytes } from "../core/byte-order.ts";
import type { Value } from "./condition-value.ts";
import {
  binary,
  bool,
  double,
  duration,
  failure,
  int,
  string,
  textCost,
  timestamp,
  uint,
  unary,
  type Kind,
  type Outcome,
  type Overload,
} from "./expression-function.ts";
import { instantOf, spanOf } from "./instant.ts";

/** Operators on numbers, times and texts, under the names that the parser gives them. */
export const arithmeticFunctions: ReadonlyMap<string, readonly Overload[]> = new Map([
  ["_+_", additions()],
  ["_-_", subtractions()],
  [
    "_*_",
    numeric(
      (a, b) => a * b,
      (a, b) => a * b,
    ),
  ],
  [
    "_/_",
    numeric(
      (a, b) => (b === 0n ? undefined : a / b),
      (a, b) => a / b,
    ),
  ],
  ["_%_", numeric((a, b) => (b === 0n ? undefined : a % b), undefined)],
  [
    "-_",
    [
      unary(int, int.type, (value) => wholeInt(-value)),
      unary(double, double.type, (value) => -value),
    ],
  ],
  ["_<_", orders((order) => order < 0)],
  ["_<=_", orders((order) => order <= 0)],
  ["_>_", orders((order) => order > 0)],
  ["_>=_", orders((order) => order >= 0)],
]);

/** Fails outside of 64 bits. */
export function wholeInt(value: bigint | undefined): Outcome {
  if (value === undefined) return failure("division by zero");
  return BigInt.asIntN(64, value) === value ? value : failure("int overflow");
}

/** Fails below zero and outside of 64 bits. */
export function wholeUint(value: bigint | undefined): Outcome {
  if (value === undefined) return failure("division by zero");
  if (BigInt.asUintN(64, value) !== value) return failure("uint overflow");
  return { kind: "uint", value };
}

function additions(): Overload[] {
  return [
    ...numeric(
      (a, b) => a + b,
      (a, b) => a + b,
    ),
    binary(string, string, string.type, (a, b) => a + b, textCost),
    binary(duration, duration, duration.type, (a, b) => spanAt(a.nanos + b.nanos)),
    binary(timestamp, duration, timestamp.type, (a, b) => instantAt(a.nanos + b.nanos)),
    binary(duration, timestamp, timestamp.type, (a, b) => instantAt(a.nanos + b.nanos)),
  ];
}

function subtractions(): Overload[] {
  return [
    ...numeric(
      (a, b) => a - b,
      (a, b) => a - b,
    ),
    binary(duration, duration, duration.type, (a, b) => spanAt(a.nanos - b.nanos)),
    binary(timestamp, duration, timestamp.type, (a, b) => instantAt(a.nanos - b.nanos)),
    binary(timestamp, timestamp, duration.type, (a, b) => spanAt(a.nanos - b.nanos)),
  ];
}

function numeric(
  whole: (left: bigint, right: bigint) => bigint | undefined,
  real: ((left: number, right: number) => number) | undefined,
): Overload[] {
  return [
    binary(int, int, int.type, (a, b) => wholeInt(whole(a, b))),
    binary(uint, uint, uint.type, (a, b) => wholeUint(whole(a.value, b.value))),
    ...(real === undefined ? [] : [binary(double, double, double.type, real)]),
  ];
}

/** Values of one type only; `NaN` stands in no order. */
function orders(holds: (order: number) => boolean): Overload[] {
  return [
    order(int, (a, b) => Number(a > b) - Number(a < b)),
    order(uint, (a, b) => Number(a.value > b.value) - Number(a.value < b.value)),
    order(double, (a, b) => (a < b ? -1 : a > b ? 1 : a === b ? 0 : Number.NaN)),
    order(string, compareBytes),
    order(bool, (a, b) => Number(a) - Number(b)),
    order(timestamp, (a, b) => Number(a.nanos > b.nanos) - Number(a.nanos < b.nanos)),
    order(duration, (a, b) => Number(a.nanos > b.nanos) - Number(a.nanos < b.nanos)),
  ];

  function order<V extends Value>(kind: Kind<V>, compare: (a: V, b: V) => number): Overload {
    return binary(kind, kind, bool.type, (a, b) => holds(compare(a, b)), textCost);
  }
}

function instantAt(nanos: bigint): Outcome {
  return instantOf(nanos) ?? failure("timestamp out of range");
}

function spanAt(nanos: bigint): Outcome {
  return spanOf(nanos) ?? failure("duration out of range");
}
