import { isJsonObject, type Json, type JsonObject } from "../../src/core/json.ts";

/** One element of an argument. */
export type ArgumentValue =
  | { readonly kind: "known"; readonly text: string }
  /** Made while the task runs, by code that the corpus only names. */
  | { readonly kind: "computed"; readonly expression: string };

const environmentPath = /^pre_environment((?:\.\w+|\[\d+\])+?)(?:\.isoformat\(\))?$/;
// What is left of a Python f-string: `{hotel.name}`.
const interpolation = /\{[a-zA-Z_]\w*[.[\]\w]*\}/;

/**
 * The elements of an argument; one that is no list is its own only element. An expression that only
 * reads the environment is read; every other is `computed`: nothing is guessed.
 */
export function argumentValues(json: Json, environment: JsonObject): readonly ArgumentValue[] {
  return (Array.isArray(json) ? json : [json]).map((element: Json) =>
    valueOf(element, environment),
  );
}

function valueOf(json: Json, environment: JsonObject): ArgumentValue {
  if (!isJsonObject(json)) return valueOfScalar(json);
  const expression = json["$expr"];
  if (typeof expression !== "string") return { kind: "known", text: JSON.stringify(json) };
  const path = environmentPath.exec(expression)?.[1];
  const read = path === undefined ? undefined : readPath(path, environment);
  if (read === undefined || typeof read === "object") return { kind: "computed", expression };
  return valueOfScalar(read);
}

function valueOfScalar(json: Json): ArgumentValue {
  const text = typeof json === "string" ? json : JSON.stringify(json);
  return interpolation.test(text)
    ? { kind: "computed", expression: text }
    : { kind: "known", text };
}

function readPath(path: string, environment: JsonObject): Json | undefined {
  const steps = path.match(/\w+/g) ?? [];
  return steps.reduce<Json | undefined>((at, step) => {
    if (Array.isArray(at)) return at[Number(step)];
    return at !== undefined && isJsonObject(at) && Object.hasOwn(at, step) ? at[step] : undefined;
  }, environment);
}
