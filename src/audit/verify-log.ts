import { Bindings } from "./bindings.ts";
import type { SignedCheckpoint } from "./checkpoint.ts";
import { Findings, type Finding } from "./finding.ts";
import { Gaps, type Gap } from "./gaps.ts";
import type { ChangesPart, LogBase, LogPart } from "./log-part.ts";
import { TrustedCheckpoints, type SignedRow } from "./trusted-checkpoints.ts";
import { ChainVerifier, type Ages, type ChainReport } from "./verify-chain.ts";
import { ChangesVerifier, type ChangesReport } from "./verify-changes.ts";
import { LiveVerifier, type LiveReport } from "./verify-live.ts";
import { SignersVerifier } from "./verify-signers.ts";

/** What to hold a log against: what was kept out of reach of whoever could alter it. */
export interface Evidence {
  /** The last checkpoints that were kept elsewhere. */
  readonly checkpoints: readonly SignedCheckpoint[];
  /** Keys of nodes, as in `Checkpoint.key`, beside those of the checkpoints. */
  readonly keys: readonly string[];
}

export interface LogReport {
  readonly tenant: string;
  /** The first of them; `findingCount` counts all. None: nothing that is proven was touched. */
  readonly findings: readonly Finding[];
  readonly findingCount: number;
  readonly chains: readonly ChainReport[];
  /** The first of them; `gapCount` counts all. */
  readonly gaps: readonly Gap[];
  readonly gapCount: number;
  readonly changes: ChangesReport;
  readonly live: LiveReport;
  /** Whether checkpoints or keys were given: without, a log is held against itself alone. */
  readonly hasEvidence: boolean;
  /** Names of the keys that were believed, sorted: those of the nodes, if nobody else's was kept. */
  readonly keys: readonly string[];
}

/** Verifies the log of a tenant. Its parts must come in their order: see `LogPart`. */
export async function verifyLog(
  tenant: string,
  parts: AsyncIterable<LogPart> | Iterable<LogPart>,
  evidence: Evidence,
): Promise<LogReport> {
  const verifier = new LogVerifier(tenant, evidence);
  for await (const part of parts) verifier.take(part);
  return verifier.end();
}

class LogVerifier {
  readonly #tenant: string;
  readonly #findings = new Findings();
  readonly #gaps = new Gaps();
  readonly #bindings = new Bindings();
  readonly #trusted: TrustedCheckpoints;
  readonly #hasEvidence: boolean;
  readonly #chains: ChainVerifier[] = [];
  readonly #reports: ChainReport[] = [];
  #changes: ChangesVerifier | undefined;
  #head = 0;
  #live: LiveVerifier | undefined;

  constructor(tenant: string, { checkpoints, keys }: Evidence) {
    this.#tenant = tenant;
    this.#hasEvidence = checkpoints.length + keys.length > 0;
    this.#trusted = new TrustedCheckpoints(tenant, checkpoints, keys, this.#findings);
  }

  take(part: LogPart): void {
    switch (part.kind) {
      case "checkpoint":
        this.#trusted.add(part.signed, part.at);
        break;
      case "chain":
        this.#endChain();
        this.#chains.push(
          new ChainVerifier(part, {
            tenant: this.#tenant,
            signed: this.#trusted.of(part.chain),
            bindings: this.#bindings,
            gaps: this.#gaps,
            findings: this.#findings,
          }),
        );
        break;
      case "segment":
        this.#chains.at(-1)?.segment(part);
        break;
      case "changes":
        this.#head = part.head;
        this.#changes = this.#beginChanges(part);
        break;
      case "revision":
        this.#changes ??= this.#beginChanges(noChanges);
        this.#changes.revision(part);
        break;
      case "live":
        this.#live = new LiveVerifier(part);
        break;
      case "tuples":
        this.#live?.tuples(part);
        break;
    }
  }

  end(): LogReport {
    this.#changes ??= this.#beginChanges(noChanges);
    const changes = this.#changes.end();
    const { liveDigest } = this.#changes;
    return {
      tenant: this.#tenant,
      changes,
      live: this.#live?.end(this.#head, liveDigest, this.#findings) ?? nothingLive,
      findings: this.#findings.list,
      findingCount: this.#findings.count,
      chains: this.#reports,
      gaps: this.#gaps.list,
      gapCount: this.#gaps.count,
      hasEvidence: this.#hasEvidence,
      keys: this.#trusted.keyNames,
    };
  }

  #endChain(): void {
    const chain = this.#chains[this.#reports.length];
    if (chain !== undefined) this.#reports.push(chain.end());
  }

  /** Once all chains were read: what they say of each other and of the changes. */
  #beginChanges(part: ChangesPart): ChangesVerifier {
    this.#endChain();
    const bases = new Map(this.#chains.map(({ part }) => [part.chain, part.base.seq]));
    for (const chain of this.#trusted.chains) {
      if (bases.has(chain)) continue;
      this.#findings.add("cut_off", chain, 1, "the chain is gone, with all its rows");
    }
    this.#trusted.requireKept((chain) => bases.get(chain) ?? 0);
    const ages = this.#chains.map((chain) => chain.ages).reduce(later, noAges);
    for (const chain of this.#chains) this.#requireOldRows(chain, ages);
    this.#requireOldRevisions(part.base, ages);
    const historyMs = Math.max(ages.historyMs, ages.beforeMs);
    const [bindings, findings] = [this.#bindings, this.#findings];
    const signers = new SignersVerifier({
      believes: (key) => this.#trusted.believes(key),
      // Without evidence all is held against itself.
      through: this.#hasEvidence ? bindings.lastProven : Infinity,
      findings,
    });
    return new ChangesVerifier(part, { bindings, historyMs, signers, findings });
  }

  /**
   * Rows may be gone that were signed before a time of which a signed row says that what is older is
   * removed. Those behind the last checkpoint of a chain that is over are nobody's to prove.
   */
  #requireOldRows({ part, signed }: ChainVerifier, { beforeMs }: Ages): void {
    const { chain, base } = part;
    if (base.seq === 0) return;
    const old = lastSigned(signed, ({ atMs }) => atMs < beforeMs);
    if (old >= base.seq || (beforeMs > 0 && lastSigned(signed, () => true) === old)) return;
    const message = `rows 1 to ${base.seq} are gone, and nothing signed shows that they were too old`;
    this.#findings.add("missing", chain, 1, message);
  }

  #requireOldRevisions({ seq }: LogBase, { beforeMs }: Ages): void {
    const signed = this.#chains.flatMap((chain) => [...chain.signed.values()]);
    if (signed.some(({ atMs, revision = 0 }) => atMs < beforeMs && revision >= seq)) return;
    if (seq === 0) return;
    const message = `revisions 1 to ${seq} are gone, and nothing signed shows that they were too old`;
    this.#findings.add("change_missing", "", 1, message);
  }
}

const noChanges: ChangesPart = { kind: "changes", base: { seq: 0, hash: "" }, head: 0 };
const nothingLive: LiveReport = { revision: 0, tuples: 0, isBound: false };
const noAges: Ages = { beforeMs: 0, historyMs: 0 };

function later(one: Ages, other: Ages): Ages {
  return {
    beforeMs: Math.max(one.beforeMs, other.beforeMs),
    historyMs: Math.max(one.historyMs, other.historyMs),
  };
}

/** The last row of which there is such a checkpoint; 0: there is none. */
function lastSigned(
  signed: ReadonlyMap<number, SignedRow>,
  matches: (row: SignedRow) => boolean,
): number {
  let last = 0;
  for (const [seq, row] of signed) if (matches(row)) last = Math.max(last, seq);
  return last;
}
