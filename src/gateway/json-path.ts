import { isObject } from "./json.ts";
import { Refusal } from "./refusal.ts";

/** Where in a call's arguments something stands: `$.a.b`, `$.paths[*]`, `$["odd name"]`. */
export type JsonPath = readonly Step[];

type Step = { readonly kind: "member"; readonly name: string } | { readonly kind: "each" };

/** A value that was found, and how to put another in its place. */
export interface Place {
  readonly value: unknown;
  /** For messages, as in `$.paths[2]`. */
  readonly at: string;
  replace(value: string): void;
}

const stepPattern = /\.([A-Za-z_][A-Za-z0-9_-]*)|\[\*\]|\[("(?:[^"\\]|\\.)*")\]/y;

/** Throws a `SyntaxError` that says what is wrong. `$` alone is the whole. */
export function parseJsonPath(text: string): JsonPath {
  if (!text.startsWith("$")) throw new SyntaxError(`\`${text}\` must begin with $`);
  const steps: Step[] = [];
  stepPattern.lastIndex = 1;
  while (stepPattern.lastIndex < text.length) {
    const at = stepPattern.lastIndex;
    const match = stepPattern.exec(text);
    if (match === null) {
      throw new SyntaxError(
        `\`${text}\` goes on with .name, ["name"] or [*] after ${at} characters`,
      );
    }
    steps.push(stepOf(match));
  }
  return steps;
}

function stepOf(match: RegExpExecArray): Step {
  const [, name, quoted] = match;
  if (name !== undefined) return { kind: "member", name };
  if (quoted === undefined) return { kind: "each" };
  const parsed: unknown = JSON.parse(quoted);
  return { kind: "member", name: String(parsed) };
}

/**
 * Finds every value that the path names. `absent` says that at least one branch ended early: a member
 * that is not there, or an empty array. A value of another kind than the path expects is refused: the
 * tool's server might still make something of it, and that something would go unchecked.
 */
export function findPlaces(
  root: { [name: string]: unknown },
  path: JsonPath,
): { readonly places: readonly Place[]; readonly absent: boolean } {
  const holder = { $: root };
  let places: readonly Place[] = [placeIn(holder, "$", "$")];
  let absent = false;
  for (const step of path) {
    const next = places.flatMap((place) => stepInto(place, step));
    absent ||= places.some((place) => stepInto(place, step).length === 0);
    places = next;
  }
  return { places, absent };
}

function stepInto({ value, at }: Place, step: Step): readonly Place[] {
  switch (step.kind) {
    case "member":
      if (!isObject(value)) throw new Refusal("argument_malformed", `${at} must be an object`);
      if (!Object.hasOwn(value, step.name)) return [];
      return [placeIn(value, step.name, `${at}.${step.name}`)];
    case "each":
      if (!Array.isArray(value)) throw new Refusal("argument_malformed", `${at} must be an array`);
      return value.map((_, index) => placeIn(value, index, `${at}[${index}]`));
  }
}

function placeIn(holder: object, key: string | number, at: string): Place {
  return {
    value: Reflect.get(holder, key),
    at,
    replace: (value) => {
      Reflect.set(holder, key, value);
    },
  };
}
