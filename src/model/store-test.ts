import { parseDocument } from "yaml";

import { DomainError } from "../core/error.ts";
import { isJsonObject, type Json, type JsonObject } from "../core/json.ts";
import { parseName, parseObjectText, quote, type Name, type ObjectRef } from "../core/object.ts";
import { parseSubjectText, type Subject } from "../core/subject.ts";
import type { RelationTuple } from "../core/tuple.ts";
import { parseInstant } from "./instant.ts";

/**
 * A file of tests for a model: the form of the OpenFGA command line (`name`, `model` or `model_file`,
 * `tuples` or `tuple_file`, `tests` with `check`, `list_objects` and `list_users`), and beside it
 * `call`, which asks for whole delegated calls.
 */
export interface StoreTest {
  readonly name: string;
  readonly model: TextOrFile;
  /** Tuples of files come beside those written out. */
  readonly tuples: readonly RelationTuple[];
  readonly tupleFiles: readonly string[];
  readonly cases: readonly StoreTestCase[];
}

/** A file's name is relative to the test file; it is the reader of files who opens it. */
export type TextOrFile =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "file"; readonly name: string };

export interface StoreTestCase {
  readonly name: string;
  readonly tuples: readonly RelationTuple[];
  readonly tupleFiles: readonly string[];
  readonly checks: readonly CheckTest[];
  readonly objectLists: readonly ObjectListTest[];
  readonly subjectLists: readonly SubjectListTest[];
  readonly calls: readonly CallTest[];
}

export interface CheckTest {
  readonly subject: Subject;
  readonly object: ObjectRef;
  readonly context: JsonObject;
  readonly assertions: ReadonlyMap<Name, boolean>;
}

export interface ObjectListTest {
  readonly subject: Subject;
  readonly type: Name;
  readonly context: JsonObject;
  readonly assertions: ReadonlyMap<Name, readonly ObjectRef[]>;
}

export interface SubjectListTest {
  readonly object: ObjectRef;
  readonly filter: { readonly type: Name; readonly relation?: Name };
  readonly context: JsonObject;
  readonly assertions: ReadonlyMap<Name, readonly Subject[]>;
}

/** May the last actor, acting for the principal, call the tool on these resources? */
export interface CallTest {
  readonly principal: ObjectRef;
  readonly actors: readonly ObjectRef[];
  readonly tool: ObjectRef;
  readonly accesses: readonly {
    readonly resource: ObjectRef;
    readonly role?: string;
    readonly permission?: Name;
    readonly context: JsonObject;
  }[];
  readonly session?: ObjectRef;
  readonly context: JsonObject;
  readonly allowed: boolean;
  /** With a denial, where the file names one: the reason. */
  readonly reason?: string;
}

/** Fails with `malformed`, naming the path of what is wrong in the file. */
export function parseStoreTest(text: string): StoreTest {
  const root = parseYaml(text, "test");
  const at = reader(root, "test");
  return {
    name: at.text("name") ?? "",
    model: modelOf(at),
    tuples: at.list("tuples").map(parseTuple),
    tupleFiles: tupleFilesOf(at),
    cases: at.list("tests").map(parseCase),
  };
}

/** Reads a file of tuples, in YAML or JSON: a list of `user`, `relation`, `object` and, if any, `condition`. */
export function parseTupleFile(text: string): RelationTuple[] {
  const root = parseYaml(text, "tuples");
  if (!Array.isArray(root)) throw malformed("tuples", "a list");
  return root.map((item: Json, index) => parseTuple(reader(item, `tuples[${index}]`)));
}

function parseYaml(text: string, path: string): Json {
  const document = parseDocument(text);
  const [error] = document.errors;
  if (error !== undefined) {
    const [first = ""] = error.message.split("\n");
    throw new DomainError("malformed", `${path} is no YAML: ${first}`, { cause: error });
  }
  // Through JSON, so that dates and the like become text again, and no alias is shared.
  return JSON.parse(JSON.stringify(document.toJS({ maxAliasCount: 100 }) ?? null));
}

function modelOf(at: Reader): TextOrFile {
  const [text, name] = [at.text("model"), at.text("model_file")];
  if (text !== undefined) return { kind: "text", text };
  if (name !== undefined) return { kind: "file", name };
  throw malformed(`${at.path}.model`, "a model, or `model_file` its file");
}

function tupleFilesOf(at: Reader): string[] {
  const one = at.text("tuple_file");
  const many = at.list("tuple_files").map((item) => item.self());
  return [...(one === undefined ? [] : [one]), ...many];
}

function parseCase(at: Reader): StoreTestCase {
  return {
    name: at.text("name") ?? "",
    tuples: at.list("tuples").map(parseTuple),
    tupleFiles: tupleFilesOf(at),
    checks: at.list("check").flatMap(parseChecks),
    objectLists: at.list("list_objects").map(parseObjectList),
    subjectLists: at.list("list_users").map(parseSubjectList),
    calls: at.list("call").map(parseCall),
  };
}

/** `users` and `objects` stand for one test each. */
function parseChecks(at: Reader): CheckTest[] {
  const assertions = new Map<Name, boolean>();
  for (const [relation, expected] of at.entries("assertions")) {
    if (typeof expected !== "boolean")
      throw malformed(`${at.path}.assertions.${relation}`, "true or false");
    assertions.set(parseName(relation, `${at.path}.assertions`), expected);
  }
  return at.oneOrMany("user", "users").flatMap((user) =>
    at.oneOrMany("object", "objects").map((object) => ({
      subject: parseSubjectText(user, `${at.path}.user`),
      object: parseObjectText(object, `${at.path}.object`),
      context: at.json("context"),
      assertions,
    })),
  );
}

function parseObjectList(at: Reader): ObjectListTest {
  const assertions = new Map<Name, readonly ObjectRef[]>();
  for (const [relation, expected] of at.entries("assertions")) {
    const path = `${at.path}.assertions.${relation}`;
    const objects = textList(expected, path).map((object) => parseObjectText(object, path));
    assertions.set(parseName(relation, path), objects);
  }
  return {
    subject: parseSubjectText(at.need("user"), `${at.path}.user`),
    type: parseName(at.need("type"), `${at.path}.type`),
    context: at.json("context"),
    assertions,
  };
}

function parseSubjectList(at: Reader): SubjectListTest {
  const [filter, ...others] = at.list("user_filter");
  if (filter === undefined || others.length > 0) {
    throw malformed(`${at.path}.user_filter`, "a list of one filter");
  }
  const relation = filter.text("relation");
  const assertions = new Map<Name, readonly Subject[]>();
  for (const [name, expected] of at.entries("assertions")) {
    const path = `${at.path}.assertions.${name}`;
    if (!isJsonObject(expected)) throw malformed(path, "`users` and a list");
    const users = textList(expected["users"] ?? [], `${path}.users`);
    assertions.set(
      parseName(name, path),
      users.map((user) => parseSubjectText(user, path)),
    );
  }
  return {
    object: parseObjectText(at.need("object"), `${at.path}.object`),
    filter: {
      type: parseName(filter.need("type"), `${filter.path}.type`),
      ...(relation === undefined ? {} : { relation: parseName(relation, filter.path) }),
    },
    context: at.json("context"),
    assertions,
  };
}

function parseCall(at: Reader): CallTest {
  const [session, reason] = [at.text("session"), at.text("reason")];
  const verdict = at.need("verdict");
  if (verdict !== "allowed" && verdict !== "denied") {
    throw malformed(`${at.path}.verdict`, "`allowed` or `denied`");
  }
  const actors = at.list("actors").map((item) => parseObjectText(item.self(), item.path));
  if (actors.length === 0) throw malformed(`${at.path}.actors`, "at least one actor");
  return {
    principal: parseObjectText(at.need("principal"), `${at.path}.principal`),
    actors,
    tool: parseObjectText(at.need("tool"), `${at.path}.tool`),
    accesses: at.list("accesses").map(parseAccess),
    ...(session === undefined ? {} : { session: parseObjectText(session, `${at.path}.session`) }),
    context: at.json("context"),
    allowed: verdict === "allowed",
    ...(reason === undefined ? {} : { reason }),
  };
}

function parseAccess(at: Reader): CallTest["accesses"][number] {
  const [role, permission] = [at.text("role"), at.text("permission")];
  return {
    resource: parseObjectText(at.need("resource"), `${at.path}.resource`),
    ...(role === undefined ? {} : { role }),
    ...(permission === undefined
      ? {}
      : { permission: parseName(permission, `${at.path}.permission`) }),
    context: at.json("context"),
  };
}

function parseTuple(at: Reader): RelationTuple {
  const [condition] = at.has("condition") ? [at.child("condition")] : [];
  const expires = at.text("expires_at");
  const instant = expires === undefined ? undefined : parseInstant(expires);
  if (expires !== undefined && instant === undefined) {
    throw malformed(`${at.path}.expires_at`, "a time such as 2026-01-31T12:00:00Z");
  }
  return {
    object: parseObjectText(at.need("object"), `${at.path}.object`),
    relation: parseName(at.need("relation"), `${at.path}.relation`),
    subject: parseSubjectText(at.need("user"), `${at.path}.user`),
    ...(condition === undefined
      ? {}
      : {
          condition: {
            name: parseName(condition.need("name"), `${condition.path}.name`),
            context: condition.json("context"),
          },
        }),
    ...(instant === undefined ? {} : { expiresAtMs: Number(instant.nanos / 1_000_000n) }),
  };
}

/** Reads the members of one mapping, and knows where it stands. */
interface Reader {
  readonly path: string;
  readonly has: (name: string) => boolean;
  readonly text: (name: string) => string | undefined;
  readonly need: (name: string) => string;
  readonly json: (name: string) => JsonObject;
  readonly entries: (name: string) => [string, Json][];
  readonly list: (name: string) => Reader[];
  readonly child: (name: string) => Reader;
  readonly oneOrMany: (one: string, many: string) => string[];
  /** The value itself, where it must be text. */
  readonly self: () => string;
}

function reader(value: Json, path: string): Reader {
  const member = (name: string): Json | undefined => {
    if (!isJsonObject(value)) throw malformed(path, "a mapping");
    const found = Object.hasOwn(value, name) ? value[name] : undefined;
    return found ?? undefined;
  };
  const text = (name: string): string | undefined => {
    const found = member(name);
    if (found === undefined || typeof found === "string") return found;
    throw malformed(`${path}.${name}`, "text");
  };
  const json = (name: string): JsonObject => {
    const found = member(name) ?? {};
    if (!isJsonObject(found)) throw malformed(`${path}.${name}`, "a mapping");
    return found;
  };
  const list = (name: string): Reader[] => {
    const found = member(name) ?? [];
    if (!isList(found)) throw malformed(`${path}.${name}`, "a list");
    return found.map((item, index) => reader(item, `${path}.${name}[${index}]`));
  };
  const need = (name: string): string => {
    const found = text(name);
    if (found === undefined) throw malformed(`${path}.${name}`, "text");
    return found;
  };
  return {
    path,
    has: (name) => member(name) !== undefined,
    text,
    need,
    json,
    entries: (name) => Object.entries(json(name)),
    list,
    child: (name) => reader(json(name), `${path}.${name}`),
    oneOrMany: (one, many) => {
      const all = list(many).map((item) => item.self());
      return all.length > 0 ? all : [need(one)];
    },
    self: () => {
      if (typeof value === "string") return value;
      throw malformed(path, "text");
    },
  };
}

function textList(value: Json, path: string): string[] {
  if (!isList(value)) throw malformed(path, "a list");
  return value.map((item, index) => reader(item, `${path}[${index}]`).self());
}

function isList(value: Json): value is readonly Json[] {
  return Array.isArray(value);
}

function malformed(path: string, wanted: string): DomainError {
  return new DomainError("malformed", `${quote(path)} must be ${wanted}`, { field: path });
}
