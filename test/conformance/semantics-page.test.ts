import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { suite, test } from "node:test";
import { parseName } from "../../src/core/object.ts";
import { formatSubject } from "../../src/core/subject.ts";
import { defaultLimits } from "../../src/engine/limits.ts";
import { listSubjects } from "../../src/engine/list-subjects.ts";
import { parseModel } from "../../src/model/parse-model.ts";
import { decided, object, tuplesOf, viewOf } from "../support/graphs.ts";

const page = readFileSync(new URL("../../docs/semantics.md", import.meta.url), "utf8");

suite("the page of the semantics", () => {
  test("its example comes out as it says", () => {
    const [, types = ""] = /### An example\n\n```\n([^]*?)```/.exec(page) ?? [];
    const [, stored = ""] = /\nStored: ([^]*?)\n\n/.exec(page) ?? [];
    const tuples = tuplesOf(...[...stored.matchAll(/`([^`]+)`/g)].map(([, text]) => text ?? ""));
    assert.equal(tuples.length, 6);
    const view = viewOf(parseModel(`model\n  schema 1.1\n${types}`), tuples);
    const viewers = (doc: string, type: string, subjectRelation?: string): readonly string[] => {
      const query = {
        object: object(doc),
        relation: parseName("viewer", "relation"),
        subjectType: parseName(type, "type"),
        ...(subjectRelation === undefined
          ? {}
          : { subjectRelation: parseName(subjectRelation, "relation") }),
        context: {},
        contextualTuples: [],
        limit: 10,
      };
      const answer = decided(listSubjects(view, query, defaultLimits));
      assert.ok(answer.kind === "slice");
      return answer.subjects.map(({ subject }) => formatSubject(subject));
    };
    assert.deepEqual(viewers("doc:0", "user"), ["user:ann"]);
    assert.deepEqual(viewers("doc:0", "group", "member"), ["group:eng#member"]);
    assert.deepEqual(viewers("doc:1", "user"), []);
    assert.deepEqual(viewers("doc:1", "group", "member"), ["group:eng#member"]);
  });
});
