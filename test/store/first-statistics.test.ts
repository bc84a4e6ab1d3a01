import assert from "node:assert/strict";
import { after, before, suite, test } from "node:test";
import { openTestStore, type TestStore } from "../support/store.ts";

interface PlanRow {
  readonly "QUERY PLAN": string;
}

suite("a database that was never analysed", () => {
  let store: TestStore;
  before(async () => {
    store = await openTestStore();
  });
  after(() => store[Symbol.asyncDispose]());

  /** The plan for keys that are not known yet, as a prepared statement has it. */
  async function planOf(where: string): Promise<string> {
    return store.database.snapshot(async (session) => {
      const run = (text: string) => session.query<PlanRow>({ name: "", text }, []);
      await run(`prepare asked(text, text, text, text) as select * from relation_tuple
        where tenant_id = $1 and ${where} and deleted_rev is null limit 100`);
      await run("set local plan_cache_mode = force_generic_plan");
      const rows = await run("explain (costs off) execute asked('acme', 'a', 'b', 'c')");
      await run("deallocate asked");
      return rows.map((row) => row["QUERY PLAN"]).join("\n");
    });
  }

  test("finds the tuples of an object by the index of objects", async () => {
    const plan = await planOf("object_type = $2 and object_id = $3 and relation = $4");
    assert.match(plan, /relation_tuple_live /);
  });

  test("finds the tuples of a subject by the index of subjects", async () => {
    const plan = await planOf(
      "subject_type = $2 and subject_id = $3 and subject_relation = '' and object_type = 'doc' and relation = $4",
    );
    assert.match(plan, /relation_tuple_live_reverse /);
  });

  test("has no tuples for all that", async () => {
    const rows = await store.database.snapshot((session) =>
      session.query({ name: "", text: "select 1 from relation_tuple limit 1" }, []),
    );
    assert.deepEqual(rows, []);
  });
});
