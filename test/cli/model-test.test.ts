import assert from "node:assert/strict";
import { globSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, suite, test } from "node:test";
import { run } from "./memory-terminal.ts";

const model = `
model
  schema 1.1
type user
type group
  relations
    define member: [user]
type document
  relations
    define viewer: [user, group#member, user with on_site]
condition on_site(place: string) { place == "office" }
`;

suite("prokura model test", () => {
  let folder = "";
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "model-test-"));
    await writeFile(join(folder, "model.fga"), model);
    await writeFile(
      join(folder, "tuples.yaml"),
      "[{object: 'group:eng', relation: member, user: 'user:bob'}]",
    );
  });
  after(() => rm(folder, { recursive: true }));

  async function runFile(tests: string): ReturnType<typeof run> {
    const path = join(folder, "t.fga.yaml");
    await writeFile(path, `model_file: model.fga\ntuple_file: tuples.yaml\n${tests}`);
    return await run(["model", "test", path]);
  }

  test("every test that ships with the product passes", async () => {
    const files = globSync("schema/models/*.fga.yaml");
    assert.ok(files.length >= 2);
    const ran = await run(["model", "test", ...files]);
    assert.equal(ran.exitCode, 0, ran.output);
    assert.match(ran.output, /^all \d\d+ as expected$/m);
  });

  test("a right answer ends with 0", async () => {
    const ran = await runFile(`
tuples: [{object: "document:1", relation: viewer, user: "group:eng#member"}]
tests:
  - name: groups
    check: [{user: "user:bob", object: "document:1", assertions: {viewer: true}}]
    list_objects: [{user: "user:bob", type: document, assertions: {viewer: ["document:1"]}}]
    list_users:
      - {object: "document:1", user_filter: [{type: user}], assertions: {viewer: {users: ["user:bob"]}}}
`);
    assert.equal(ran.exitCode, 0, ran.output);
    assert.match(ran.output, /3 of 3 as expected/);
  });

  test("a wrong answer ends with 1 and is shown with what was expected", async () => {
    const ran = await runFile(`
tests:
  - name: nobody
    check: [{user: "user:bob", object: "document:1", assertions: {viewer: true}}]
    list_objects: [{user: "user:bob", type: group, assertions: {member: []}}]
`);
    assert.equal(ran.exitCode, 1);
    assert.match(ran.output, /✗ .*: 0 of 2 as expected/);
    assert.match(ran.output, /nobody: document:1#viewer@user:bob\n +expected yes\n +got +no/);
    assert.match(ran.output, /expected nothing\n +got +group:eng/);
    assert.match(ran.output, /^2 of 2 not as expected$/m);
  });

  test("an answer that hangs on a missing parameter is neither yes nor no", async () => {
    const tuple = `{object: "document:1", relation: viewer, user: "user:al", condition: {name: on_site}}`;
    const ran = await runFile(`
tests:
  - tuples: [${tuple}]
    check:
      - {user: "user:al", object: "document:1", assertions: {viewer: false}}
      - {user: "user:al", object: "document:1", context: {place: office}, assertions: {viewer: true}}
`);
    assert.equal(ran.exitCode, 1);
    assert.match(ran.output, /1 of 2 as expected/);
    assert.match(ran.output, /expected no\n +got +it hangs on place/);
  });

  test("a tuple that the model does not take fails", async () => {
    const ran = await runFile(`
tests:
  - tuples: [{object: "document:1", relation: viewer, user: "document:2"}]
    check: [{user: "user:bob", object: "document:1", assertions: {viewer: false}}]
`);
    assert.equal(ran.exitCode, 1);
    assert.match(ran.output, /tuple document:1#viewer@document:2\n +expected taken by the model/);
  });

  test("a model that is refused ends with 2, with the place of each finding", async () => {
    const path = join(folder, "refused.fga.yaml");
    const text = "model\\n  schema 1.1\\ntype doc\\n  relations\\n    define viewer: [usr]";
    await writeFile(path, `model: "${text}"\ntests: []`);
    const ran = await run(["model", "test", path]);
    assert.equal(ran.exitCode, 2);
    assert.match(ran.errors, /model:5:12: error: .*`usr`/);
  });

  test("a file that is not there ends with 2", async () => {
    const ran = await run(["model", "test", join(folder, "none.fga.yaml")]);
    assert.equal(ran.exitCode, 2);
    assert.match(ran.errors, /cannot read `.*none\.fga\.yaml`: there is no such file/);
  });

  test("tells what it found in JSON", async () => {
    const ran = await run(["model", "test", "schema/models/stock.fga.yaml", "--json"]);
    const { passed, failed, files } = JSON.parse(ran.output);
    assert.equal(failed, 0);
    assert.equal(files[0].results.length, passed);
  });
});
