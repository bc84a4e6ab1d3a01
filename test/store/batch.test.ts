import assert from "node:assert/strict";
import { after, before, suite, test } from "node:test";
import fc from "fast-check";
import { parseName } from "../../src/core/object.ts";
import { formatTuple, type TupleFilter } from "../../src/core/tuple.ts";
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
const filter: fc.Arbitrary<TupleFilter> = fc.record(
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
const write = fc.record({ kind: fc.constantFrom("create", "touch"), key, expiresAtMs });
const step: fc.Arbitrary<TupleStep> = fc.oneof(
  write.map((each) => ({ kind: each.kind, tuple: tuple(each.key, each.expiresAtMs) }) as const),
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
const parts: fc.Arbitrary<Partial<Mutation>> = fc.record({
  steps: fc.array(step, { maxLength: 3 }),
  preconditions: fc.oneof(
    { weight: 3, arbitrary: fc.constant([]) },
    { weight: 1, arbitrary: fc.array(precondition, { maxLength: 1 }) },
  ),
  idempotency: fc.constantFrom(
    { key: "a", requestHash: "1", response: new Uint8Array([1]) },
    { key: "a", requestHash: "2", response: new Uint8Array([2]) },
    ...Array.from({ length: 6 }, (_, index) => ({
      key: `k${index}`,
      requestHash: "1",
      response: new Uint8Array([index]),
    })),
  ),
});

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

  async function stored(tenant: string): Promise<readonly string[]> {
    const { tuples } = await readTuples(store.database, tenant, { filter: {}, limit: 100 });
    return tuples.map((each) => `${formatTuple(each)} ${each.expiresAtMs}`);
  }

  test("answers and leaves behind what its writes would one after another", async () => {
    const kinds = new Map<string, number>();
    await fc.assert(
      fc.asyncProperty(fc.array(parts, { minLength: 2, maxLength: 12 }), async (all) => {
        const [together, apart] = [await makeTenant(), await makeTenant()];
        const inOne = await Promise.all(
          all.map((each) => store.writer.write(mutation({ ...each, tenant: together }))),
        );
        const oneByOne: MutationResult[] = [];
        for (const each of all) {
          oneByOne.push(await store.writer.write(mutation({ ...each, tenant: apart })));
        }
        assert.deepEqual(inOne.map(summary), oneByOne.map(summary));
        assert.deepEqual(await stored(together), await stored(apart));
        for (const { kind } of inOne) kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
      }),
      { numRuns: 150 },
    );
    assert.deepEqual([...kinds.keys()].toSorted(), ["committed", "refused", "replayed"]);
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
