import { linkRow } from "./chain.ts";
import type { Findings } from "./finding.ts";
import type { ChainPart, SegmentPart } from "./log-part.ts";
import { numberOf, parseRow, textOf, type ReadRow } from "./log-row.ts";
import { genesisHash } from "./revision-digest.ts";
import { isWellFiled } from "./segment-index.ts";
import type { SignedRow } from "./trusted-checkpoints.ts";

/** What a chain says of itself where decisions may be missing though nobody touched it. */
export interface Gap {
  readonly chain: string;
  /** The row after which they are missing. */
  readonly seq: number;
  /** 0: the node crashed, and nobody knows; else so many were counted, not written. */
  readonly dropped: number;
  readonly fromMs: number;
  readonly toMs: number;
}

/** A row that says that older ones are gone, or how the changes stand; at which row it says so. */
export interface Statement {
  readonly seq: number;
  readonly row: ReadRow;
}

/** How far a chain was followed. */
export interface ChainReport {
  readonly chain: string;
  readonly rows: number;
  readonly firstSeq: number;
  readonly lastSeq: number;
  /** Rows up to here are as they were signed; 0: none are. */
  readonly signedSeq: number;
  /** Up to here nothing can have been cut off either: a kept checkpoint says so. The tail is unproven. */
  readonly provenSeq: number;
}

/** Follows one chain row by row. Segments must come in order. */
export class ChainVerifier {
  readonly statements: Statement[] = [];
  readonly gaps: Gap[] = [];
  readonly #part: ChainPart;
  readonly #tenant: string;
  readonly #signed: ReadonlyMap<number, SignedRow>;
  readonly #findings: Findings;
  #next = 1;
  #first = 0;
  #rows = 0;
  /** Of the last row; `undefined` after rows that are missing. */
  #hash: string | undefined = genesisHash;
  #last: ReadRow | undefined;
  #signedSeq = 0;
  #provenSeq = 0;
  #broken = false;
  #begin: { readonly text: string; readonly hash: string } | undefined;
  readonly #skipped = new Set<number>();

  constructor(
    part: ChainPart,
    tenant: string,
    signed: ReadonlyMap<number, SignedRow>,
    findings: Findings,
  ) {
    this.#part = part;
    this.#tenant = tenant;
    this.#signed = signed;
    this.#findings = findings;
  }

  segment(part: SegmentPart): void {
    const { rows, hashes, firstSeq, index } = part;
    if (rows === undefined) {
      this.#find("altered", firstSeq, `the segment at row ${firstSeq} is no rows at all`);
      this.#hash = hashes.at(-1);
      this.#next = Math.max(this.#next, (index?.lastSeq ?? firstSeq) + 1);
      return;
    }
    if (this.#rows === 0 && this.#next === 1 && firstSeq > 1) {
      // What its first row is linked to is gone with the rows before.
      this.#next = firstSeq;
      this.#hash = undefined;
      this.#begin = { text: rows[0] ?? "", hash: hashes[0] ?? "" };
    }
    const read = rows.map(parseRow);
    for (const [position, text] of rows.entries()) {
      this.#row(read[position], text, hashes[position] ?? "");
    }
    if (hashes.length !== rows.length) {
      const message = `the segment at row ${firstSeq} has ${rows.length} rows and ${hashes.length} hashes`;
      this.#find("altered", firstSeq, message);
    }
    if (index !== undefined && !isWellFiled(part, index, read)) {
      const message = `the segment at row ${firstSeq} is not found by what its rows say`;
      this.#find("misfiled", firstSeq, message);
    }
  }

  end(): ChainReport {
    const { chain, headSeq, headHash } = this.#part;
    const lastSeq = this.#next - 1;
    const signedLast = Math.max(0, ...this.#signed.keys());
    const wanted = Math.max(signedLast, headSeq);
    if (lastSeq < wanted && this.#rows + this.#first > 0) {
      this.#find("cut_off", lastSeq + 1, `rows ${lastSeq + 1} to ${wanted} are gone from the end`);
    } else if (this.#rows > 0 && (headSeq !== lastSeq || headHash !== this.#hash)) {
      const end = headSeq < 0 ? "does not know where the chain ends" : `ends it at row ${headSeq}`;
      this.#find("cut_off", lastSeq, `the chain ends at row ${lastSeq}, and the database ${end}`);
    }
    return {
      chain,
      rows: this.#rows,
      firstSeq: this.#first,
      lastSeq,
      signedSeq: this.#signedSeq,
      provenSeq: this.#provenSeq,
    };
  }

  /** The first row that is left: those before it must have aged. */
  get startsAt(): number {
    return this.#rows === 0 ? Math.max(this.#part.headSeq, 0) + 1 : this.#first;
  }

  /** Whether the first row that is left is linked to a row before it that has this hash. */
  followsOn(hash: string): boolean {
    const begin = this.#begin;
    return begin === undefined || linkRow(hash, begin.text) === begin.hash;
  }

  #row(row: ReadRow | undefined, text: string, hash: string): void {
    const seq = row?.place.seq ?? this.#next;
    const { chain } = this.#part;
    if (row !== undefined && (row.place.chain !== chain || row.place.tenant !== this.#tenant)) {
      const of = `row ${seq} of chain ${row.place.chain}, tenant ${row.place.tenant}`;
      this.#find("foreign", this.#next, `where row ${this.#next} belongs stands ${of}`);
      this.#advance(undefined, this.#next, hash);
      return;
    }
    if (seq < this.#next) {
      const known = this.#skipped.delete(seq);
      this.#find(
        known ? "misplaced" : "duplicated",
        seq,
        `row ${seq} stands after ${this.#next - 1}`,
      );
      return;
    }
    if (seq > this.#next) this.#skip(seq);
    if (row === undefined) {
      this.#find("altered", seq, `row ${seq} is no row in canonical form`);
    } else if (this.#hash !== undefined && linkRow(this.#hash, text) !== hash) {
      this.#find("altered", seq, `row ${seq} does not have the hash that was written with it`);
    } else {
      this.#follow(row, seq);
    }
    this.#advance(row, seq, hash);
  }

  #skip(seq: number): void {
    const to = seq - 1 === this.#next ? "" : ` to ${seq - 1}`;
    this.#find("missing", this.#next, `row ${this.#next}${to} is missing`);
    const remembered = Math.min(seq, this.#next + 10_000);
    for (let missing = this.#next; missing < remembered; missing += 1) this.#skipped.add(missing);
    this.#hash = undefined;
    this.#next = seq;
  }

  #advance(row: ReadRow | undefined, seq: number, hash: string): void {
    if (this.#rows === 0) this.#first = seq;
    this.#rows += 1;
    this.#next = seq + 1;
    this.#hash = hash;
    this.#last = row;
    const signed = this.#signed.get(seq);
    if (signed === undefined) return;
    if (signed.hash === hash) {
      if (this.#broken) return;
      this.#signedSeq = seq;
      if (signed.kept) this.#provenSeq = seq;
      return;
    }
    const since = this.#signedSeq + 1;
    this.#find(
      "rewritten",
      seq,
      `rows ${since} to ${seq} are not those that were signed at ${seq}`,
    );
  }

  /** What a row says of the chain that it stands in. */
  #follow(row: ReadRow, seq: number): void {
    const { kind, atMs, members } = row;
    if ((seq === 1 || this.#last?.kind === "stop") && kind !== "boot") {
      this.#find("impossible", seq, `row ${seq} should tell of a process that began`);
    }
    switch (kind) {
      case "boot":
        this.#boot(row, seq);
        break;
      case "dropped": {
        const [fromMs, toMs] = [numberOf(members, "from") ?? atMs, numberOf(members, "to") ?? atMs];
        const dropped = numberOf(members, "count") ?? 0;
        this.gaps.push({ chain: this.#part.chain, seq: seq - 1, dropped, fromMs, toMs });
        break;
      }
      case "changes":
      case "retention":
        this.statements.push({ seq, row });
        break;
      case "decision":
      case "stop":
        break;
      default:
        this.#find("impossible", seq, `row ${seq} is of the unknown kind ${kind}`);
    }
  }

  #boot({ members, atMs }: ReadRow, seq: number): void {
    if (this.#hash !== undefined && textOf(members, "after") !== this.#hash) {
      this.#find("impossible", seq, `row ${seq} began after another row than the one before it`);
    }
    if (seq === 1 || this.#last === undefined || this.#last.kind === "stop") return;
    const { chain } = this.#part;
    this.gaps.push({ chain, seq: seq - 1, dropped: 0, fromMs: this.#last.atMs, toMs: atMs });
  }

  #find(code: Parameters<Findings["add"]>[0], seq: number, message: string): void {
    this.#broken = true;
    this.#findings.add(code, this.#part.chain, seq, message);
  }
}
