import { linkRows, splitHashes } from "../src/audit/chain.ts";
import { parseObject, parseRow, textOf } from "../src/audit/log-row.ts";
import { packRows } from "../src/audit/packing.ts";
import { rangeOf, termsOfRow } from "../src/audit/segment-index.ts";
import { hashTerm } from "../src/audit/terms.ts";
import { canonicalJson } from "../src/core/json.ts";
import { tenant, type LogCopy } from "./log-copy.ts";
import type { Tampering } from "./tampering.ts";

/** A chain written anew from its first row on, so that nothing in the database disagrees with it. */
export function rewritings(): readonly Tampering[] {
  return [
    rewriting("a denial removed", (rows) => {
      rows.splice(find(rows, '"verdict":"denied"'), 1);
    }),
    rewriting("a decision that nobody took", (rows) => {
      const at = find(rows, '"verdict":"allowed"');
      rows.splice(at, 0, (rows[at] ?? "").replace(/"decision":"/, '"decision":"forged'));
    }),
    rewriting("a decision at another time", (rows) => {
      const at = find(rows, '"verdict":"allowed"');
      rows[at] = (rows[at] ?? "").replace(/"at":\d+/, '"at":1');
    }),
    rewriting("another principal", (rows) => {
      const at = find(rows, '"verdict":"allowed"');
      rows[at] = (rows[at] ?? "").replace("user:alice", "user:bob");
    }),
    rewriting("a restart that was none", (rows) => {
      rows.splice(find(rows.slice(1), '"kind":"boot"') + 1, 1);
    }),
  ];
}

function rewriting(name: string, change: (rows: string[]) => void): Tampering {
  return {
    name: `${name}, and the whole chain numbered, linked and filed anew`,
    harm: async (copy) => {
      const rows = (await copy.segments("one")).flatMap((segment) => segment.rows);
      const before = rows.join("\n");
      change(rows);
      if (rows.join("\n") === before) throw new Error(`\`${name}\` changed nothing`);
      await write(copy, relinked(rows));
    },
  };
}

/** Boots name the row before them, whose hash is another now. */
function relinked(rows: readonly string[]): readonly string[] {
  const made: string[] = [];
  let head = "0".repeat(64);
  for (const [index, row] of rows.entries()) {
    const members = { ...parseObject(row), seq: index + 1 };
    const isBoot = textOf(members, "kind") === "boot";
    const text = canonicalJson(isBoot ? { ...members, after: head } : members);
    made.push(text);
    head = linkRows(head, [text]).head;
  }
  return made;
}

async function write(copy: LogCopy, rows: readonly string[]): Promise<void> {
  const where = "tenant_id = $1 and chain = 'one'";
  await copy.run(`delete from log_segment where ${where}`, tenant);
  let head = "0".repeat(64);
  let firstSeq = 1;
  // A source of decisions is one process: no segment may have two.
  for (const part of Object.values(Object.groupBy(rows, sourceOf()))) {
    const read = (part ?? []).flatMap((row) => parseRow(row) ?? []);
    const times = read.map(({ atMs }) => atMs);
    const range = rangeOf(read.map(({ members }) => textOf(members, "decision")));
    const linked = linkRows(head, part ?? []);
    const lastSeq = firstSeq + read.length - 1;
    await copy.run(
      "insert into log_segment values ($1, 'one', $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
      tenant,
      firstSeq,
      lastSeq,
      Math.min(...times),
      Math.max(...times),
      range?.source ?? null,
      range?.first ?? null,
      range?.last ?? null,
      [...new Set(read.flatMap(termsOfRow).map((term) => hashTerm(term)))],
      packRows((part ?? []).join("\n")),
      Buffer.from(splitHashes(linked.hashes).join(""), "hex"),
    );
    ({ head } = linked);
    firstSeq = lastSeq + 1;
  }
  await copy.run(
    `update log_chain set head_seq = $2, head_hash = $3 where ${where}`,
    tenant,
    firstSeq - 1,
    Buffer.from(head, "hex"),
  );
  await copy.run(`delete from log_checkpoint where ${where}`, tenant);
}

/** Counts the boots before a row. */
function sourceOf(): (row: string) => string {
  let boots = 0;
  return (row) => {
    if (row.includes('"kind":"boot"')) boots += 1;
    return `boot ${boots}`;
  };
}

function find(rows: readonly string[], needle: string): number {
  const found = rows.findIndex((row) => row.includes(needle));
  if (found < 0) throw new Error(`no row has ${needle}`);
  return found;
}
