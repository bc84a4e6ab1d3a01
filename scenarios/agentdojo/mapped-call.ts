import { isJsonObject, type Json, type JsonObject } from "../../src/core/json.ts";
import { argumentValues, type ArgumentValue } from "./argument-value.ts";
import type { SuiteName, ToolCall } from "./corpus.ts";
import { mappingOf, type PinnedArgument } from "./tool-mapping.ts";

/** A call as a gateway sees it. Values may not be known yet. */
export interface MappedCall {
  readonly tool: string;
  readonly accesses: readonly MappedAccess[];
  /** Arguments that a condition speaks of. */
  readonly stated: readonly (readonly [name: string, value: ArgumentValue])[];
}

export interface MappedAccess {
  readonly type: string;
  /** The argument's name. */
  readonly role: string;
  readonly value: ArgumentValue;
}

/** A call with all its values. */
export interface ConcreteCall {
  readonly tool: string;
  readonly accesses: readonly ConcreteAccess[];
  readonly stated: Readonly<Record<string, string>>;
}

export interface ConcreteAccess {
  readonly type: string;
  readonly role: string;
  readonly id: string;
}

const concreteCallsMax = 100;

/** Fails on an argument that the tool's mapping does not name. */
export function mapCall(suite: SuiteName, call: ToolCall, environment: JsonObject): MappedCall {
  const { pinned, open } = mappingOf(suite, call.tool);
  const known = new Set([...open, ...pinned.map(({ argument }) => argument)]);
  const strange = Object.keys(call.args).find((name) => !known.has(name));
  if (strange !== undefined) throw new TypeError(`${call.tool} has an unmapped ${strange}`);
  const accesses: MappedAccess[] = [];
  const stated: (readonly [string, ArgumentValue])[] = [];
  for (const argument of pinned) {
    const json = call.args[argument.argument];
    for (const value of json === undefined ? [] : valuesOf(argument, json, environment)) {
      if (argument.as === "condition") stated.push([argument.argument, value]);
      else accesses.push({ type: argument.type, role: argument.argument, value });
    }
  }
  return { tool: call.tool, accesses, stated };
}

/**
 * Every way in which the values that are not known could come out, as far as it matters to a
 * delegation: each of `candidates`, and one that nobody has named.
 */
export function concreteCalls(
  call: MappedCall,
  candidates: (role: string) => readonly string[],
): readonly ConcreteCall[] {
  let accesses: readonly (readonly ConcreteAccess[])[] = [[]];
  for (const { type, role, value } of call.accesses) {
    const ids = value.kind === "known" ? [value.text] : [...candidates(role), standIn(value)];
    accesses = accesses.flatMap((before) => ids.map((id) => [...before, { type, role, id }]));
    if (accesses.length > concreteCallsMax) throw new RangeError(`${call.tool} has too many cases`);
  }
  const stated = Object.fromEntries(
    call.stated.map(([name, value]) => [
      name,
      value.kind === "known" ? value.text : standIn(value),
    ]),
  );
  return accesses.map((way) => ({ tool: call.tool, accesses: way, stated }));
}

function valuesOf(
  argument: PinnedArgument,
  json: Json,
  environment: JsonObject,
): readonly ArgumentValue[] {
  if (argument.as === "condition") return argumentValues(json, environment);
  const { member, isTime } = argument;
  const meant = member === undefined ? json : membersOf(json, member);
  const values = argumentValues(meant, environment);
  return isTime ? values.map(dayOf) : values;
}

function membersOf(json: Json, member: string): Json {
  if (!Array.isArray(json)) throw new TypeError(`no list with ${member} in it`);
  return json.map((element: Json) => {
    const value = isJsonObject(element) ? element[member] : undefined;
    if (value === undefined) throw new TypeError(`no ${member}`);
    return value;
  });
}

function dayOf(value: ArgumentValue): ArgumentValue {
  if (value.kind === "computed") return value;
  const day = /^\d{4}-\d{2}-\d{2}/.exec(value.text)?.[0];
  if (day === undefined) throw new TypeError(`${value.text} is no time`);
  return { kind: "known", text: day };
}

function standIn(value: ArgumentValue & { readonly kind: "computed" }): string {
  return `computed: ${value.expression}`;
}
