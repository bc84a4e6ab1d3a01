import type { Checkpoint, SignedCheckpoint } from "./checkpoint.ts";
import { Findings, type Finding } from "./finding.ts";
import type { LogPart } from "./log-part.ts";
import { numberOf, textOf } from "./log-row.ts";
import { TrustedCheckpoints } from "./trusted-checkpoints.ts";
import { ChainVerifier, type ChainReport, type Gap } from "./verify-chain.ts";
import { ChangesVerifier, type BoundDigest, type ChangesReport } from "./verify-changes.ts";

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
  readonly gaps: readonly Gap[];
  readonly changes: ChangesReport;
  /** Whether checkpoints or keys were given: without, a log is held against itself alone. */
  readonly hasEvidence: boolean;
}

/** By this retention speaks of the changes: no chain has an empty name. */
export const changesName = "";

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
  readonly #trusted: TrustedCheckpoints;
  readonly #hasEvidence: boolean;
  readonly #chains: ChainVerifier[] = [];
  readonly #reports: ChainReport[] = [];
  #changes: ChangesVerifier | undefined;

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
      case "chain": {
        const signed = this.#trusted.of(part.chain);
        this.#chains.push(new ChainVerifier(part, this.#tenant, signed, this.#findings));
        break;
      }
      case "segment":
        this.#chains.at(-1)?.segment(part);
        break;
      case "revision":
        this.#endChains();
        this.#changes?.revision(part);
        break;
    }
  }

  end(): LogReport {
    this.#endChains();
    const changes = this.#changes?.end();
    return {
      tenant: this.#tenant,
      findings: this.#findings.list,
      findingCount: this.#findings.count,
      chains: this.#reports,
      gaps: this.#chains.flatMap(({ gaps }) => gaps),
      changes: changes ?? noChanges,
      hasEvidence: this.#hasEvidence,
    };
  }

  /** Once all chains were read: what they say of each other and of the changes. */
  #endChains(): void {
    if (this.#changes !== undefined) return;
    this.#reports.push(...this.#chains.map((chain) => chain.end()));
    const aged = this.#agedRows();
    for (const [index, chain] of this.#chains.entries()) {
      const { startsAt } = chain;
      const name = this.#reports[index]?.chain ?? "";
      if (startsAt > 1) this.#requireAged(name, startsAt, aged.get(name), chain);
    }
    // Of a chain without rows only its name is left.
    const known = new Set(this.#reports.flatMap(({ chain, rows }) => (rows > 0 ? [chain] : [])));
    for (const chain of this.#trusted.chains) {
      if (known.has(chain)) continue;
      const signed = [...this.#trusted.of(chain)];
      const left = signed.filter(
        ([seq, { atMs }]) => !isAged(aged.get(chain), seq + 1, atMs, aged),
      );
      if (left.length === 0) continue;
      const last = Math.max(...left.map(([seq]) => seq));
      this.#findings.add("cut_off", chain, 1, `the chain is gone, with its rows 1 to ${last}`);
    }
    this.#trusted.requireKept(({ chain, seq, atMs }: Checkpoint) =>
      isAged(aged.get(chain), seq + 1, atMs, aged),
    );
    const agedThrough = aged.get(changesName)?.through ?? 0;
    this.#changes = new ChangesVerifier(this.#boundDigests(), agedThrough, this.#findings);
  }

  #requireAged(
    chain: string,
    startsAt: number,
    aged: Aged | undefined,
    verifier: ChainVerifier,
  ): void {
    const through = startsAt - 1;
    if (aged === undefined || aged.through < through) {
      const message = `rows 1 to ${through} are gone, and no signed row says that they were too old`;
      this.#findings.add("missing", chain, 1, message);
    } else if (aged.hashes.has(through) && !verifier.followsOn(aged.hashes.get(through) ?? "")) {
      const message = `row ${startsAt} does not have the hash that was written with it`;
      this.#findings.add("altered", chain, startsAt, message);
    }
  }

  /** What signed rows say was removed because it was too old, by the name of the chain. */
  #agedRows(): ReadonlyMap<string, Aged> {
    const aged = new Map<string, Aged>();
    for (const [index, { statements }] of this.#chains.entries()) {
      const signedSeq = this.#reports[index]?.signedSeq ?? 0;
      for (const { seq, row } of statements) {
        if (row.kind !== "retention" || seq > signedSeq) continue;
        const name = textOf(row.members, "of");
        const through = numberOf(row.members, "through") ?? 0;
        const known = aged.get(name);
        const hashes = known?.hashes ?? new Map<number, string>();
        hashes.set(through, textOf(row.members, "hash"));
        aged.set(name, {
          through: Math.max(known?.through ?? 0, through),
          beforeMs: Math.max(known?.beforeMs ?? 0, numberOf(row.members, "before") ?? 0),
          hashes,
        });
      }
    }
    return aged;
  }

  #boundDigests(): ReadonlyMap<number, BoundDigest> {
    const bound = new Map<number, BoundDigest>();
    for (const [index, { statements }] of this.#chains.entries()) {
      const provenSeq = this.#reports[index]?.provenSeq ?? 0;
      for (const { seq, row } of statements) {
        const revision = numberOf(row.members, "revision");
        if (row.kind !== "changes" || revision === undefined) continue;
        const proven = seq <= provenSeq || bound.get(revision)?.proven === true;
        bound.set(revision, { digest: textOf(row.members, "digest"), proven });
      }
    }
    return bound;
  }
}

interface Aged {
  readonly through: number;
  readonly beforeMs: number;
  readonly hashes: Map<number, string>;
}

/** Whether the rows before this one may be gone. A chain that is gone whole has nobody to tell of it. */
function isAged(
  aged: Aged | undefined,
  seq: number,
  atMs: number,
  all: ReadonlyMap<string, Aged>,
): boolean {
  if (aged !== undefined && aged.through >= seq - 1) return true;
  return [...all.values()].some(({ beforeMs }) => atMs < beforeMs);
}

const noChanges: ChangesReport = {
  revisions: 0,
  firstRevision: 0,
  lastRevision: 0,
  contents: 0,
  provenRevision: 0,
};
