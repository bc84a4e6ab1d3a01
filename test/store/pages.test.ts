import assert from "node:assert/strict";
import { after, before, suite, test } from "node:test";
import { parseName, parseObject } from "../../src/core/object.ts";
import { pageTuplesMax, type LoadedPage, type PageKey } from "../../src/core/page.ts";
import { parseRevision, type Revision } from "../../src/core/revision.ts";
import { subjectOf } from "../../src/core/subject.ts";
import { formatTuple, type RelationTuple } from "../../src/core/tuple.ts";
import { loadPages } from "../../src/store/pages.ts";
import { create, openTestStore, remove, type TestStore } from "../support/store.ts";

const viewer = parseName("viewer", "");
const editor = parseName("editor", "");
const user = (id: string) => parseObject("user", id, "");
const agent = (id: string) => parseObject("agent", id, "");

suite("loadPages", () => {
  let store: TestStore;
  before(async () => {
    store = await openTestStore();
  });
  after(() => store[Symbol.asyncDispose]());

  const load = (keys: readonly PageKey[], at?: Revision): Promise<readonly LoadedPage[]> =>
    store.database.snapshot((session) =>
      loadPages(session, store.tenant, keys, at === undefined ? {} : { at }),
    );

  test("knows of nothing where there is nothing", async () => {
    const object = parseObject("doc", "none", "");
    const key: PageKey = { kind: "forward", object, relation: viewer };
    assert.deepEqual(await load([key]), [{ key, tuples: [], partialRelations: [] }]);
    assert.deepEqual(await load([]), []);
  });

  test("finds the delegations of a pair by their principal tuples, at the head and before", async () => {
    await store.write(
      create("delegation:p2#principal@user:alice"),
      create("delegation:p2#delegate@agent:bot"),
      create("delegation:p1#principal@user:alice"),
      create("delegation:p1#delegate@agent:bot"),
      create("delegation:p3#principal@user:alice"),
      create("delegation:p3#delegate@agent:other"),
      create("delegation:p4#principal@user:carol"),
      create("delegation:p4#delegate@agent:bot"),
    );
    const { revision } = await store.write(remove("delegation:p2#delegate@agent:bot"));
    const before = parseRevision(revision - 1);
    const keys: PageKey[] = [
      { kind: "pair", principal: user("alice"), delegate: agent("bot") },
      { kind: "pair", principal: user("carol"), delegate: agent("other") },
    ];
    const texts = (pages: readonly LoadedPage[]) =>
      pages.map((page) => page.tuples.map(formatTuple));
    assert.deepEqual(texts(await load(keys)), [["delegation:p1#principal@user:alice"], []]);
    assert.deepEqual(texts(await load(keys, before)), [
      ["delegation:p1#principal@user:alice", "delegation:p2#principal@user:alice"],
      [],
    ]);
  });

  test("keeps of a large relation what is not a plain member, and gives the rest by points", async () => {
    const members = Array.from({ length: pageTuplesMax + 1 }, (_, index) =>
      create(`doc:big#viewer@user:u${index}`),
    );
    while (members.length > 0) await store.write(...members.splice(0, 4_000));
    await store.write(
      create("doc:big#viewer@group:g#member"),
      create("doc:big#viewer@user:*"),
      create("doc:big#editor@user:a"),
    );
    const object = parseObject("doc", "big", "");
    const subject = subjectOf(user("u17"));
    const [forward, small, whole, point, absent, reverse] = await load([
      { kind: "forward", object, relation: viewer },
      { kind: "forward", object, relation: editor },
      { kind: "object", object },
      { kind: "point", object, relation: viewer, subject },
      { kind: "point", object, relation: viewer, subject: subjectOf(user("nobody")) },
      { kind: "reverse", subject, type: object.type, relation: viewer },
    ]);
    await expectIndirectIndex(store);
    const indirect = ["doc:big#viewer@group:g#member", "doc:big#viewer@user:*"];
    assert.deepEqual(forward?.partialRelations, [viewer]);
    assert.deepEqual(forward?.tuples.map(formatTuple), indirect);
    assert.deepEqual(small?.partialRelations, []);
    assert.deepEqual(whole?.partialRelations, [viewer]);
    assert.deepEqual(whole?.tuples.map(formatTuple), ["doc:big#editor@user:a", ...indirect]);
    assert.deepEqual(point?.tuples.map(formatTuple), ["doc:big#viewer@user:u17"]);
    assert.deepEqual(absent?.tuples, []);
    assert.deepEqual(reverse?.tuples.map(formatTuple), ["doc:big#viewer@user:u17"]);
  });

  test("gives a large page in parts of one snapshot, in order, with turns for others between", async () => {
    const written = Array.from({ length: 4_500 }, (_, index) =>
      create(`doc:p${String(index).padStart(5, "0")}#viewer@user:reader`),
    );
    while (written.length > 0) await store.write(...written.splice(0, 1_500));
    const members = Array.from({ length: 1_200 }, (_, index) =>
      create(`doc:some#viewer@user:m${String(index).padStart(5, "0")}`),
    );
    const { revision } = await store.write(...members);
    const reader = subjectOf(user("reader"));
    const keys: readonly PageKey[] = [
      { kind: "reverse", subject: reader, type: parseName("doc", ""), relation: viewer },
      { kind: "forward", object: parseObject("doc", "some", ""), relation: viewer },
    ];
    const whole = await load(keys);
    assert.deepEqual(
      whole.map(({ tuples }) => tuples.length),
      [4_500, 1_200],
    );
    for (const at of [undefined, revision]) {
      const parts = new Map<PageKey, string[]>();
      let turns = 0;
      let isOver = false;
      const countTurns = (): void => {
        turns += 1;
        if (!isOver && turns < 100_000) setImmediate(countTurns);
      };
      setImmediate(countTurns);
      const take = (key: PageKey, tuples: readonly RelationTuple[]): void => {
        assert(tuples.length <= 250, `${tuples.length} tuples in one part`);
        parts.set(key, [...(parts.get(key) ?? []), ...tuples.map(formatTuple)]);
      };
      const pages = await store.database.snapshot((session) =>
        loadPages(session, store.tenant, keys, at === undefined ? { take } : { at, take }),
      );
      isOver = true;
      assert(turns > 9, `${turns} turns of the event loop`);
      for (const [place, { key, tuples }] of pages.entries()) {
        assert(tuples.length <= 250);
        assert.deepEqual(
          [...(parts.get(key) ?? []), ...tuples.map(formatTuple)],
          whole[place]?.tuples.map(formatTuple),
        );
      }
    }
  });
});

/** What is no plain member is found without reading the members. */
async function expectIndirectIndex({ database, tenant }: TestStore): Promise<void> {
  const plan = await database.lend("reads", (client) =>
    client.query<{ readonly "QUERY PLAN": string }>(
      `explain select * from relation_tuple t where t.tenant_id = $1 and t.object_type = 'doc'
        and t.object_id = 'big' and t.relation = 'viewer' and t.deleted_rev is null
        and (t.subject_relation <> '' or t.subject_id = '*' or t.condition_name is not null)
        order by t.subject_type, t.subject_id, t.subject_relation`,
      [tenant],
    ),
  );
  const text = plan.rows.map((row) => row["QUERY PLAN"]).join("\n");
  assert.match(text, /relation_tuple_live_indirect/);
}
