import assert from "node:assert/strict";
import { after, before, suite, test } from "node:test";
import fc from "fast-check";
import { parseName, parseObject } from "../../src/core/object.ts";
import type { PageKey } from "../../src/core/page.ts";
import { parseRevision, type Revision } from "../../src/core/revision.ts";
import { subjectOf, typeOfSubject } from "../../src/core/subject.ts";
import {
  compareTuples,
  formatTuple,
  type RelationTuple,
  type TupleFilter,
} from "../../src/core/tuple.ts";
import { pollChanges, readChanges } from "../../src/store/changes.ts";
import type { TupleStep } from "../../src/store/mutation.ts";
import { loadPages } from "../../src/store/pages.ts";
import { createTenant } from "../../src/store/tenants.ts";
import { readTuples, streamTuples } from "../../src/store/tuples.ts";
import { mutation, openTestStore, type TestStore } from "../support/store.ts";

/** Ids that break what quotes, escapes or compares carelessly. */
const oddIds = ["a", "100%", "😀", "\uffee", "x".repeat(512), "a'b\\\"{},", "ünï", "type:id#rel@x"];
const conditionContext = { "k\u0000": ["\ud800", -0, 1e308, null, { deep: "😀" }] };

const object = fc.constantFrom(...oddIds).map((id) => parseObject("doc", id, ""));
const subject = fc.oneof(
  fc.constantFrom(...oddIds).map((id) => subjectOf(parseObject("user", id, ""))),
  fc.constant({ kind: "wildcard", type: parseName("user", "") } as const),
  object.map((of) => ({ kind: "userset", object: of, relation: parseName("viewer", "") }) as const),
);
const relationTuple: fc.Arbitrary<RelationTuple> = fc.record(
  {
    object,
    relation: fc.constantFrom("viewer", "editor").map((name) => parseName(name, "")),
    subject,
    condition: fc.constant({ name: parseName("within", ""), context: conditionContext }),
    expiresAtMs: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
  },
  { requiredKeys: ["object", "relation", "subject"] },
);
const step: fc.Arbitrary<TupleStep> = fc.record({
  kind: fc.constantFrom("touch", "touch", "delete"),
  tuple: relationTuple,
});
const write = fc.uniqueArray(step, {
  maxLength: 4,
  selector: (each) => ("tuple" in each ? formatTuple(each.tuple) : ""),
});
const batches = fc.array(fc.array(write, { minLength: 1, maxLength: 4 }), {
  minLength: 1,
  maxLength: 4,
});

const filter: fc.Arbitrary<TupleFilter> = fc.record(
  {
    objectType: fc.constantFrom("doc", "none").map((name) => parseName(name, "")),
    objectId: fc.constantFrom(...oddIds),
    relation: fc.constantFrom("viewer", "editor").map((name) => parseName(name, "")),
    subjectType: fc.constantFrom("user", "doc").map((name) => parseName(name, "")),
    subjectId: fc.constantFrom(...oddIds, "*"),
    subjectRelation: fc.constantFrom("", "viewer"),
  },
  { requiredKeys: [] },
);

/** What is stored after each revision, worked out without the store. */
type History = readonly ReadonlyMap<string, RelationTuple>[];

suite("history", () => {
  let store: TestStore;
  let count = 0;
  before(async () => {
    store = await openTestStore();
  });
  after(() => store[Symbol.asyncDispose]());

  /** Runs the batches in a tenant of their own, each in one tick. */
  async function run(
    all: readonly (readonly (readonly TupleStep[])[])[],
  ): Promise<{ readonly tenant: string; readonly history: History }> {
    count += 1;
    const tenant = `t${count}`;
    await createTenant(store.database, tenant);
    const history: ReadonlyMap<string, RelationTuple>[] = [new Map()];
    for (const batch of all) {
      await Promise.all(batch.map((steps) => store.writer.write(mutation({ tenant, steps }))));
      for (const steps of batch) history.push(applySteps(history.at(-1) ?? new Map(), steps));
    }
    return { tenant, history };
  }

  test("is read at each revision as it was then", async () => {
    await fc.assert(
      fc.asyncProperty(batches, async (all) => {
        const { tenant, history } = await run(all);
        for (const [revision, expected] of history.entries()) {
          const actual: RelationTuple[] = [];
          const query = { filter: {}, revision: parseRevision(revision), limit: 3 };
          for await (const page of streamTuples(store.database, tenant, query)) {
            actual.push(...page.tuples);
          }
          assert.deepEqual(actual, sorted(expected.values()));
        }
      }),
      { numRuns: 25 },
    );
  });

  test("is read by any filter, from the tuple behind any other", async () => {
    await fc.assert(
      fc.asyncProperty(
        batches,
        filter,
        relationTuple,
        fc.nat(),
        async (all, wanted, behind, from) => {
          const { tenant, history } = await run(all);
          const revision = parseRevision(from % history.length);
          const { tuples, more } = await readTuples(store.database, tenant, {
            filter: wanted,
            revision,
            after: behind,
            limit: 2,
          });
          const expected = sorted(history[revision]?.values()).filter(
            (each) => compareTuples(each, behind) > 0 && matches(each, wanted),
          );
          assert.deepEqual(tuples, expected.slice(0, 2));
          assert.equal(more, expected.length > 2);
        },
      ),
      { numRuns: 60 },
    );
  });

  test("adds up from the changes of any range", async () => {
    await fc.assert(
      fc.asyncProperty(batches, fc.nat(), async (all, from) => {
        const { tenant, history } = await run(all);
        const start = from % history.length;
        const { head, changes } = await pollChanges(store.database, tenant, parseRevision(start));
        assert.equal(head.revision, history.length - 1);
        assert.ok(changes !== undefined);
        const state = new Map(history[start]);
        for (const change of changes) {
          for (const each of change.deleted) assert.ok(state.delete(formatTuple(each)));
          for (const each of change.created) {
            assert.ok(!state.has(formatTuple(each)));
            state.set(formatTuple(each), each);
          }
          assert.deepEqual(sorted(state.values()), sorted(history[change.revision]?.values()));
        }
        assert.deepEqual(
          changes.map((change) => change.revision),
          range(start + 1, history.length - 1),
        );
        assert.deepEqual(await inChunks(tenant, parseRevision(start), head.revision), changes);
      }),
      { numRuns: 25 },
    );
  });

  test("fills pages of every kind, at the head and at each revision", async () => {
    await fc.assert(
      fc.asyncProperty(batches, async (all) => {
        const { tenant, history } = await run(all);
        const keys = keysOf(all.flat(2));
        for (const [revision, expected] of history.entries()) {
          const at = parseRevision(revision);
          const isHead = revision === history.length - 1;
          const tuples = sorted(expected.values());
          for (const when of isHead ? [at, undefined] : [at]) {
            const pages = await store.database.snapshot((session) =>
              loadPages(session, tenant, keys, when === undefined ? {} : { at: when }),
            );
            for (const [place, page] of pages.entries()) {
              assert.equal(page.key, keys[place]);
              assert.deepEqual(page.partialRelations, []);
              assert.deepEqual(
                page.tuples,
                tuples.filter((each) => isIn(each, page.key)),
              );
            }
          }
        }
      }),
      { numRuns: 25 },
    );
  });

  async function inChunks(tenant: string, from: Revision, upTo: Revision): Promise<unknown[]> {
    const changes = [];
    for (let last = from; last < upTo;) {
      const chunk = await readChanges(store.database, tenant, { after: last, upTo, tuplesMax: 3 });
      assert.ok(chunk.length > 0);
      changes.push(...chunk);
      last = chunk.at(-1)?.revision ?? last;
    }
    return changes;
  }
});

function applySteps(
  state: ReadonlyMap<string, RelationTuple>,
  steps: readonly TupleStep[],
): ReadonlyMap<string, RelationTuple> {
  const next = new Map(state);
  for (const each of steps) {
    if (each.kind === "delete") next.delete(formatTuple(each.tuple));
    if (each.kind === "touch") next.set(formatTuple(each.tuple), each.tuple);
  }
  return next;
}

function sorted(tuples: Iterable<RelationTuple> | undefined): RelationTuple[] {
  return [...(tuples ?? [])].map(normal).toSorted(compareTuples);
}

/** What JSON makes of a context: minus zero is zero. */
function normal(tuple: RelationTuple): RelationTuple {
  const copy: RelationTuple = JSON.parse(JSON.stringify(tuple));
  return copy;
}

function matches(each: RelationTuple, wanted: TupleFilter): boolean {
  const by = each.subject;
  const actual: Required<TupleFilter> = {
    objectType: each.object.type,
    objectId: each.object.id,
    relation: each.relation,
    subjectType: typeOfSubject(by),
    subjectId: by.kind === "wildcard" ? "*" : by.object.id,
    subjectRelation: by.kind === "userset" ? by.relation : "",
  };
  return Object.entries(wanted).every(([name, value]) =>
    Object.entries(actual).some(([other, found]) => other === name && found === value),
  );
}

function keysOf(steps: readonly TupleStep[]): PageKey[] {
  return steps.flatMap((each): PageKey[] => {
    if (!("tuple" in each)) return [];
    const { object: of, relation, subject: by } = each.tuple;
    return [
      { kind: "forward", object: of, relation },
      { kind: "object", object: of },
      { kind: "point", object: of, relation, subject: by },
      { kind: "reverse", subject: by, type: of.type, relation },
    ];
  });
}

function isIn(tuple: RelationTuple, key: PageKey): boolean {
  const of = formatTuple({ ...tuple, object: tuple.object });
  switch (key.kind) {
    case "forward":
      return sameId(tuple, key.object.id) && tuple.relation === key.relation;
    case "object":
      return sameId(tuple, key.object.id);
    case "point":
      return (
        of === formatTuple({ object: key.object, relation: key.relation, subject: key.subject })
      );
    case "reverse":
      return of === formatTuple({ ...tuple, relation: key.relation, subject: key.subject });
    case "pair":
      return false;
  }
}

function sameId(tuple: RelationTuple, id: string): boolean {
  return tuple.object.id === id;
}

function range(first: number, last: number): number[] {
  return Array.from({ length: Math.max(0, last - first + 1) }, (_, index) => first + index);
}
