import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { suite, test } from "node:test";
import { parse } from "yaml";
import { DomainError } from "../../src/core/error.ts";
import type { JsonObject } from "../../src/core/json.ts";
import { formatObject, parseName } from "../../src/core/object.ts";
import { formatSubject, parseSubjectText } from "../../src/core/subject.ts";
import type { RelationTuple } from "../../src/core/tuple.ts";
import { checkRelation } from "../../src/engine/check.ts";
import { listObjects } from "../../src/engine/list-objects.ts";
import { listSubjects } from "../../src/engine/list-subjects.ts";
import { defaultLimits } from "../../src/engine/limits.ts";
import { parseModel } from "../../src/model/parse-model.ts";
import { openfgaExceptions } from "./openfga-exceptions.ts";
import { decided, object, viewOf } from "../support/graphs.ts";

const folder = new URL("../../../shared/corpus/openfga/", import.meta.url);

interface Stage {
  readonly model: string;
  readonly tuples?: readonly StoredTuple[];
  readonly checkAssertions?: readonly CheckAssertion[];
  readonly listObjectsAssertions?: readonly ListObjectsAssertion[];
  readonly listUsersAssertions?: readonly ListUsersAssertion[];
}

interface StoredTuple {
  readonly object: string;
  readonly relation: string;
  readonly user: string;
  readonly condition?: { readonly name: string; readonly context?: JsonObject };
}

interface CheckAssertion {
  readonly tuple: StoredTuple;
  readonly expectation?: boolean;
  readonly errorCode?: number;
  readonly context?: JsonObject;
  readonly contextualTuples?: readonly StoredTuple[];
}

interface ListAssertion {
  readonly expectation?: readonly string[] | null;
  readonly errorCode?: number;
  readonly context?: JsonObject;
  readonly contextualTuples?: readonly StoredTuple[];
}

interface ListObjectsAssertion extends ListAssertion {
  readonly request: { readonly user: string; readonly type: string; readonly relation: string };
}

interface ListUsersAssertion extends ListAssertion {
  readonly request: {
    readonly filters: readonly string[];
    readonly object: string;
    readonly relation: string;
  };
}

for (const file of ["consolidated_1_1_tests.yaml", "abac_tests.yaml"]) {
  const path = new URL(file, folder);
  suite(`check and the lists agree with ${file}`, { skip: !existsSync(path) }, () => {
    if (!existsSync(path)) return;
    const { tests } = readCorpus(path);
    for (const { name, stages } of tests) {
      test(name, { skip: openfgaExceptions[name] ?? false }, () => {
        for (const { view, stage } of viewsOf(stages)) {
          for (const assertion of stage.checkAssertions ?? []) {
            const expected = assertion.expectation ?? "error";
            assert.equal(outcome(view, assertion), expected, JSON.stringify(assertion));
          }
        }
      });

      const lists = `${name} (lists)`;
      test(lists, { skip: openfgaExceptions[name] ?? openfgaExceptions[lists] ?? false }, () => {
        for (const { view, stage } of viewsOf(stages)) {
          for (const assertion of stage.listObjectsAssertions ?? []) {
            const listed = objectsListed(view, assertion);
            assert.deepEqual(listed, expectationOf(assertion), JSON.stringify(assertion));
          }
          for (const assertion of stage.listUsersAssertions ?? []) {
            const listed = usersListed(view, assertion);
            assert.deepEqual(listed, expectationOf(assertion), JSON.stringify(assertion));
          }
        }
      });
    }
  });
}

/** Tuples of earlier stages stay. */
function viewsOf(
  stages: readonly Stage[],
): readonly { readonly view: ReturnType<typeof viewOf>; readonly stage: Stage }[] {
  const stored: RelationTuple[] = [];
  return stages.map((stage) => {
    stored.push(...(stage.tuples ?? []).map(tupleOf));
    return {
      view: viewOf(parseModel(stage.model, { allowsOwnAbsence: true }), [...stored]),
      stage,
    };
  });
}

interface Corpus {
  readonly tests: readonly { readonly name: string; readonly stages: readonly Stage[] }[];
}

function readCorpus(path: URL): Corpus {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the corpus is pinned data
  return parse(readFileSync(path, "utf8")) as Corpus;
}

function outcome(view: ReturnType<typeof viewOf>, assertion: CheckAssertion): boolean | "error" {
  const { tuple, context = {}, contextualTuples = [] } = assertion;
  // Tuples that do not fit the model are refused before the engine sees them.
  if (assertion.errorCode === 2027) return "error";
  try {
    const answer = decided(
      checkRelation(
        view,
        {
          object: object(tuple.object),
          relation: parseName(tuple.relation, "relation"),
          subject: parseSubjectText(tuple.user, "user"),
          context,
          contextualTuples: contextualTuples.map(tupleOf),
        },
        defaultLimits,
      ),
    );
    switch (answer.kind) {
      case "member":
        return true;
      case "not_member":
        return false;
      case "needs":
      case "error":
        return "error";
    }
  } catch (error) {
    if (error instanceof DomainError && error.code === "malformed") return "error";
    throw error;
  }
}

function expectationOf(assertion: ListAssertion): readonly string[] | "error" {
  if (assertion.errorCode !== undefined) return "error";
  return (assertion.expectation ?? []).toSorted();
}

function objectsListed(
  view: ReturnType<typeof viewOf>,
  assertion: ListObjectsAssertion,
): readonly string[] | "error" {
  const { request, context = {}, contextualTuples = [], errorCode } = assertion;
  if (errorCode === 2027) return "error";
  const answer = decided(
    listObjects(
      view,
      {
        type: parseName(request.type, "type"),
        relation: parseName(request.relation, "relation"),
        subject: parseSubjectText(request.user, "user"),
        context,
        contextualTuples: contextualTuples.map(tupleOf),
        limit: 1_000,
      },
      defaultLimits,
    ),
  );
  if (answer.kind === "error") return "error";
  assert.equal(answer.next, undefined);
  if (answer.objects.some(({ needs }) => needs.length > 0)) return "error";
  return answer.objects.map((listed) => formatObject(listed.object)).toSorted();
}

function usersListed(
  view: ReturnType<typeof viewOf>,
  assertion: ListUsersAssertion,
): readonly string[] | "error" {
  const { request, context = {}, contextualTuples = [], errorCode } = assertion;
  if (errorCode === 2027) return "error";
  const [filter] = request.filters;
  assert(filter !== undefined && request.filters.length === 1);
  const [type, relation] = filter.split("#");
  const answer = decided(
    listSubjects(
      view,
      {
        object: object(request.object),
        relation: parseName(request.relation, "relation"),
        subjectType: parseName(type ?? "", "filter"),
        ...(relation === undefined ? {} : { subjectRelation: parseName(relation, "filter") }),
        context,
        contextualTuples: contextualTuples.map(tupleOf),
        limit: 1_000,
      },
      defaultLimits,
    ),
  );
  if (answer.kind === "error") return "error";
  assert.equal(answer.next, undefined);
  if (answer.subjects.some(({ needs }) => needs.length > 0)) return "error";
  return answer.subjects.map(({ subject }) => formatSubject(subject)).toSorted();
}

function tupleOf(stored: StoredTuple): RelationTuple {
  const { condition } = stored;
  return {
    object: object(stored.object),
    relation: parseName(stored.relation, "relation"),
    subject: parseSubjectText(stored.user, "user"),
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
