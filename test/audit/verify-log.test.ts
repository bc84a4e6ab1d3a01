import assert from "node:assert/strict";
import { suite, test } from "node:test";
import fc from "fast-check";
import { linkRows } from "../../src/audit/chain.ts";
import type { SignedCheckpoint, SigningKey } from "../../src/audit/checkpoint.ts";
import { ExportReader, linesOfPart } from "../../src/audit/export-lines.ts";
import type { LogPart } from "../../src/audit/log-part.ts";
import type { LogNote } from "../../src/audit/log-row.ts";
import { verifyLog, type LogReport } from "../../src/audit/verify-log.ts";
import { chain, genesis, honestRows, newKey, partsOf, rowsOf, tenant } from "./made-log.ts";

const key = newKey();

function signed(
  rows: readonly string[],
  seq: number,
  by: SigningKey = key,
  atMs = 5_000,
): SignedCheckpoint {
  const hash = linkRows(genesis, rows.slice(0, seq)).head;
  return by.sign({ tenant, chain, seq, hash, atMs });
}

/** A log that has in it what is kept elsewhere too. */
function verify(parts: readonly LogPart[], kept: readonly SignedCheckpoint[]): Promise<LogReport> {
  const stored = kept.map((one): LogPart => ({ kind: "checkpoint", signed: one }));
  return verifyLog(tenant, [...stored, ...parts], { checkpoints: kept, keys: [] });
}

async function codes(parts: readonly LogPart[], kept: readonly SignedCheckpoint[] = []) {
  return (await verify(parts, kept)).findings.map(({ code }) => code);
}

suite("verifying a log", () => {
  const rows = honestRows(6);

  test("finds nothing in a log that nobody touched, and says how far it is proven", async () => {
    const report = await verify(partsOf(rows, 3), [signed(rows, 5)]);
    assert.deepEqual(report.findings, []);
    assert.deepEqual(report.chains, [
      { chain, rows: 8, firstSeq: 1, lastSeq: 8, signedSeq: 5, provenSeq: 5 },
    ]);
  });

  test("finds any change of the rows, whatever was linked anew, where a checkpoint is behind it", async () => {
    const change = fc.oneof(
      fc.record({ kind: fc.constant("remove"), at: fc.nat(7) }),
      fc.record({ kind: fc.constant("swap"), at: fc.nat(6) }),
      fc.record({ kind: fc.constant("repeat"), at: fc.nat(7) }),
      fc.record({ kind: fc.constant("edit"), at: fc.nat(7) }),
      fc.record({ kind: fc.constant("cut"), at: fc.integer({ min: 1, max: 7 }) }),
    );
    await fc.assert(
      fc.asyncProperty(change, fc.integer({ min: 1, max: 4 }), async ({ kind, at }, size) => {
        const touched = tamper(rows, kind, at);
        // Linked anew, as whoever has the database and no key can do.
        assert.notDeepEqual(await codes(partsOf(touched, size), [signed(rows, rows.length)]), []);
      }),
      { numRuns: 200 },
    );
  });

  test("names the row that was altered, and goes on behind it", async () => {
    const parts = partsOf(rows, 8).map((part): LogPart => {
      if (part.kind !== "segment") return part;
      return { ...part, rows: part.rows?.map((row) => row.replace('"count":3', '"count":4')) };
    });
    const { findings, chains } = await verify(parts, [signed(rows, 8)]);
    assert.deepEqual(
      findings.map(({ code, seq }) => [code, seq]),
      [["altered", 4]],
    );
    assert.equal(chains[0]?.provenSeq, 0);
  });

  test("calls unproven what is behind the checkpoint, and believes no other key", async () => {
    const forged = [...rows.slice(0, 5), ...rowsOf([]), ...honestRows(7).slice(5)];
    const kept = signed(rows, 4);
    const evil: LogPart = { kind: "checkpoint", signed: signed(forged, 7, newKey()) };
    const report = await verifyLog(
      tenant,
      [{ kind: "checkpoint", signed: kept }, evil, ...partsOf(forged, 4)],
      { checkpoints: [kept], keys: [] },
    );
    assert.deepEqual(report.findings, []);
    assert.equal(report.chains[0]?.provenSeq, 4);
    assert.equal(report.chains[0]?.signedSeq, 4);
  });

  test("finds a checkpoint that was altered, or that is gone", async () => {
    const kept = signed(rows, 8);
    const altered = { ...kept, body: kept.body.replace('"seq":8', '"seq":7') };
    const withAltered = [{ kind: "checkpoint" as const, signed: altered }, ...partsOf(rows, 3)];
    const report = await verifyLog(tenant, withAltered, { checkpoints: [], keys: [] });
    assert.deepEqual(
      report.findings.map(({ code }) => code),
      ["checkpoint"],
    );
    const gone = await verifyLog(tenant, partsOf(rows, 3), { checkpoints: [kept], keys: [] });
    assert.deepEqual(
      gone.findings.map(({ code }) => code),
      ["checkpoint_missing"],
    );
  });

  test("finds a chain that is gone whole", async () => {
    assert.deepEqual(await codes([], [signed(rows, 3)]), ["cut_off"]);
  });

  test("finds a chain that was emptied, though its name and its checkpoints are left", async () => {
    const kept = signed(rows, 3);
    const emptied: LogPart[] = [
      { kind: "checkpoint", signed: kept },
      { kind: "chain", chain, headSeq: 0, headHash: genesis, base: { seq: 0, hash: "" } },
    ];
    const report = await verifyLog(tenant, emptied, { checkpoints: [kept], keys: [] });
    assert.deepEqual(
      report.findings.map(({ code }) => code),
      ["cut_off"],
    );
  });

  suite("of which old rows are gone", () => {
    /** Ends, begins again, and says that what is from before the time is old. */
    const saying = (note: LogNote): readonly string[] => [
      ...rows,
      ...rowsOf([
        ...Array.from({ length: rows.length }, () => ({ kind: "stop" as const, boot: "b1" })),
        { kind: "boot", node: chain, boot: "b2", after: linkRows(genesis, rows).head },
        note,
      ]).slice(rows.length),
    ];
    const all = saying({ kind: "retention", before: 6_000 });
    /** Without the first rows, as a sweep leaves it. */
    const without = (gone: number, whole: readonly string[] = all): LogPart[] => {
      const [head, ...segments] = partsOf(whole, 1);
      assert(head?.kind === "chain");
      const base = { seq: gone, hash: linkRows(genesis, whole.slice(0, gone)).head };
      return [{ ...head, base }, ...segments.slice(gone)];
    };

    test("takes it where a signed row and an old checkpoint tell of it, and not else", async () => {
      const [old, last] = [signed(all, 3), signed(all, 10, key, 7_000)];
      assert.deepEqual(await codes(without(3), [old, last]), []);
      // The row that tells of it is not signed.
      assert.deepEqual(await codes(without(3), [old, signed(all, 9, key, 7_000)]), ["missing"]);
      assert.deepEqual(await codes(without(3), [last]), ["missing"], "no checkpoint is that old");
      assert.deepEqual(await codes(without(4), [old, last]), ["missing"]);
      const young = signed(all, 3, key, 7_000);
      assert.deepEqual(await codes(without(3), [young, last]), ["missing"]);
    });

    test("finds the first rows altered that are left, and a row before them", async () => {
      const kept = [signed(all, 3), signed(all, 10)];
      const [head, first, ...rest] = without(3);
      assert(head !== undefined && first?.kind === "segment");
      const altered = first.rows?.map((row) => row.replace('"from":0', '"from":1'));
      const { findings } = await verify([head, { ...first, rows: altered }, ...rest], kept);
      assert.deepEqual([findings[0]?.code, findings[0]?.seq], ["altered", 4]);
      const before = partsOf(all, 1)[3];
      assert(before !== undefined);
      const more = await verify([head, before, first, ...rest], kept);
      assert.equal(more.findings[0]?.code, "duplicated");
    });

    test("believes no word that a process found unsigned when it began", async () => {
      const forged = rowsOf([{ kind: "retention", before: 90_000 }]);
      const tail = [...rows, ...forged.map((row) => row.replace('"seq":1,', '"seq":9,'))];
      const notes: LogNote[] = Array.from({ length: 9 }, () => ({ kind: "stop", boot: "b1" }));
      const after = linkRows(genesis, tail).head;
      notes.push({ kind: "boot", node: chain, boot: "b2", after });
      const whole = [...tail, ...rowsOf(notes).slice(9)];
      const kept = [signed(whole, 3), signed(whole, 8), signed(whole, 10)];
      assert.ok((await codes(without(3, whole), kept)).includes("missing"));
    });

    test("calls the tail of a chain that ended without a word nobody's to prove", async () => {
      const other = rowsOf([
        { kind: "boot", node: "other", boot: "b9", after: genesis },
        { kind: "retention", before: 6_000 },
      ]).map((row) => row.replace(`"chain":"${chain}"`, '"chain":"other"'));
      const otherParts = partsOf(other, 2, "other");
      const hash = linkRows(genesis, other).head;
      const says = key.sign({ tenant, chain: "other", seq: 2, hash, atMs: 9_000 });
      const parts = [...without(8, rows), ...otherParts];
      assert.deepEqual(await codes(parts, [signed(rows, 5), says]), []);
      assert.deepEqual(await codes(parts, [signed(rows, 5), signed(rows, 8, key, 7_000), says]), [
        "missing",
      ]);
    });
  });

  test("tells of crashes and of decisions that were only counted", async () => {
    const crashed = rowsOf([
      { kind: "boot", node: chain, boot: "b1", after: genesis },
      { kind: "dropped", count: 9, from: 10, to: 20 },
    ]);
    const end = linkRows(genesis, crashed).head;
    const all = rowsOf([
      { kind: "boot", node: chain, boot: "b1", after: genesis },
      { kind: "dropped", count: 9, from: 10, to: 20 },
      { kind: "boot", node: chain, boot: "b2", after: end },
    ]);
    const { gaps, findings } = await verify(partsOf(all, 2), []);
    assert.deepEqual(findings, []);
    assert.deepEqual(gaps, [
      { chain, seq: 1, dropped: 9, fromMs: 10, toMs: 20 },
      { chain, seq: 2, dropped: 0, fromMs: 1_001, toMs: 1_002 },
      // It runs, or crashed as well: a name that never comes back says no more.
      { chain, seq: 3, dropped: 0, fromMs: 1_002 },
    ]);
  });

  test("reads an export as what was exported", async () => {
    const reader = new ExportReader();
    const parts = partsOf(rows, 3).flatMap(linesOfPart);
    const read = parts.flatMap((line) => reader.partOfLine(line) ?? []);
    assert.deepEqual(await codes(read, [signed(rows, 8)]), []);
    assert.deepEqual(await codes(read.slice(0, -1), [signed(rows, 8)]), ["cut_off"]);
  });
});

function tamper(rows: readonly string[], kind: string, at: number): readonly string[] {
  switch (kind) {
    case "remove":
      return rows.toSpliced(at, 1);
    case "swap":
      return rows.toSpliced(at, 2, rows[at + 1] ?? "", rows[at] ?? "");
    case "repeat":
      return rows.toSpliced(at, 0, rows[at] ?? "");
    case "cut":
      return rows.slice(0, at);
    default:
      return rows.with(at, (rows[at] ?? "").replace('"at":', '"at":1'));
  }
}
