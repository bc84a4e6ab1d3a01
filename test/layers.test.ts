import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { after, suite, test } from "node:test";

/** What each file imports. The linter is to refuse exactly those that are marked. */
const refused: Readonly<Record<string, string>> = {
  "src/core/a.ts": "../engine/check.ts",
  "src/core/b.ts": "node:fs",
  "src/core/c.ts": "kysely",
  "src/engine/a.ts": "../store/writer.ts",
  "src/engine/b.ts": "../../src/store/writer.ts",
  "src/engine/c.ts": "yaml",
  "src/model/deep/a.ts": "../../rpc/server.ts",
  "src/store/a.ts": "../engine/check.ts",
  "src/replica/a.ts": "../store/writer.ts",
  "src/replica/b.ts": "pg",
  "src/service/a.ts": "../rpc/server.ts",
  "src/service/b.ts": "../gen/prokura/v1/core_pb.ts",
  "src/service/c.ts": "@grpc/grpc-js",
  "src/service/d.ts": "../main.ts",
  "src/gateway/a.ts": "../service/authorizer.ts",
  "src/gateway/c.ts": "jose",
  "src/cli/a.ts": "../store/writer.ts",
};
const accepted: Readonly<Record<string, string>> = {
  "src/core/d.ts": "node:assert/strict",
  "src/core/e.ts": "./d.ts",
  "src/engine/d.ts": "../core/object.ts",
  "src/model/deep/b.ts": "../../core/object.ts",
  "src/store/b.ts": "pg",
  "src/replica/postgres.ts": "../store/writer.ts",
  "src/service/e.ts": "../replica/replica.ts",
  "src/rpc/a.ts": "../gen/prokura/v1/core_pb.ts",
  "src/rpc/b.ts": "@grpc/grpc-js",
  "src/gateway/b.ts": "../client/client.ts",
  "src/gateway/d.ts": "../identity/token-verifier.ts",
  "src/main.ts": "./store/writer.ts",
};

suite("the linter's walls between the layers", () => {
  const folder = mkdtempSync(join(tmpdir(), "layers-"));
  after(() => rmSync(folder, { recursive: true }));
  const found = lint(folder);

  test("let no import through that the table does not have, a type's included", () => {
    assert.deepEqual(found, Object.keys(refused).toSorted());
  });
});

/** The files of both tables in which the linter, set up as it is here, finds a refused import. */
function lint(folder: string): readonly string[] {
  copyFileSync("oxlint.config.ts", join(folder, "oxlint.config.ts"));
  symlinkSync(resolve("node_modules"), join(folder, "node_modules"));
  for (const [path, from] of Object.entries({ ...refused, ...accepted })) {
    mkdirSync(join(folder, dirname(path)), { recursive: true });
    writeFileSync(join(folder, path), `export type { Some } from "${from}";\n`);
  }
  const oxlint = resolve("node_modules/.bin/oxlint");
  const run = spawnSync(oxlint, ["--format=unix", "src"], { cwd: folder, encoding: "utf8" });
  assert.equal(run.error, undefined);
  const lines = run.stdout.split("\n").filter((line) => line.includes("no-restricted-imports"));
  return [...new Set(lines.map((line) => line.slice(0, line.indexOf(":"))))].toSorted();
}
