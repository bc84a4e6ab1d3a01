import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { spicedbSchema } from "../../../benchmarks/peer/spicedb-schema.ts";
import { parseModel } from "../../../src/model/parse-model.ts";

const model = parseModel(`model
  schema 1.1
type user
type permission
type group
  relations
    define member: [user, group#member]
type folder
  relations
    define needs: [permission]
    define viewer: [user, user:*]
type document
  relations
    define parent: [folder]
    define blocked: [user]
    define owner: viewer and blocked
    define viewer: ([user] or viewer from parent) but not blocked
`);

suite("spicedbSchema", () => {
  test("what is stored and computed at once has two names", () => {
    const schema = spicedbSchema(model);
    assert.match(schema, /relation viewer_direct: user\n/);
    assert.match(schema, /permission viewer = \(\(viewer_direct \+ parent->viewer\) - blocked\)/);
  });

  test("what is only stored keeps its name", () => {
    assert.match(spicedbSchema(model), /relation member: user \| group#member\n/);
    assert.match(spicedbSchema(model), /relation viewer: user \| user:\*\n/);
  });

  test("what is only computed has no relation", () => {
    assert.match(spicedbSchema(model), /permission owner = \(viewer & blocked\)/);
    assert.doesNotMatch(spicedbSchema(model), /owner_direct/);
  });

  test("a word of their language is another name", () => {
    assert.match(spicedbSchema(model), /definition the_permission \{/);
    assert.match(spicedbSchema(model), /relation needs: the_permission\n/);
  });
});
