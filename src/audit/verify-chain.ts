import type { Bindings } from "./bindings.ts";
import { linkRow } from "./chain.ts";
import type { Findings } from "./finding.ts";
import type { Gaps } from "./gaps.ts";
import type { ChainPart, SegmentPart } from "./log-part.ts";
import { numberOf, parseRow, textOf, type ReadRow } from "./log-row.ts";
import { genesisHash } from "./revision-digest.ts";
import { isWellFiled } from "./segment-index.ts";
import type { SignedRow } from "./trusted-checkpoints.ts";

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

/** What chains say of age, as far as it is signed; 0: nothing. */
export interface Ages {
  /** Rows and revisions from before this time may be gone. */
  readonly beforeMs: number;
  /** What was changed up to this time may be gone. */
  readonly historyMs: number;
}

interface Ports {
  readonly tenant: string;
  readonly signed: ReadonlyMap<number, SignedRow>;
  readonly bindings: Bindings;
  readonly gaps: Gaps;
  readonly findings: Findings;
}

/** Follows one chain row by row. Segments must come in order. */
export class ChainVerifier {
  readonly part: ChainPart;
  readonly signed: ReadonlyMap<number, SignedRow>;
  readonly #ports: Ports;
  #next: number;
  #first = 0;
  #rows = 0;
  /** Of the last row; `undefined` after rows that are missing. */
  #hash: string | undefined;
  #last: ReadRow | undefined;
  #signedSeq = 0;
  #provenSeq = 0;
  #broken = false;
  #ages: Ages = noAges;
  /** Said, and not signed yet. */
  #agesSaid: Ages = noAges;
  /** Of this chain's bindings: the first, and the first that is not signed yet. */
  readonly #firstBinding: number;
  #unsignedBinding: number;
  readonly #skipped = new Set<number>();

  constructor(part: ChainPart, ports: Ports) {
    this.part = part;
    this.signed = ports.signed;
    this.#ports = ports;
    this.#next = part.base.seq + 1;
    this.#hash = part.base.seq === 0 ? genesisHash : part.base.hash;
    this.#firstBinding = this.#unsignedBinding = ports.bindings.count;
    if (part.base.seq > 0) this.#holdSigned(part.base.seq, part.base.hash);
  }

  /** What signed rows of it say. */
  get ages(): Ages {
    return this.#ages;
  }

  segment(part: SegmentPart): void {
    const { rows, hashes, firstSeq, index } = part;
    if (rows === undefined) {
      this.#find("altered", firstSeq, `the segment at row ${firstSeq} is no rows at all`);
      this.#hash = hashes.at(-1);
      this.#next = Math.max(this.#next, (index?.lastSeq ?? firstSeq) + 1);
      return;
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
    const { chain, headSeq, headHash } = this.part;
    const lastSeq = this.#next - 1;
    const wanted = Math.max(lastOf(this.signed), headSeq);
    if (lastSeq < wanted) {
      this.#find("cut_off", lastSeq + 1, `rows ${lastSeq + 1} to ${wanted} are gone from the end`);
    } else if (headSeq !== lastSeq || headHash !== this.#hash) {
      const end = headSeq < 0 ? "does not know where the chain ends" : `ends it at row ${headSeq}`;
      this.#find("cut_off", lastSeq, `the chain ends at row ${lastSeq}, and the database ${end}`);
    }
    if (this.#last !== undefined && this.#last.kind !== "stop") {
      this.#ports.gaps.add({ chain, seq: lastSeq, dropped: 0, fromMs: this.#last.atMs });
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

  #row(row: ReadRow | undefined, text: string, hash: string): void {
    const seq = row?.place.seq ?? this.#next;
    const { chain } = this.part;
    if (
      row !== undefined &&
      (row.place.chain !== chain || row.place.tenant !== this.#ports.tenant)
    ) {
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
    this.#holdSigned(seq, hash);
  }

  /** Holds a row against what was signed of it. */
  #holdSigned(seq: number, hash: string): void {
    const signed = this.signed.get(seq);
    if (signed === undefined) return;
    if (signed.hash === hash) {
      if (!this.#broken) this.#believe(seq, signed.kept);
      return;
    }
    const since = this.#signedSeq + 1;
    this.#find(
      "rewritten",
      seq,
      `rows ${since} to ${seq} are not those that were signed at ${seq}`,
    );
  }

  /** The rows up to here are those that a node signed: what they say counts. */
  #believe(seq: number, kept: boolean): void {
    const { bindings } = this.#ports;
    this.#signedSeq = seq;
    this.#ages = this.#agesSaid;
    bindings.attest(this.#unsignedBinding, bindings.count);
    this.#unsignedBinding = bindings.count;
    if (!kept) return;
    this.#provenSeq = seq;
    bindings.prove(this.#firstBinding, bindings.count);
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
        this.#ports.gaps.add({ chain: this.part.chain, seq: seq - 1, dropped, fromMs, toMs });
        break;
      }
      case "changes":
        this.#ports.bindings.add(numberOf(members, "revision") ?? 0, textOf(members, "digest"));
        break;
      case "retention":
      case "history":
        this.#agesSaid = withAge(this.#agesSaid, kind, numberOf(members, "before") ?? 0);
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
    // What a process found unsigned when it began may be forged: that it went on from there, and signed
    // what follows, is no word for it.
    this.#agesSaid = this.#ages;
    this.#unsignedBinding = this.#ports.bindings.count;
    if (this.#last === undefined || this.#last.kind === "stop") return;
    const { chain } = this.part;
    const [fromMs, toMs] = [this.#last.atMs, atMs];
    this.#ports.gaps.add({ chain, seq: seq - 1, dropped: 0, fromMs, toMs });
  }

  #find(code: Parameters<Findings["add"]>[0], seq: number, message: string): void {
    this.#broken = true;
    this.#ports.findings.add(code, this.part.chain, seq, message);
  }
}

const noAges: Ages = { beforeMs: 0, historyMs: 0 };

function withAge(
  { beforeMs, historyMs }: Ages,
  kind: "retention" | "history",
  before: number,
): Ages {
  return kind === "retention"
    ? { beforeMs: Math.max(beforeMs, before), historyMs }
    : { beforeMs, historyMs: Math.max(historyMs, before) };
}

function lastOf(signed: ReadonlyMap<number, SignedRow>): number {
  let last = 0;
  for (const seq of signed.keys()) last = Math.max(last, seq);
  return last;
}
