import assert from "node:assert/strict";
import { after, before, suite, test } from "node:test";
import fc from "fast-check";
import { parseName } from "../../src/core/object.ts";
import { parseRevision } from "../../src/core/revision.ts";
import { formatTuple, type TupleFilter } from "../../src/core/tuple.ts";
import { pollChanges } from "../../src/store/changes.ts";
import type {
  Mutation,
  MutationResult,
  Precondition,
  TupleStep,
} from "../../src/store/mutation.ts";
import { createTenant } from "../../src/store/tenants.ts";
import { readTuples } from "../../src/store/tuples.ts";
import { mutation, openTestStore, tuple, type TestStore } from "../support/store.ts";

const longAgo = 1_000;

const expiresAtMs = fc.constantFrom(undefined, undefined, longAgo, Date.now() + 3_600_000);
const key = fc
  .tuple(
    fc.constantFrom(
      "doc:1#viewer",
      "doc:2#viewer",
      "delegation:d#principal",
      "delegation:d#parent",
    ),
    fc.constantFrom("user:a", "user:b", "group:g#member"),
  )
  .map(([left, right]) => `${left}@${right}`);
const anyFilter: fc.Arbitrary<TupleFilter> = fc.record(
  {
    objectType: fc.constantFrom("doc", "delegation").map((name) => parseName(name, "")),
    objectId: fc.constantFrom("1", "d"),
    relation: fc.constantFrom("viewer", "parent").map((name) => parseName(name, "")),
    subjectType: fc.constantFrom("user", "group").map((name) => parseName(name, "")),
    subjectId: fc.constantFrom("a", "g"),
    subjectRelation: fc.constantFrom("", "member"),
  },
  { requiredKeys: [] },
);
const filter: fc.Arbitrary<TupleFilter> = fc.oneof(
  anyFilter,
  fc.constantFrom({ objectId: "1" }, { objectId: "2" }, { subjectId: "a" }, { subjectId: "g" }),
);
const condition = fc.constantFrom(undefined, undefined, {
  name: parseName("within", ""),
  context: { z: [-0, "é", null], a: { b: true, a: 1.5 } },
});
const write = fc.record({ kind: fc.constantFrom("create", "touch"), key, expiresAtMs, condition });
const step: fc.Arbitrary<TupleStep> = fc.oneof(
  write.map((each) => {
    const plain = tuple(each.key, each.expiresAtMs);
    const { condition: stored } = each;
    return {
      kind: each.kind,
      tuple: stored === undefined ? plain : { ...plain, condition: stored },
    };
  }),
  key.map((each) => ({ kind: "delete", tuple: tuple(each) }) as const),
  key.map((each) => ({ kind: "delete_expired", tuple: tuple(each), beforeMs: 2_000 }) as const),
  fc.record({
    kind: fc.constant("delete_matching"),
    filter,
    limit: fc.integer({ min: 0, max: 2 }),
  }),
);
const precondition: fc.Arbitrary<Precondition> = fc.record({
  kind: fc.constantFrom("must_exist", "must_not_exist"),
  filter,
});
const reply = fc
  .record({ key: fc.constantFrom("a", "b"), requestHash: fc.constantFrom("1", "2") })
  .map((each) => ({ ...each, respond: () => Buffer.from(each.requestHash) }));
const parts: fc.Arbitrary<Partial<Mutation>> = fc
  .record({
    steps: fc.array(step, { maxLength: 2 }),
    preconditions: fc.array(precondition, { maxLength: 1 }),
    idempotency: fc.oneof(
      { weight: 6, arbitrary: fc.constant(undefined) },
      { weight: 1, arbitrary: reply },
    ),
  })
  .map(({ idempotency, ...rest }) => (idempotency === undefined ? rest : { ...rest, idempotency }));

suite("a batch", () => {
  let store: TestStore;
  let count = 0;
  before(async () => {
    store = await openTestStore();
  });
  after(() => store[Symbol.asyncDispose]());

  async function makeTenant(): Promise<string> {
    count += 1;
    return (await createTenant(store.database, `b${count}`)).id;
  }

  async function oneByOne(
    tenant: string,
    all: readonly Partial<Mutation>[],
  ): Promise<readonly MutationResult[]> {
    const results: MutationResult[] = [];
    for (const each of all) {
      results.push(await store.writer.write(mutation({ ...each, tenant })));
    }
    return results;
  }

  async function stored(tenant: string): Promise<readonly string[]> {
    const { tuples } = await readTuples(store.database, tenant, { filter: {}, limit: 100 });
    return tuples.map((each) => `${formatTuple(each)} ${each.expiresAtMs}`);
  }

  test("answers and leaves behind what its writes would one after another", async () => {
    const kinds = new Map<string, number>();
    await fc.assert(
      fc.asyncProperty(
        fc.array(parts, { maxLength: 8 }),
        fc.array(parts, { minLength: 2, maxLength: 12 }),
        async (earlier, all) => {
          const [together, apart] = [await makeTenant(), await makeTenant()];
          for (const tenant of [together, apart]) await oneByOne(tenant, earlier);
          const inOne = await Promise.all(
            all.map((each) => store.writer.write(mutation({ ...each, tenant: together }))),
          );
          const expected = await oneByOne(apart, all);
          assert.deepEqual(inOne.map(summary), expected.map(summary));
          assert.deepEqual(await stored(together), await stored(apart));
          for (const { kind } of inOne) kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
        },
      ),
      { numRuns: 100 },
    );
    assert.deepEqual([...kinds.keys()].toSorted(), ["committed", "refused", "replayed"]);
  });

  test("brings with each answer the change that everybody polls afterwards", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(parts, { minLength: 1, maxLength: 12 }), async (all) => {
        const tenant = await makeTenant();
        const results = await Promise.all(
          all.map((each) => store.writer.write(mutation({ ...each, tenant, reason: "why" }))),
        );
        const { changes } = await pollChanges(store.database, tenant, parseRevision(0));
        assert.deepEqual(
          results.map(({ change }) => change),
          changes,
        );
      }),
      { numRuns: 60 },
    );
  });
});

function summary(result: MutationResult): unknown {
  const { revision } = result;
  switch (result.kind) {
    case "committed":
      return {
        revision,
        created: result.created,
        deleted: result.deleted,
        more: result.moreToDelete,
      };
    case "replayed":
      return { revision, response: [...result.response] };
    case "refused":
      return { revision, code: result.error.code, message: result.error.message };
  }
}
