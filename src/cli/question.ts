import type { RelationTuple } from "../core/tuple.ts";
import { parseContextPart, type ContextPart } from "./context-text.ts";
import { repeated, type Flag } from "./flag.ts";
import { freshnessFlags, type FreshnessFlags } from "./freshness.ts";
import { parseTupleLine } from "./tuple-line.ts";

/** What every question about relations may be asked under. */
interface QuestionFlags extends FreshnessFlags {
  readonly context: Flag<readonly ContextPart[]>;
  readonly assuming: Flag<readonly RelationTuple[]>;
}

export const questionFlags: QuestionFlags = {
  context: repeated(
    { name: "context", value: "NAME=VALUE|@FILE", meaning: "parameters of conditions" },
    parseContextPart,
  ),
  assuming: repeated(
    { name: "assuming", value: "TUPLE", meaning: "a tuple to be taken as stored" },
    (text, field) => parseTupleLine(text, field, Date.now()),
  ),
  ...freshnessFlags,
};
