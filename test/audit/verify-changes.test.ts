import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { linkRows } from "../../src/audit/chain.ts";
import type { LogPart, RevisionPart } from "../../src/audit/log-part.ts";
import type { LogNote } from "../../src/audit/log-row.ts";
import { digestOfContent, digestOfRevision } from "../../src/audit/revision-digest.ts";
import { verifyLog, type LogReport } from "../../src/audit/verify-log.ts";
import { chain, genesis, newKey, partsOf, rowsOf, tenant } from "./made-log.ts";

const key = newKey();
const contentDigest = digestOfContent({ created: [], deleted: [], records: [] });

/** Revisions that changed nothing, each at a time of its own. */
function revisionsBy(callerId: string, count = 5): RevisionPart[] {
  const revisions: RevisionPart[] = [];
  let digest = genesis;
  for (let revision = 1; revision <= count; revision += 1) {
    const facts = {
      tenant,
      revision,
      committedAtMs: revision,
      callerId,
      operation: "write_tuples",
      reason: "",
      modelId: null,
      createdCount: 0,
      deletedCount: 0,
      recordIds: null,
      contentDigest,
    };
    digest = digestOfRevision(digest, "", facts);
    revisions.push({ kind: "revision", facts, digest, contentDigest });
  }
  return revisions;
}

const honest = revisionsBy("alice");

function bindingOf(revisions: readonly RevisionPart[], revision: number): LogNote {
  return { kind: "changes", revision, digest: revisions[revision - 1]?.digest ?? "" };
}

/** A chain that tells of these changes, signed and kept up to its end, and then these parts. */
async function verify(
  notes: readonly LogNote[],
  parts: readonly LogPart[],
  claim: { readonly atMs?: number; readonly revision?: number } = {},
): Promise<LogReport> {
  const rows = rowsOf([{ kind: "boot", node: chain, boot: "b1", after: genesis }, ...notes]);
  const hash = linkRows(genesis, rows).head;
  const signed = key.sign({ tenant, chain, seq: rows.length, hash, atMs: 5_000, ...claim });
  const log: LogPart[] = [{ kind: "checkpoint", signed }, ...partsOf(rows, 3), ...parts];
  return verifyLog(tenant, log, { checkpoints: [signed], keys: [] });
}

function codesOf({ findings }: LogReport): readonly string[] {
  return [...new Set(findings.map(({ code }) => code))];
}

suite("verifying changes", () => {
  const bindings = [bindingOf(honest, 2), bindingOf(honest, 5)];

  test("proves them up to the last that a proven row tells of", async () => {
    const report = await verify(bindings, honest);
    assert.deepEqual(report.findings, []);
    assert.deepEqual([report.changes.provenRevision, report.changes.contents], [5, 5]);
    const shorter = await verify(bindings.slice(0, 1), honest);
    assert.deepEqual([shorter.findings, shorter.changes.provenRevision], [[], 2]);
  });

  test("finds all digests removed, and others begun in their place", async () => {
    const bare = honest.map(({ facts }): RevisionPart => ({
      kind: "revision",
      facts: { ...facts, callerId: "mallory", contentDigest: "" },
      digest: "",
    }));
    assert.deepEqual(codesOf(await verify(bindings, bare)), ["change_rewritten"]);
    const [first] = honest;
    assert(first !== undefined);
    const next = { ...first.facts, revision: 6 };
    const begun = { facts: next, digest: digestOfRevision(genesis, "", next), contentDigest };
    const parts = [...bare, { kind: "revision" as const, ...begun }];
    assert.deepEqual(codesOf(await verify(bindings, parts)), ["change_rewritten"]);
  });

  test("says of how many from before there were digests nothing is proven", async () => {
    const bare = honest.map(({ facts }): RevisionPart => ({ kind: "revision", facts, digest: "" }));
    const report = await verify([], bare);
    assert.deepEqual([report.findings, report.changes.unsealed], [[], 5]);
  });

  test("finds changes written anew, whatever a chain that nobody signed says of them", async () => {
    const forged = revisionsBy("mallory");
    assert.deepEqual(codesOf(await verify(bindings, forged)), ["change_rewritten"]);
    const rows = rowsOf([
      { kind: "boot", node: "zz", boot: "b2", after: genesis },
      bindingOf(forged, 2),
      bindingOf(forged, 5),
    ]).map((row) => row.replace(`"chain":"${chain}"`, '"chain":"zz"'));
    const another = partsOf(rows, 3, "zz");
    assert.deepEqual(codesOf(await verify(bindings, [...another, ...forged])), [
      "change_rewritten",
    ]);
  });

  test("finds changes gone from the end, or from between", async () => {
    assert.deepEqual(codesOf(await verify(bindings, honest.slice(0, 4))), ["change_missing"]);
    assert.deepEqual(codesOf(await verify(bindings, honest.toSpliced(2, 1))), ["change_missing"]);
  });

  suite("of which old ones are gone", () => {
    const base = { seq: 2, hash: honest[1]?.digest ?? "" };
    const left: LogPart[] = [{ kind: "changes", base, head: 5 }, ...honest.slice(2)];
    const old: LogNote = { kind: "retention", before: 6_000 };

    test("takes it where a signed row and an old checkpoint tell of it, and not else", async () => {
      const notes = [...bindings, old];
      assert.deepEqual(codesOf(await verify(notes, left, { revision: 5 })), []);
      assert.deepEqual(codesOf(await verify(bindings, left, { revision: 5 })), ["change_missing"]);
      assert.deepEqual(codesOf(await verify(notes, left, { revision: 1 })), ["change_missing"]);
      assert.deepEqual(codesOf(await verify(notes, left, { revision: 5, atMs: 7_000 })), [
        "change_missing",
      ]);
      assert.deepEqual(codesOf(await verify(notes, honest.slice(2), { revision: 5 })), [
        "change_missing",
      ]);
    });

    test("finds the first altered that is left", async () => {
      const altered = left.map((part): LogPart => {
        if (part.kind !== "revision" || part.facts.revision !== 3) return part;
        return { ...part, facts: { ...part.facts, callerId: "mallory" } };
      });
      const report = await verify([...bindings, old], altered, { revision: 5 });
      assert.deepEqual(codesOf(report), ["change_altered"]);
    });
  });

  test("misses what a change did unless a signed row says that it is old", async () => {
    const bare = honest.map(({ facts, digest }): RevisionPart => ({
      kind: "revision",
      facts,
      digest,
    }));
    assert.deepEqual(codesOf(await verify(bindings, bare)), ["change_altered"]);
    const said = await verify([...bindings, { kind: "history", before: 5 }], bare);
    assert.deepEqual([codesOf(said), said.changes.contents], [[], 0]);
    const tooFew = await verify([...bindings, { kind: "history", before: 4 }], bare);
    assert.deepEqual(
      tooFew.findings.map(({ seq }) => seq),
      [5],
    );
  });
});
