import { compareBytes } from "../core/byte-order.ts";
import type { Value } from "./condition-value.ts";
import {
  binary,
  bool,
  double,
  duration,
  failure,
  int,
  list,
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
    binary(list, list, list.type, (a, b) => [...a, ...b], listCost),
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

/** Numbers are ordered across their types; `NaN` stands in no order. */
function orders(holds: (order: number) => boolean): Overload[] {
  return [
    order(int, int, compareNumbers),
    order(double, double, compareNumbers),
    order(uint, uint, (a, b) => compareNumbers(a.value, b.value)),
    order(int, double, compareNumbers),
    order(double, int, compareNumbers),
    order(int, uint, (a, b) => compareNumbers(a, b.value)),
    order(uint, int, (a, b) => compareNumbers(a.value, b)),
    order(double, uint, (a, b) => compareNumbers(a, b.value)),
    order(uint, double, (a, b) => compareNumbers(a.value, b)),
    order(string, string, compareBytes),
    order(bool, bool, (a, b) => Number(a) - Number(b)),
    order(timestamp, timestamp, (a, b) => compareNumbers(a.nanos, b.nanos)),
    order(duration, duration, (a, b) => compareNumbers(a.nanos, b.nanos)),
  ];

  function order<A extends Value, B extends Value>(
    left: Kind<A>,
    right: Kind<B>,
    compare: (left: A, right: B) => number,
  ): Overload {
    return binary(left, right, bool.type, (a, b) => holds(compare(a, b)), textCost);
  }
}

/** Exact, also between a bigint and a number. */
function compareNumbers(left: number | bigint, right: number | bigint): number {
  if (left < right) return -1;
  if (left > right) return 1;
  return left >= right ? 0 : Number.NaN;
}

function listCost(args: readonly Value[]): number {
  return args.reduce<number>((sum, value) => sum + (list.is(value) ? value.length : 0), 0);
}

function instantAt(nanos: bigint): Outcome {
  return instantOf(nanos) ?? failure("timestamp out of range");
}

function spanAt(nanos: bigint): Outcome {
  return spanOf(nanos) ?? failure("duration out of range");
}
