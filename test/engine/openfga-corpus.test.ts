import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { suite, test } from "node:test";
import { parse } from "yaml";
import { DomainError } from "../../src/core/error.ts";
import type { JsonObject } from "../../src/core/json.ts";
import { parseName } from "../../src/core/object.ts";
import { parseSubjectText } from "../../src/core/subject.ts";
import type { RelationTuple } from "../../src/core/tuple.ts";
import { checkRelation } from "../../src/engine/check.ts";
import { defaultLimits } from "../../src/engine/limits.ts";
import { parseModel } from "../../src/model/parse-model.ts";
import { openfgaExceptions } from "./openfga-exceptions.ts";
import { decided, object, viewOf } from "../support/graphs.ts";

const folder = new URL("../../../shared/corpus/openfga/", import.meta.url);

interface Stage {
  readonly model: string;
  readonly tuples?: readonly StoredTuple[];
  readonly checkAssertions?: readonly CheckAssertion[];
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

for (const file of ["consolidated_1_1_tests.yaml", "abac_tests.yaml"]) {
  const path = new URL(file, folder);
  suite(`check agrees with ${file}`, { skip: !existsSync(path) }, () => {
    if (!existsSync(path)) return;
    const { tests } = readCorpus(path);
    for (const { name, stages } of tests) {
      test(name, { skip: openfgaExceptions[name] ?? false }, () => {
        const stored: RelationTuple[] = [];
        for (const stage of stages) {
          const model = parseModel(stage.model);
          stored.push(...(stage.tuples ?? []).map(tupleOf));
          for (const assertion of stage.checkAssertions ?? []) {
            assert.equal(
              outcome(viewOf(model, stored), assertion),
              assertion.expectation ?? "error",
              JSON.stringify(assertion),
            );
          }
        }
      });
    }
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
