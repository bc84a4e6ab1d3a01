/** A JSON value, as a message carries it. */
export type Json = null | boolean | number | string | Json[] | JsonObject;

export interface JsonObject {
  readonly [name: string]: Json;
}

/** Deeper messages are refused: whoever reads them next may recurse. */
const depthMax = 64;

/**
 * Parses strictly: throws on broken text, on nesting over 64, and on an object that has a name twice.
 * Readers disagree on which of two equal names counts, so what is checked could differ from what is used.
 */
export function parseJson(text: string): unknown {
  const value: unknown = JSON.parse(text);
  refuseDuplicates(text);
  return value;
}

export function isObject(value: unknown): value is { readonly [name: string]: unknown } {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Whether a value consists of JSON alone: what came out of a parser does. */
export function isJson(value: unknown): value is Json {
  if (Array.isArray(value)) return value.every(isJson);
  if (isObject(value)) return Object.values(value).every(isJson);
  return value === null || ["boolean", "number", "string"].includes(typeof value);
}

export function isJsonObject(value: unknown): value is JsonObject {
  return isObject(value) && isJson(value);
}

/** Walks over text that is known to be JSON. */
function refuseDuplicates(text: string): void {
  // The names of each open object; `undefined` stands for an open array.
  const open: (Set<string> | undefined)[] = [];
  let nameExpected = false;
  for (let index = 0; index < text.length; index += 1) {
    switch (text.charAt(index)) {
      case "{":
      case "[":
        nameExpected = text[index] === "{";
        open.push(nameExpected ? new Set() : undefined);
        if (open.length > depthMax) throw new SyntaxError(`nested over ${depthMax} deep`);
        break;
      case "}":
      case "]":
        open.pop();
        nameExpected = false;
        break;
      case ",":
        nameExpected = open.at(-1) !== undefined;
        break;
      case '"': {
        const end = endOfString(text, index);
        const names = open.at(-1);
        if (nameExpected && names !== undefined) addName(names, text.slice(index, end + 1));
        nameExpected = false;
        index = end;
        break;
      }
    }
  }
}

function addName(names: Set<string>, quoted: string): void {
  // `"a"` and `"\u0061"` are one name.
  const name: unknown = JSON.parse(quoted);
  if (typeof name !== "string" || names.has(name)) {
    throw new SyntaxError(`the name ${quoted.slice(0, 80)} stands twice in one object`);
  }
  names.add(name);
}

function endOfString(text: string, start: number): number {
  let index = start + 1;
  while (text[index] !== '"') index += text[index] === "\\" ? 2 : 1;
  return index;
}
