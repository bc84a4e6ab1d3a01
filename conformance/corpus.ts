import { existsSync, readFileSync } from "node:fs";
import { parse } from "yaml";
import type { JsonObject } from "../src/core/json.ts";
import { parseName, parseObjectText, type Name, type ObjectRef } from "../src/core/object.ts";
import { parseSubjectText, type Subject } from "../src/core/subject.ts";
import type { RelationTuple } from "../src/core/tuple.ts";

/** Where OpenFGA's own test data lies, beside this repository: it is no part of it. */
export const corpusFolder: URL = new URL("../../shared/corpus/openfga/", import.meta.url);

const files = ["consolidated_1_1_tests.yaml", "abac_tests.yaml"];

export interface CorpusTest {
  /** Unique over all files: a name that comes again is numbered. */
  readonly name: string;
  readonly file: string;
  readonly stages: readonly CorpusStage[];
}

/** A model and tuples that come to those of the stages before, and what must then be answered. */
export interface CorpusStage {
  /** The test, and the number of the stage from 1. */
  readonly id: string;
  readonly model: string;
  readonly tuples: readonly RelationTuple[];
  readonly cases: readonly CorpusCase[];
}

export interface CorpusCase {
  /** The test, the stage and the assertion by their numbers from 1. */
  readonly id: string;
  readonly question: Question;
  readonly expected: Expected;
}

export type Question = {
  readonly relation: Name;
  readonly context: JsonObject;
  readonly contextualTuples: readonly RelationTuple[];
} & (
  | { readonly kind: "check"; readonly object: ObjectRef; readonly subject: Subject }
  | { readonly kind: "list_objects"; readonly type: Name; readonly subject: Subject }
  | {
      readonly kind: "list_subjects";
      readonly object: ObjectRef;
      readonly subjectType: Name;
      readonly subjectRelation?: Name;
    }
);

/** Elements as text, in the order of their bytes; an error by the number that the corpus gives it. */
export type Expected =
  | { readonly kind: "member"; readonly member: boolean }
  | { readonly kind: "elements"; readonly elements: readonly string[] }
  | { readonly kind: "error"; readonly code: number };

/** `undefined` where the corpus is not there. */
export function readCorpus(folder: URL): readonly CorpusTest[] | undefined {
  if (files.some((file) => !existsSync(new URL(file, folder)))) return undefined;
  const seen = new Map<string, number>();
  return files.flatMap((file) => {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- pinned data; names are parsed
    const { tests } = parse(readFileSync(new URL(file, folder), "utf8")) as CorpusText;
    return tests.map(({ name, stages }) => {
      const count = (seen.get(name) ?? 0) + 1;
      seen.set(name, count);
      const unique = count === 1 ? name : `${name} (${count})`;
      return { name: unique, file, stages: stages.map((stage, at) => stageOf(unique, stage, at)) };
    });
  });
}

interface CorpusText {
  readonly tests: readonly { readonly name: string; readonly stages: readonly StageText[] }[];
}

interface StageText {
  readonly model: string;
  readonly tuples?: readonly TupleText[];
  readonly checkAssertions?: readonly CheckText[];
  readonly listObjectsAssertions?: readonly ListObjectsText[];
  readonly listUsersAssertions?: readonly ListUsersText[];
}

interface TupleText {
  readonly object: string;
  readonly relation: string;
  readonly user: string;
  readonly condition?: { readonly name: string; readonly context?: JsonObject };
}

interface AssertionText {
  readonly errorCode?: number;
  readonly context?: JsonObject;
  readonly contextualTuples?: readonly TupleText[];
}

interface CheckText extends AssertionText {
  readonly tuple: TupleText;
  readonly expectation?: boolean;
}

interface ListObjectsText extends AssertionText {
  readonly request: { readonly user: string; readonly type: string; readonly relation: string };
  readonly expectation?: readonly string[] | null;
}

interface ListUsersText extends AssertionText {
  readonly request: {
    readonly filters: readonly string[];
    readonly object: string;
    readonly relation: string;
  };
  readonly expectation?: readonly string[] | null;
}

function stageOf(test: string, text: StageText, at: number): CorpusStage {
  const stage = `${test}/${at + 1}`;
  const id = (kind: string, index: number) => `${stage}/${kind}/${index + 1}`;
  return {
    id: stage,
    model: text.model,
    tuples: (text.tuples ?? []).map(tupleOf),
    cases: [
      ...(text.checkAssertions ?? []).map((one, index) => checkOf(id("check", index), one)),
      ...(text.listObjectsAssertions ?? []).map((one, index) =>
        listObjectsOf(id("list_objects", index), one),
      ),
      ...(text.listUsersAssertions ?? []).map((one, index) =>
        listSubjectsOf(id("list_subjects", index), one),
      ),
    ],
  };
}

function checkOf(id: string, text: CheckText): CorpusCase {
  const { tuple, errorCode, expectation = false } = text;
  return {
    id,
    question: {
      kind: "check",
      object: parseObjectText(tuple.object, "object"),
      subject: parseSubjectText(tuple.user, "user"),
      ...partsOf(tuple.relation, text),
    },
    expected:
      errorCode === undefined
        ? { kind: "member", member: expectation }
        : { kind: "error", code: errorCode },
  };
}

function listObjectsOf(id: string, text: ListObjectsText): CorpusCase {
  const { request } = text;
  return {
    id,
    question: {
      kind: "list_objects",
      type: parseName(request.type, "type"),
      subject: parseSubjectText(request.user, "user"),
      ...partsOf(request.relation, text),
    },
    expected: elementsOf(text),
  };
}

function listSubjectsOf(id: string, text: ListUsersText): CorpusCase {
  const { object, relation, filters } = text.request;
  const [filter = ""] = filters;
  const [type = "", subjectRelation] = filter.split("#");
  return {
    id,
    question: {
      kind: "list_subjects",
      object: parseObjectText(object, "object"),
      subjectType: parseName(type, "filters"),
      ...(subjectRelation === undefined
        ? {}
        : { subjectRelation: parseName(subjectRelation, "filters") }),
      ...partsOf(relation, text),
    },
    expected: elementsOf(text),
  };
}

function partsOf(
  relation: string,
  { context = {}, contextualTuples = [] }: AssertionText,
): Pick<Question, "relation" | "context" | "contextualTuples"> {
  return {
    relation: parseName(relation, "relation"),
    context,
    contextualTuples: contextualTuples.map(tupleOf),
  };
}

function elementsOf(text: ListObjectsText | ListUsersText): Expected {
  if (text.errorCode !== undefined) return { kind: "error", code: text.errorCode };
  return { kind: "elements", elements: (text.expectation ?? []).toSorted() };
}

function tupleOf({ object, relation, user, condition }: TupleText): RelationTuple {
  return {
    object: parseObjectText(object, "object"),
    relation: parseName(relation, "relation"),
    subject: parseSubjectText(user, "user"),
    ...(condition === undefined
      ? {}
      : {
          condition: {
            name: parseName(condition.name, "condition"),
            context: condition.context ?? {},
          },
        }),
  };
}
