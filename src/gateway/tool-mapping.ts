import { fileURLToPath, pathToFileURL } from "node:url";
import type { Access, Containment, ObjectRef } from "./authorization.ts";
import { foldersOf, normalizePath, resolveLinks } from "./file-path.ts";
import { findPlaces, type JsonPath, type Place } from "./json-path.ts";
import { isJson, isJsonObject, type Json, type JsonObject } from "./json.ts";
import { Refusal } from "./refusal.ts";

/** How the arguments of one tool become accesses. */
export interface ToolMapping {
  readonly accesses: readonly AccessMapping[];
  /** Parameters of conditions: name → where in the arguments. What is absent is left out. */
  readonly context: ReadonlyMap<string, JsonPath>;
  /** Where given, arguments that neither this nor a path names are refused. */
  readonly otherArguments: ReadonlySet<string> | undefined;
}

export interface AccessMapping {
  readonly path: JsonPath;
  readonly pathText: string;
  readonly type: string;
  readonly role?: string;
  readonly permission?: string;
  readonly kind: "id" | "path" | "file_uri";
  /** The id with `{}` for the value. */
  readonly id: string;
  /** Where false, an absent argument makes no access. */
  readonly required: boolean;
}

/** How paths lie in one another. */
export interface FileTree {
  /** Relative paths begin here; without it they are refused. */
  readonly base?: string;
  /** Above it the graph knows by itself how folders lie; below, the gateway says so. */
  readonly root: string;
  readonly folderType: string;
  /** The relation that says in which folder something lies. */
  readonly relation: string;
  /** Whether the gateway sees the same file system as the server, and follows links before it asks. */
  readonly resolveLinks: boolean;
}

/** What a call comes to. */
export interface MappedCall {
  /** With every mapped value normalised: what is forwarded. */
  readonly arguments: JsonObject;
  readonly accesses: readonly Access[];
  readonly context: JsonObject;
  readonly containment: readonly Containment[];
}

const accessesMax = 100;
const containmentMax = 100;
const idBytesMax = 512;

/**
 * Reads what a call touches out of its arguments. Throws a `Refusal` where that cannot be told. A tool
 * without a mapping touches nothing as far as the gateway knows: whether that will do is for the
 * graph to say, where the tool's `requires` stand.
 */
export async function mapCall(
  mapping: ToolMapping | undefined,
  callArguments: JsonObject,
  tree: FileTree,
): Promise<MappedCall> {
  const normalized: { [name: string]: Json } = structuredClone(callArguments);
  if (mapping === undefined) {
    return { arguments: normalized, accesses: [], context: {}, containment: [] };
  }
  refuseUnmapped(mapping, callArguments);
  const accesses: Access[] = [];
  const containment = new Map<string, Containment>();
  for (const access of mapping.accesses) {
    for (const place of placesOf(access, normalized)) {
      const { resource, lies } = await resourceAt(place, access, tree);
      accesses.push(accessTo(resource, access));
      for (const fact of lies) containment.set(`${fact.object.type}:${fact.object.id}`, fact);
      refuseOver("accesses", accesses.length, accessesMax);
      refuseOver("folders", containment.size, containmentMax);
    }
  }
  return {
    arguments: normalized,
    accesses,
    context: contextOf(mapping, normalized),
    containment: [...containment.values()],
  };
}

/** A server may take one thing under two names: what is not mapped is then not checked. */
function refuseUnmapped(mapping: ToolMapping, callArguments: JsonObject): void {
  const { accesses, context, otherArguments } = mapping;
  if (otherArguments === undefined) return;
  const paths = [...accesses.map(({ path }) => path), ...context.values()];
  const mapped = paths.flatMap(([first]) => (first?.kind === "member" ? [first.name] : []));
  const unmapped = Object.keys(callArguments).find(
    (name) => !otherArguments.has(name) && !mapped.includes(name),
  );
  if (unmapped !== undefined) {
    throw new Refusal(
      "argument_unmapped",
      `the argument ${JSON.stringify(unmapped)} is not mapped`,
    );
  }
}

function placesOf(
  access: AccessMapping,
  callArguments: { [name: string]: Json },
): readonly Place[] {
  const { places, absent } = findPlaces(callArguments, access.path);
  if (absent && access.required) {
    throw new Refusal("access_missing", `the call has no ${access.pathText}, or only for a part`);
  }
  return places;
}

/** Also puts the normalised value in place of the one that came in. */
async function resourceAt(
  place: Place,
  access: AccessMapping,
  tree: FileTree,
): Promise<{ readonly resource: ObjectRef; readonly lies: readonly Containment[] }> {
  switch (access.kind) {
    case "id":
      return { resource: objectOf(access, plainValue(place)), lies: [] };
    case "path": {
      const path = await pathOf(textAt(place), tree);
      place.replace(path);
      return { resource: objectOf(access, path), lies: containmentOf(path, access, tree) };
    }
    case "file_uri": {
      const path = await pathOf(pathOfUri(place), tree);
      place.replace(pathToFileURL(path).href);
      return { resource: objectOf(access, path), lies: containmentOf(path, access, tree) };
    }
  }
}

async function pathOf(text: string, tree: FileTree): Promise<string> {
  const path = normalizePath(text, tree.base);
  return tree.resolveLinks ? await resolveLinks(path) : path;
}

function pathOfUri(place: Place): string {
  const text = textAt(place);
  try {
    // What is encoded twice comes out encoded once, and the parser of paths refuses nothing of that:
    // decoding it again would be one time too often.
    const path = fileURLToPath(text);
    if (/%[0-9a-f]{2}/i.test(path)) throw new SyntaxError("percent-encoded more than once");
    return path;
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new Refusal("path_refused", `${place.at} is no plain file URI: ${why}`);
  }
}

function plainValue(place: Place): string {
  const { value } = place;
  if (Number.isSafeInteger(value)) return String(value);
  const text = textAt(place).normalize("NFC");
  if (text !== value) place.replace(text);
  return text;
}

function textAt({ value, at }: Place): string {
  if (typeof value !== "string") throw new Refusal("argument_malformed", `${at} must be a string`);
  return value;
}

function objectOf(access: AccessMapping, value: string): ObjectRef {
  return objectWithId(
    access.type,
    access.id.replace("{}", () => value),
  );
}

function objectWithId(type: string, id: string): ObjectRef {
  const bytes = Buffer.byteLength(id);
  if (bytes < 1 || bytes > idBytesMax || id === "*" || /[\p{Cc}\p{Cs}]/u.test(id)) {
    throw new Refusal(
      "argument_malformed",
      `an id of \`${type}\` has 1 to ${idBytesMax} bytes, no control characters, and is not *`,
    );
  }
  return { type, id };
}

function accessTo(resource: ObjectRef, { role, permission }: AccessMapping): Access {
  return {
    resource,
    ...(role === undefined ? {} : { role }),
    ...(permission === undefined ? {} : { permission }),
  };
}

/** The chain from a path to the root: each lies in the folder that its text names. */
function containmentOf(
  path: string,
  access: AccessMapping,
  tree: FileTree,
): readonly Containment[] {
  let object = objectOf(access, path);
  return foldersOf(path, tree.root).map((folder) => {
    const container = objectWithId(
      tree.folderType,
      access.id.replace("{}", () => folder),
    );
    const fact = { object, relation: tree.relation, container };
    object = container;
    return fact;
  });
}

function contextOf(mapping: ToolMapping, callArguments: { [name: string]: Json }): JsonObject {
  const context: { [name: string]: Json } = {};
  for (const [name, path] of mapping.context) {
    const [place] = findPlaces(callArguments, path).places;
    if (place !== undefined && isJson(place.value)) context[name] = place.value;
  }
  return context;
}

function refuseOver(what: string, count: number, most: number): void {
  if (count > most) throw new Refusal("limit_exceeded", `the call touches over ${most} ${what}`);
}

/** The arguments of a call, which may be absent. */
export function argumentsOf(value: unknown): JsonObject {
  if (value === undefined) return {};
  if (isJsonObject(value)) return value;
  throw new Refusal("argument_malformed", "the arguments must be an object");
}
