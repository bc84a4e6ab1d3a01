import { resolve } from "node:path";

/** One thing that an operator may set by a flag or a variable. */
export interface Option<Value> {
  readonly flag: string;
  readonly variable: string;
  readonly meaning: string;
  /** What a value must be, as it stands in an error. */
  readonly allowed: string;
  /** The default, as it stands in the help. */
  readonly shown: string;
  readonly standard: () => Value;
  /** `undefined`: not allowed. */
  readonly parse: (text: string) => { readonly is: Value } | undefined;
  readonly secret?: boolean;
}

/** Where to listen. Port 0 takes a free one. */
export interface Address {
  readonly host: string;
  readonly port: number;
}

export const second = 1000;
export const hour: number = 3600 * second;
export const day: number = 24 * hour;
export const mebibyte: number = 1024 * 1024;

/** The names of an option: `--data-dir` is `PROKURA_DATA_DIR` in the environment. */
export function named(
  flag: string,
  meaning: string,
): { readonly flag: string; readonly meaning: string; readonly variable: string } {
  return { flag, meaning, variable: `PROKURA_${flag.toUpperCase().replaceAll("-", "_")}` };
}

export function address(flag: string, meaning: string, port: number): Option<Address> {
  return {
    ...named(flag, meaning),
    allowed: "host:port, the port from 0 (any free one) to 65535",
    shown: `127.0.0.1:${port}`,
    standard: () => ({ host: "127.0.0.1", port }),
    parse: (text) => {
      const match = /^(?:\[([0-9A-Fa-f:.]+)\]|([^\s:[\]/]+)):([0-9]{1,5})$/.exec(text);
      const host = match?.[1] ?? match?.[2];
      const parsed = Number(match?.[3]);
      return host !== undefined && parsed <= 65_535 ? { is: { host, port: parsed } } : undefined;
    },
  };
}

export function count(
  flag: string,
  meaning: string,
  standard: number,
  min: number,
  max: number,
): Option<number> {
  return {
    ...named(flag, `most ${meaning}`),
    allowed: `a whole number from ${min} to ${max}`,
    shown: String(standard),
    standard: () => standard,
    parse: (text) => within(/^[0-9]{1,9}$/.test(text) ? Number(text) : Number.NaN, min, max),
  };
}

/** Per second; `Infinity` where none is set. */
export function rate(flag: string, meaning: string, max: number): Option<number> {
  return {
    ...named(flag, `most ${meaning} a second`),
    allowed: `none, or a whole number from 1 to ${max}`,
    shown: "none",
    standard: () => Infinity,
    parse: (text) =>
      text === "none"
        ? { is: Infinity }
        : within(/^[0-9]{1,9}$/.test(text) ? Number(text) : Number.NaN, 1, max),
  };
}

export function duration(
  flag: string,
  meaning: string,
  shown: string,
  standard: number,
): Option<number> {
  const units: Readonly<Record<string, number>> = {
    ms: 1,
    s: second,
    m: 60 * second,
    h: hour,
    d: day,
  };
  return {
    ...named(flag, meaning),
    allowed: "a length of time over 0 with its unit: ms, s, m, h or d",
    shown,
    standard: () => standard,
    parse: (text) => within(scaled(text, units), 1, 3650 * day),
  };
}

export function size(
  flag: string,
  meaning: string,
  shown: string,
  standard: number,
): Option<number> {
  const units: Readonly<Record<string, number>> = {
    B: 1,
    KiB: 1024,
    MiB: mebibyte,
    GiB: 1024 * mebibyte,
  };
  return {
    ...named(flag, `most bytes of ${meaning}`),
    allowed: "a size from 1KiB to 1024GiB with its unit: B, KiB, MiB or GiB",
    shown,
    standard: () => standard,
    parse: (text) => within(scaled(text, units), 1024, 1024 * 1024 * mebibyte),
  };
}

export function file(flag: string, meaning: string, shown: string): Option<string | undefined> {
  return {
    ...named(flag, meaning),
    allowed: "a path",
    shown,
    standard: () => undefined,
    parse: (text) => (text === "" ? undefined : { is: resolve(text) }),
  };
}

export function choice<Value extends string>(
  flag: string,
  meaning: string,
  values: readonly Value[],
  standard: Value,
): Option<Value> {
  return {
    ...named(flag, meaning),
    allowed: `one of ${values.join(", ")}`,
    shown: standard,
    standard: () => standard,
    parse: (text) => {
      const value = values.find((one) => one === text);
      return value === undefined ? undefined : { is: value };
    },
  };
}

function scaled(text: string, units: Readonly<Record<string, number>>): number {
  const match = /^([0-9]{1,12})([A-Za-z]{1,3})$/.exec(text);
  return Number(match?.[1]) * (units[match?.[2] ?? ""] ?? Number.NaN);
}

function within(value: number, min: number, max: number): { readonly is: number } | undefined {
  return value >= min && value <= max ? { is: value } : undefined;
}
