import { DomainError } from "../core/error.ts";
import { parseName, parseObjectText, quote, type Name, type ObjectRef } from "../core/object.ts";
import { parseSubjectText, type Subject } from "../core/subject.ts";

/** One flag of a command, and how what was given becomes a value. */
export interface Flag<Value> {
  readonly name: string;
  /** What stands for the value in the help. Absent: the flag takes none. */
  readonly value?: string;
  readonly meaning: string;
  /** The default, or what else the help should say of leaving it out. */
  readonly without?: string;
  /** May be given several times. */
  readonly many: boolean;
  /** A variable of the environment that stands in for the flag. */
  readonly variable?: string;
  readonly read: (given: readonly string[]) => Value;
}

/** Reads one value; `field` is the flag as it was written, for the error. */
export type Parse<Value> = (text: string, field: string) => Value;

export type FlagTable = Readonly<Record<string, Flag<unknown>>>;

/** What the flags of a table read. */
export type FlagValues<Table extends FlagTable> = {
  readonly [Key in keyof Table]: Table[Key] extends Flag<infer Value> ? Value : never;
};

interface Wording {
  readonly name: string;
  readonly value: string;
  readonly meaning: string;
}

export function toggle(name: string, meaning: string): Flag<boolean> {
  return { name, meaning, many: false, read: (given) => given.length > 0 };
}

export function optional<Value>(
  wording: Wording & { readonly variable?: string },
  parse: Parse<Value>,
): Flag<Value | undefined> {
  return {
    ...wording,
    many: false,
    read: ([text]) => (text === undefined ? undefined : parse(text, `--${wording.name}`)),
  };
}

export function required<Value>(wording: Wording, parse: Parse<Value>): Flag<Value> {
  return {
    ...wording,
    without: "required",
    many: false,
    read: ([text]) => {
      if (text === undefined) throw missing(wording);
      return parse(text, `--${wording.name}`);
    },
  };
}

export function repeated<Value>(wording: Wording, parse: Parse<Value>): Flag<readonly Value[]> {
  return {
    ...wording,
    many: true,
    read: (given) => given.map((text) => parse(text, `--${wording.name}`)),
  };
}

export function atLeastOne<Value>(wording: Wording, parse: Parse<Value>): Flag<readonly Value[]> {
  return {
    ...repeated(wording, parse),
    without: "required",
    read: (given) => {
      if (given.length === 0) throw missing(wording);
      return given.map((text) => parse(text, `--${wording.name}`));
    },
  };
}

/** `standard` is the default as text, and is read like any other. */
export function standing<Value>(
  wording: Wording & { readonly variable?: string },
  parse: Parse<Value>,
  standard: string,
): Flag<Value> {
  return {
    ...wording,
    without: `default: ${standard}`,
    many: false,
    read: ([text = standard]) => parse(text, `--${wording.name}`),
  };
}

export function optionalObject(name: string, meaning: string): Flag<ObjectRef | undefined> {
  return optional({ name, value: "TYPE:ID", meaning }, parseObjectText);
}

export function requiredObject(name: string, meaning: string): Flag<ObjectRef> {
  return required({ name, value: "TYPE:ID", meaning }, parseObjectText);
}

export function optionalText(
  name: string,
  value: string,
  meaning: string,
): Flag<string | undefined> {
  return optional({ name, value, meaning }, parseText);
}

export function optionalName(name: string, value: string, meaning: string): Flag<Name | undefined> {
  return optional({ name, value, meaning }, parseName);
}

export function optionalSubject(name: string, meaning: string): Flag<Subject | undefined> {
  return optional({ name, value: "SUBJECT", meaning }, parseSubjectText);
}

export function parseText(text: string, field: string): string {
  if (text !== "") return text;
  throw new DomainError("malformed", `${field} must not be empty`, { field });
}

/** A whole number from 1 to 2^31. */
export function parseCount(text: string, field: string): number {
  const count = /^[0-9]{1,10}$/.test(text) ? Number(text) : 0;
  if (count >= 1 && count <= 2 ** 31) return count;
  throw new DomainError("malformed", `${field} must be a whole number from 1, got ${quote(text)}`, {
    field,
  });
}

export function parseOneOf<Value extends string>(values: readonly Value[]): Parse<Value> {
  return (text, field) => {
    const value = values.find((one) => one === text);
    if (value !== undefined) return value;
    throw new DomainError(
      "malformed",
      `${field} must be one of ${values.join(", ")}, got ${quote(text)}`,
      { field },
    );
  };
}

function missing({ name, value }: Wording): DomainError {
  return new DomainError("malformed", `--${name} ${value} is missing`, { field: `--${name}` });
}
