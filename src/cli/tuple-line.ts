import { DomainError } from "../core/error.ts";
import type { Covered } from "../core/delegation.ts";
import type { Json, JsonObject } from "../core/json.ts";
import { isJsonObject } from "../core/json.ts";
import { parseName, parseObjectText, quote } from "../core/object.ts";
import { formatSubject, parseSubjectText } from "../core/subject.ts";
import { formatTuple, parseTupleText } from "../core/tuple.ts";
import type { RelationTuple, StoredCondition } from "../core/tuple.ts";
import { formatTime, parseDurationText, parseTimeText } from "./time-text.ts";

/**
 * The text of one tuple on one line:
 *
 *     document:plan#viewer@user:alice if on_site {"place":"office"} until 2026-12-01T00:00:00Z
 *
 * `for 1h` may stand in place of `until`. A comment may follow after a blank and `#`. A line that
 * begins with `{` is the same in JSON: `object`, `relation`, `subject`, `condition`, `expires_at`.
 * `nowMs` is where `for` counts from.
 */
export function parseTupleLine(text: string, field: string, nowMs: number): RelationTuple {
  if (text.startsWith("{")) return parseTupleJson(text, field);
  const [key, rest] = splitWord(text);
  return { ...parseTupleText(key, field), ...parseTerms(rest, field, nowMs) };
}

/** Inverse of `parseTupleLine`. */
export function formatTupleLine(tuple: RelationTuple): string {
  return formatTuple(tuple) + formatTerms(tuple);
}

/** The same as JSON, on one line. Inverse of `parseTupleLine` as well. */
export function formatTupleJson(tuple: RelationTuple): string {
  const { object, relation, subject, condition, expiresAtMs } = tuple;
  const key = formatTuple({ object, relation, subject });
  const hash = key.indexOf("#");
  return JSON.stringify({
    object: key.slice(0, hash),
    relation,
    subject: formatSubject(subject),
    condition,
    expires_at: expiresAtMs === undefined ? undefined : formatTime(expiresAtMs),
  });
}

/** What a delegation covers: `tool:gmail/send if arguments_within {"allowed":["to=bob"]} for 1h`. */
export function parseCovered(text: string, field: string, nowMs: number): Covered {
  const [subject, rest] = splitWord(text);
  return { subject: parseSubjectText(subject, field), ...parseTerms(rest, field, nowMs) };
}

/** Inverse of `parseCovered`. */
export function formatCovered(covered: Covered): string {
  return formatSubject(covered.subject) + formatTerms(covered);
}

interface Terms {
  readonly condition?: StoredCondition;
  readonly expiresAtMs?: number;
}

function parseTerms(text: string, field: string, nowMs: number): Terms {
  const { condition, rest } = parseCondition(text, field);
  const [word, afterWord] = splitWord(rest);
  if (word === "" || word.startsWith("#")) return condition;
  const [value, after] = splitWord(afterWord);
  const [left] = splitWord(after);
  if ((word !== "until" && word !== "for") || value === "" || (left !== "" && left[0] !== "#")) {
    throw new DomainError(
      "malformed",
      `${field} has ${quote(rest)} where only \`until TIME\` or \`for 1h\` may stand`,
      { field },
    );
  }
  const expiresAtMs =
    word === "until"
      ? parseTimeText(value, `${field}.until`)
      : nowMs + parseDurationText(value, `${field}.for`);
  return { ...condition, expiresAtMs };
}

function parseCondition(
  text: string,
  field: string,
): { readonly condition: Terms; readonly rest: string } {
  const [word, afterWord] = splitWord(text);
  if (word !== "if") return { condition: {}, rest: text };
  const [nameText, afterName] = splitWord(afterWord);
  const name = parseName(nameText, `${field}.if`);
  if (!afterName.startsWith("{"))
    return { condition: { condition: { name, context: {} } }, rest: afterName };
  const end = endOfJson(afterName);
  const context = parseJsonObject(afterName.slice(0, end), `${field}.if`);
  return { condition: { condition: { name, context } }, rest: afterName.slice(end).trimStart() };
}

/** Where the JSON object at the start ends; of a broken one, the end of the text. */
function endOfJson(text: string): number {
  let depth = 0;
  for (const { 0: token, index } of text.matchAll(/"(?:[^"\\]|\\.)*"|[{}]/g)) {
    if (token === "{") depth += 1;
    if (token === "}") depth -= 1;
    if (depth === 0) return index + token.length;
  }
  return text.length;
}

/** Fails with `malformed` where the text is no JSON, or no object. */
export function parseJsonObject(text: string, field: string): JsonObject {
  let value: Json;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new DomainError("malformed", `${field} must be a JSON object, got ${quote(text)}`, {
      field,
      cause,
    });
  }
  if (isJsonObject(value)) return value;
  throw new DomainError("malformed", `${field} must be a JSON object, got ${quote(text)}`, {
    field,
  });
}

const members: readonly string[] = ["object", "relation", "subject", "condition", "expires_at"];

function parseTupleJson(line: string, field: string): RelationTuple {
  const value = parseJsonObject(line, field);
  const strange = Object.keys(value).find((name) => !members.includes(name));
  if (strange !== undefined) {
    throw new DomainError(
      "malformed",
      `${field} has ${quote(strange)}, a tuple in JSON has only ${members.join(", ")}`,
      { field },
    );
  }
  const { condition = null, expires_at: expiresAt = null } = value;
  return {
    object: parseObjectText(textOf(value, "object", field), `${field}.object`),
    relation: parseName(textOf(value, "relation", field), `${field}.relation`),
    subject: parseSubjectText(textOf(value, "subject", field), `${field}.subject`),
    ...(condition === null ? {} : { condition: parseConditionJson(condition, field) }),
    ...(expiresAt === null
      ? {}
      : {
          expiresAtMs: parseTimeText(textOf(value, "expires_at", field), `${field}.expires_at`),
        }),
  };
}

function parseConditionJson(condition: Json, field: string): StoredCondition {
  const context = isJsonObject(condition) ? (condition["context"] ?? {}) : null;
  if (!isJsonObject(condition) || context === null || !isJsonObject(context)) {
    throw new DomainError(
      "malformed",
      `${field}.condition must be an object with \`name\` and, if any, an object \`context\``,
      { field: `${field}.condition` },
    );
  }
  const name = textOf(condition, "name", `${field}.condition`);
  return { name: parseName(name, `${field}.condition.name`), context };
}

function textOf(value: JsonObject, name: string, field: string): string {
  const text = value[name];
  if (typeof text === "string") return text;
  throw new DomainError("malformed", `${field}.${name} must be text`, { field });
}

function formatTerms({ condition, expiresAtMs }: Terms): string {
  const parts: string[] = [];
  if (condition !== undefined) {
    parts.push(` if ${condition.name}`);
    if (Object.keys(condition.context).length > 0)
      parts.push(` ${JSON.stringify(condition.context)}`);
  }
  if (expiresAtMs !== undefined) parts.push(` until ${formatTime(expiresAtMs)}`);
  return parts.join("");
}

/** The first word, and what follows it without the blanks between. */
function splitWord(text: string): readonly [word: string, rest: string] {
  const trimmed = text.trim();
  const end = trimmed.search(/\s/u);
  return end < 0 ? [trimmed, ""] : [trimmed.slice(0, end), trimmed.slice(end).trimStart()];
}
