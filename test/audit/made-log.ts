import { linkRows, splitHashes } from "../../src/audit/chain.ts";
import { makeSigningKey, readSigningKey, type SigningKey } from "../../src/audit/checkpoint.ts";
import type { LogPart, SegmentPart } from "../../src/audit/log-part.ts";
import { formatNote, type LogNote } from "../../src/audit/log-row.ts";

export const tenant = "acme";
export const chain = "node";

export function newKey(): SigningKey {
  const key = readSigningKey(makeSigningKey());
  if (key === undefined) throw new Error("a key that was just made is one");
  return key;
}

/** Notes as the rows of a chain, each at a time of its own. */
export function rowsOf(notes: readonly LogNote[]): readonly string[] {
  return notes.map((note, index) =>
    formatNote(note, 1_000 + index, { tenant, chain, seq: index + 1 }),
  );
}

export const genesis: string = "0".repeat(64);

/** A chain that begins, tells of `count` changes, and ends. */
export function honestRows(count: number): readonly string[] {
  return rowsOf([
    { kind: "boot", node: chain, boot: "b1", after: genesis },
    ...Array.from({ length: count }, (_, index): LogNote => ({
      kind: "dropped",
      count: index + 1,
      from: 0,
      to: 1,
    })),
    { kind: "stop", boot: "b1" },
  ]);
}

/** Rows in segments of `size`, linked, under the end that the database would have; none are gone. */
export function partsOf(rows: readonly string[], size: number, name: string = chain): LogPart[] {
  const linked = linkRows(genesis, rows);
  const hashes = splitHashes(linked.hashes);
  const segments: SegmentPart[] = [];
  const base = { seq: 0, hash: "" };
  for (let at = 0; at < rows.length; at += size) {
    segments.push({
      kind: "segment",
      chain: name,
      firstSeq: at + 1,
      rows: rows.slice(at, at + size),
      hashes: hashes.slice(at, at + size),
    });
  }
  return [
    { kind: "chain", chain: name, headSeq: rows.length, headHash: linked.head, base },
    ...segments,
  ];
}
