import { keyName, openCheckpoint, type Checkpoint, type SignedCheckpoint } from "./checkpoint.ts";
import type { Findings } from "./finding.ts";

/** A signed row of a chain. */
export interface SignedRow {
  readonly hash: string;
  /** Kept elsewhere by whoever verifies, and not only in the log. */
  readonly kept: boolean;
  readonly atMs: number;
  /** As in `Checkpoint`. */
  readonly revision?: number;
}

/**
 * Checkpoints that are believed: those that were kept elsewhere, and those of the log that are signed
 * with the same keys. Where nothing was kept every valid signature counts: then the log can only be
 * held against itself.
 */
export class TrustedCheckpoints {
  readonly #tenant: string;
  readonly #findings: Findings;
  readonly #keys: Set<string>;
  readonly #byChain = new Map<string, Map<number, SignedRow>>();
  /** Those that were kept, by row and chain, until they are found in the log. */
  readonly #missing = new Map<string, Checkpoint>();

  constructor(
    tenant: string,
    kept: readonly SignedCheckpoint[],
    keys: readonly string[],
    findings: Findings,
  ) {
    this.#tenant = tenant;
    this.#findings = findings;
    this.#keys = new Set(keys);
    for (const signed of kept) this.#keep(signed);
  }

  /** Whether what is signed with the key counts. */
  believes(key: string): boolean {
    return this.#keys.size === 0 || this.#keys.has(key);
  }

  /** Names of the keys that are believed, sorted. None: nothing was kept, and every key is. */
  get keyNames(): readonly string[] {
    return [...this.#keys].map(keyName).toSorted();
  }

  get chains(): readonly string[] {
    return [...this.#byChain.keys()];
  }

  of(chain: string): ReadonlyMap<number, SignedRow> {
    return this.#byChain.get(chain) ?? new Map();
  }

  /** One of the log; `at` says where it was stored. */
  add(signed: SignedCheckpoint, at?: { readonly chain: string; readonly seq: number }): void {
    const checkpoint = openCheckpoint(signed);
    if (checkpoint === undefined || checkpoint.tenant !== this.#tenant) {
      const [chain, seq] = [at?.chain ?? "", at?.seq ?? 0];
      this.#findings.add("checkpoint", chain, seq, `the checkpoint at row ${seq} is not signed`);
      return;
    }
    const { chain, seq, key } = checkpoint;
    if (at !== undefined && (at.chain !== chain || at.seq !== seq)) {
      const message = `the checkpoint at row ${at.seq} is that of row ${seq} of chain ${chain}`;
      this.#findings.add("checkpoint", at.chain, at.seq, message);
      return;
    }
    this.#missing.delete(`${seq} ${chain}`);
    if (!this.believes(key)) return;
    this.#note(checkpoint, false);
  }

  /** To be called after the last `add`: what was kept must still be there, but for old ones. */
  requireKept(baseOf: (chain: string) => number): void {
    for (const { chain, seq } of this.#missing.values()) {
      if (seq < baseOf(chain)) continue;
      const message = `the checkpoint at row ${seq}, which was kept, is gone from the log`;
      this.#findings.add("checkpoint_missing", chain, seq, message);
    }
  }

  #keep(signed: SignedCheckpoint): void {
    const checkpoint = openCheckpoint(signed);
    if (checkpoint === undefined) {
      this.#findings.add("checkpoint", "", 0, "a checkpoint that was kept is not signed");
      return;
    }
    // A bundle may have other tenants' as well: they say nothing of this one.
    this.#keys.add(checkpoint.key);
    if (checkpoint.tenant !== this.#tenant) return;
    this.#missing.set(`${checkpoint.seq} ${checkpoint.chain}`, checkpoint);
    this.#note(checkpoint, true);
  }

  #note({ chain, seq, hash, atMs, revision }: Checkpoint, kept: boolean): void {
    const row = { hash, atMs, kept, ...(revision === undefined ? {} : { revision }) };
    const rows = this.#byChain.get(chain) ?? new Map<number, SignedRow>();
    this.#byChain.set(chain, rows);
    const known = rows.get(seq);
    if (known !== undefined && known.hash !== row.hash) {
      this.#findings.add("checkpoint", chain, seq, `row ${seq} was signed with two hashes`);
    }
    // What was kept stands: it alone is out of reach of whoever has the database.
    if (known === undefined || !known.kept) rows.set(seq, row);
  }
}
