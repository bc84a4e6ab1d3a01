import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { parseName, type Name } from "../../src/core/object.ts";
import { formatSubject, parseSubjectText } from "../../src/core/subject.ts";
import { compareTuples, type RelationTuple } from "../../src/core/tuple.ts";
import { defaultLimits } from "../../src/engine/limits.ts";
import { listObjects, ObjectListing } from "../../src/engine/list-objects.ts";
import {
  listSubjects,
  SubjectListing,
  type ListedSubject,
} from "../../src/engine/list-subjects.ts";
import type { Listing } from "../../src/engine/listing.ts";
import { planModel } from "../../src/engine/plan.ts";
import type { View } from "../../src/engine/view.ts";
import { parseModel } from "../../src/model/parse-model.ts";
import { decided, object, PagingGraph, tuplesOf, viewOf } from "../support/graphs.ts";
import { all, fixed } from "./delegated-call.ts";

const model = parseModel(`model
  schema 1.1
type user
type robot
type group
  relations
    define member: [user, group#member]
type doc
  relations
    define reader: [user, user:*, group#member]
    define blocked: [user, group#member]
    define viewer: reader but not blocked
`);

const ends = { context: {}, contextualTuples: [] };
const ofAlice = {
  type: parseName("doc", "type"),
  relation: parseName("viewer", "relation"),
  subject: parseSubjectText("user:alice", "subject"),
  ...ends,
};
const ofShared = {
  object: object("doc:shared"),
  relation: parseName("viewer", "relation"),
  subjectType: parseName("user", "type"),
  ...ends,
};

suite("a slice", () => {
  const small = numbers(60).flatMap((at) => [
    `group:${at}#member@user:alice`,
    `doc:${at}#reader@group:${at}#member`,
    `doc:shared#reader@group:${at}#member`,
    `group:${at}#member@user:u${at}`,
  ]);
  const view = viewOf(model, tuplesOf(...small));

  test("goes on from page to page as long as it has steps", () => {
    const limits = { ...defaultLimits, sliceStepsMax: 10_000 };
    // Of so many small pages, one for the search and one for the elements.
    assert.equal(drain(new ObjectListing(ofAlice, limits), view, 100).count, 2);
    assert.equal(drain(new SubjectListing(ofShared, limits), view, 100).count, 2);
  });

  test("ends with the page in hand where its steps are used", () => {
    const limits = { ...defaultLimits, sliceStepsMax: 10 };
    for (const listing of [
      new ObjectListing(ofAlice, limits),
      new SubjectListing(ofShared, limits),
    ]) {
      const { count } = drain<unknown>(listing, view, 100);
      assert.ok(count > 20, `${count} slices`);
    }
  });

  test("that misses a page finds anew what it had found before", () => {
    const graph = new PagingGraph(tuplesOf(...small));
    const paging = { graph, plan: planModel(model, graph.symbols), now: fixed };
    for (const sliceStepsMax of [2, 10, 500]) {
      const limits = { ...defaultLimits, sliceStepsMax };
      assert.deepEqual(
        graph.evaluate(() => listSubjects(paging, { ...ofShared, limit: 100 }, limits), all),
        decided(listSubjects(view, { ...ofShared, limit: 100 }, limits)),
      );
      const listing = new SubjectListing(ofShared, limits);
      const listed: ListedSubject[] = [];
      for (let isLast = false; !isLast;) {
        const slice = graph.evaluate(() => listing.slice(paging, 7), all);
        assert.ok(slice.kind === "slice");
        listed.push(...slice.elements);
        isLast = slice.next === undefined;
      }
      assert.equal(listed.length, 61);
    }
  });

  test("loses nothing where a page is held whole no more, or again", () => {
    const tuples = tuplesOf(
      ...numbers(40).map((at) => `doc:shared#reader@user:r${at}`),
      ...numbers(4).flatMap((at) => [
        `doc:shared#reader@group:g${at}#member`,
        `group:g${at}#member@user:m${at}`,
      ]),
    );
    const expected = textsOf(
      drain(new SubjectListing(ofShared, defaultLimits), viewOf(model, tuples), 9).elements,
    );
    assert.equal(expected.length, 44);
    for (let switched = 0; switched < 12; switched += 1) {
      for (const isPartialFirst of [false, true]) {
        let isPartial = isPartialFirst;
        let slices = 0;
        const graph = new PagingGraph(tuples, (relation) => isPartial && isReader(relation));
        const changing = { graph, plan: planModel(model, graph.symbols), now: fixed };
        const listing = new SubjectListing(ofShared, { ...defaultLimits, sliceStepsMax: 3 });
        const listed: ListedSubject[] = [];
        const ranges: string[] = [];
        for (let isLast = false; !isLast; slices += 1) {
          if (slices === switched) isPartial = !isPartialFirst;
          supply(listing, tuples, ranges);
          const slice = graph.evaluate(() => listing.slice(changing, 9), all);
          assert.ok(slice.kind === "slice", JSON.stringify(slice));
          listed.push(...slice.elements);
          isLast = slice.next === undefined;
        }
        assert.deepEqual(textsOf(listed), expected, `after ${switched} slices`);
        assert.ok(ranges.length <= 1, `${ranges.join()} is read once`);
      }
    }
  });
});

suite("a list of subjects with a wildcard", () => {
  test("fails with its first slice where it is not known who is left out", () => {
    const tuples = tuplesOf(
      "doc:shared#reader@user:*",
      "doc:shared#blocked@group:a#member",
      "group:a#member@group:b#member",
      "group:b#member@group:c#member",
      "group:c#member@user:alice",
    );
    const view = viewOf(model, tuples);
    const ask = (depthMax: number) =>
      decided(listSubjects(view, { ...ofShared, limit: 1 }, { ...defaultLimits, depthMax }));
    const everyone = { kind: "wildcard", type: parseName("user", "type") };
    const excluded = [object("user:alice")];
    assert.deepEqual(ask(64), {
      kind: "slice",
      subjects: [{ subject: everyone, needs: [], excluded }],
      next: "*",
    });
    const failed = ask(4);
    assert.equal(failed.kind === "error" && failed.code, "budget_exceeded");
  });
});

suite("a wildcard", () => {
  const groups = parseModel(`model
  schema 1.1
type user
type group
  relations
    define member: [user]
type doc
  relations
    define reader: [user, group, group:*, group#member]
`);
  const view = viewOf(
    groups,
    tuplesOf(`
      doc:open#reader@group:*
      doc:own#reader@group:eng
      doc:shared#reader@group:eng#member
    `),
  );

  test("is for the objects of its type, and not for usersets of them", () => {
    const listed = (subject: string) => {
      const query = {
        type: parseName("doc", "type"),
        relation: parseName("reader", "relation"),
        subject: parseSubjectText(subject, "subject"),
        limit: 9,
        ...ends,
      };
      const answer = decided(listObjects(view, query, defaultLimits));
      assert.ok(answer.kind === "slice");
      return answer.objects.map(({ object: { id } }) => id);
    };
    assert.deepEqual(listed("group:eng"), ["open", "own"]);
    assert.deepEqual(listed("group:other"), ["open"]);
    assert.deepEqual(listed("group:*"), ["open"]);
    assert.deepEqual(listed("group:eng#member"), ["shared"]);
    assert.deepEqual(listed("user:alice"), []);
  });
});

suite("what a listing weighs", () => {
  const limits = { ...defaultLimits, sliceStepsMax: 5 };
  const tuples = tuplesOf(
    ...numbers(20).map((at) => `doc:${at}#reader@user:alice`),
    ...numbers(30).map((at) => `doc:shared#reader@user:u${at}`),
  );
  const view = viewOf(model, tuples);

  test("is nothing at first, grows with what is found, and is that of the candidates then", () => {
    const objects = drain(new ObjectListing(ofAlice, limits), view, 100).weights;
    assert.equal(objects[0], 0);
    // Both relations of most documents are goals, and the document itself is a candidate.
    assert.ok(Math.max(...objects) >= 3 * 15, objects.join());
    assert.equal(objects.at(-1), 20);
    const subjects = drain(new SubjectListing(ofShared, limits), view, 100).weights;
    assert.equal(subjects[0], 0);
    // Three relations of one document are goals, and most subjects are finds and candidates.
    assert.ok(Math.max(...subjects) >= 3 + 2 * 25, subjects.join());
    assert.equal(subjects.at(-1), 30);
  });

  test("counts what was supplied and not yet looked at", () => {
    const graph = new PagingGraph(tuples, isReader);
    const partial = { graph, plan: planModel(model, graph.symbols), now: fixed };
    const listing = new SubjectListing(ofShared, defaultLimits);
    while (listing.wanted === undefined) graph.evaluate(() => listing.slice(partial, 9), all);
    const before = listing.weight;
    listing.supply(tuples.slice(20, 30), false);
    assert.equal(listing.weight, before + 10);
    assert.equal(listing.wanted, undefined);
  });
});

suite("a list whose question does not fit the model", () => {
  const view = viewOf(model, []);
  const robots = parseName("robots", "type");
  const owner = parseName("owner", "relation");

  test("names the type or the relation of the objects", () => {
    const listing = { ...ofAlice, limit: 9 };
    assert.deepEqual(decided(listObjects(view, { ...listing, type: robots }, defaultLimits)), {
      kind: "error",
      code: "unknown_type",
      detail: "the model has no type `robots`",
    });
    assert.deepEqual(decided(listObjects(view, { ...listing, relation: owner }, defaultLimits)), {
      kind: "error",
      code: "unknown_relation",
      detail: "the model has no relation `owner` on type `doc`",
    });
    const subject = parseSubjectText("robots:r2", "subject");
    assert.deepEqual(decided(listObjects(view, { ...listing, subject }, defaultLimits)), {
      kind: "error",
      code: "unknown_type",
      detail: "the model has no type or relation for subject `robots:r2`",
    });
  });

  test("names the type or the relation of the subjects", () => {
    const listing = { ...ofShared, limit: 9 };
    const answer = (changes: object) =>
      decided(listSubjects(view, { ...listing, ...changes }, defaultLimits));
    assert.deepEqual(answer({ subjectType: robots }), {
      kind: "error",
      code: "unknown_type",
      detail: "the model has no type `robots`",
    });
    assert.deepEqual(answer({ relation: owner }), {
      kind: "error",
      code: "unknown_relation",
      detail: "the model has no relation `owner` on type `doc`",
    });
    const group = parseName("group", "type");
    assert.deepEqual(answer({ subjectType: group, subjectRelation: owner }), {
      kind: "error",
      code: "unknown_relation",
      detail: "the model has no relation `owner` on type `group`",
    });
  });
});

/** All elements, in slices of at most `limit`; what it weighed before the first and after each. */
function drain<Element>(
  listing: Listing<Element>,
  view: View,
  limit: number,
): {
  readonly elements: readonly Element[];
  readonly weights: readonly number[];
  readonly count: number;
} {
  const elements: Element[] = [];
  const weights = [listing.weight];
  for (;;) {
    const slice = decided(listing.slice(view, limit));
    assert.ok(slice.kind === "slice", JSON.stringify(slice));
    elements.push(...slice.elements);
    weights.push(listing.weight);
    if (slice.next === undefined) return { elements, weights, count: weights.length - 1 };
  }
}

/** All of what is wanted at once; notes the range. */
function supply(
  listing: Listing<unknown>,
  stored: readonly RelationTuple[],
  ranges: string[],
): void {
  const { wanted } = listing;
  if (wanted === undefined) return;
  const { filter, after } = wanted;
  ranges.push(`${filter.objectType}:${filter.objectId}#${filter.relation}`);
  assert.equal(after, undefined);
  const range = stored.filter(
    (tuple) => tuple.object.id === filter.objectId && tuple.relation === filter.relation,
  );
  listing.supply(range.toSorted(compareTuples), true);
}

function isReader(relation: Name): boolean {
  return relation === "reader";
}

function textsOf(listed: readonly ListedSubject[]): readonly string[] {
  return listed.map(({ subject }) => formatSubject(subject));
}

function numbers(count: number): readonly number[] {
  return Array.from({ length: count }, (_, at) => at);
}
