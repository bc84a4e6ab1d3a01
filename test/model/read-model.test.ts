import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { suite, test } from "node:test";

import { readModel } from "../../src/model/read-model.ts";

const stock = readFileSync(new URL("../../schema/models/stock.fga", import.meta.url), "utf8");

suite("readModel", () => {
  test("reads a model in a thread of its own", async () => {
    const read = await readModel([{ name: "model.fga", text: stock }]);
    assert.ok(read.kind === "accepted");
    assert.equal(read.model.hasDelegations, true);
    assert.equal(read.model.conditions.size, 2);
  });

  test("brings back every finding", async () => {
    const text = "model\n  schema 1.1\ntype d\n  relations\n    define a: [x, y]\n";
    const read = await readModel([{ name: "model.fga", text }]);
    assert.ok(read.kind === "refused");
    assert.deepEqual(
      read.findings.map(({ code, line }) => `${code} ${line}`),
      ["type_unknown 5", "type_unknown 5"],
    );
  });

  test("ends the thread at its time limit", async () => {
    const read = await readModel([{ name: "model.fga", text: stock }], { timeMsMax: 1 });
    assert.ok(read.kind === "refused");
    assert.deepEqual(
      read.findings.map(({ code }) => code),
      ["time_exceeded"],
    );
  });

  test("stops when it is told to", async () => {
    const stop = new AbortController();
    const read = readModel([{ name: "model.fga", text: stock }], { signal: stop.signal });
    stop.abort(new Error("enough"));
    await assert.rejects(read, /enough/);
  });
});
