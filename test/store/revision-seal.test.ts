import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { Bindings } from "../../src/audit/bindings.ts";
import { Findings } from "../../src/audit/finding.ts";
import { ChangesVerifier } from "../../src/audit/verify-changes.ts";
import { SignersVerifier } from "../../src/audit/verify-signers.ts";
import { readRevisionParts } from "../../src/store/log-revisions.ts";
import { createWriter } from "../../src/store/writer.ts";
import { create, mutation, openTestStore, remove } from "../support/store.ts";

suite("the chain of revisions", () => {
  test("holds whatever two nodes write at a time, refusals among it", async () => {
    await using store = await openTestStore();
    const other = createWriter(store.database);
    const record = { id: "d1", purpose: "p", labels: { a: "b" }, createdBy: "c", createdAtMs: 1 };
    const writes = Array.from({ length: 60 }, (_, index) => {
      const writer = index % 2 === 0 ? store.writer : other;
      const step =
        index % 3 === 2
          ? remove(`doc:${index - 2}#viewer@user:a`)
          : create(`doc:${index}#viewer@user:a`);
      // Every fifth is refused: it is stored already, or soon will be.
      const steps = index % 5 === 4 ? [create("doc:0#viewer@user:a")] : [step];
      return writer.write(mutation({ steps, reason: `write ${index}` }));
    });
    await Promise.all(writes);
    const delegation = create("delegation:d1#principal@user:a");
    await store.writer.write(mutation({ steps: [delegation], records: [record] }));
    await other.close();
    const findings = new Findings();
    const signers = new SignersVerifier({ believes: () => true, through: Infinity, findings });
    const start = { kind: "changes" as const, base: { seq: 0, hash: "" }, head: 61 };
    const ports = { bindings: new Bindings(), historyMs: 0, signers, findings };
    const verifier = new ChangesVerifier(start, ports);
    for (const part of await readRevisionParts(store.database, store.tenant, 0))
      verifier.revision(part);
    const report = verifier.end();
    assert.deepEqual(findings.list, []);
    assert.equal(report.revisions, 61);
    assert.equal(report.contents, 61);
  });

  test("tells each writer how it stands after the write", async () => {
    await using store = await openTestStore();
    const first = await store.write(create("doc:1#viewer@user:a"));
    const second = await store.write(create("doc:2#viewer@user:a"));
    const parts = await readRevisionParts(store.database, store.tenant, 0);
    assert.deepEqual(
      parts.map(({ digest }) => digest),
      [first.digest, second.digest],
    );
  });
});
