import type { Bindings } from "./bindings.ts";
import type { Findings } from "./finding.ts";
import { LiveSum } from "./live-sum.ts";
import type { ChangesPart, RevisionPart } from "./log-part.ts";
import { digestOfRevision, genesisHash } from "./revision-digest.ts";
import type { SignersVerifier } from "./verify-signers.ts";

/** How far the changes were followed. */
export interface ChangesReport {
  readonly revisions: number;
  /** 0: there are none. */
  readonly firstRevision: number;
  readonly lastRevision: number;
  /** Of how many the tuples were held against the digest; of older ones they are no longer kept. */
  readonly contents: number;
  /** Up to here they are as a proven row of a chain says. */
  readonly provenRevision: number;
  /** How many are from before there were digests: of them nothing is proven. */
  readonly unsealed: number;
  /** How many are from before the first that a node signed: that nodes wrote them is not proven. */
  readonly unsigned: number;
}

/** What the changes are held against. */
export interface ChangesPorts {
  readonly bindings: Bindings;
  /** What a revision of up to that time changed may be gone: a signed row says so. */
  readonly historyMs: number;
  readonly signers: SignersVerifier;
  readonly findings: Findings;
}

/** In hexadecimal. */
const digestLength = 64;

/** Follows the revisions of a tenant, in order. */
export class ChangesVerifier {
  readonly #ports: ChangesPorts;
  readonly #head: number;
  #liveDigest: string | undefined;
  /** What the revision before left: the next goes on from there. */
  #left: string;
  #first = 0;
  #last: number;
  #revisions = 0;
  #contents = 0;
  #unsealed = 0;
  #proven = 0;
  #broken = false;
  /** Empty before the first revision that has one; `undefined` after revisions that are missing. */
  #digest: string | undefined;

  constructor({ base, head }: ChangesPart, ports: ChangesPorts) {
    this.#last = base.seq;
    this.#digest = base.seq === 0 ? "" : base.hash.slice(0, digestLength);
    this.#left = base.hash.slice(digestLength);
    this.#head = head;
    if (head === 0) this.#liveDigest = new LiveSum().digest;
    this.#ports = ports;
  }

  /** What the revision at the head says of all that counts after it; `undefined`: nothing. */
  get liveDigest(): string | undefined {
    return this.#liveDigest;
  }

  revision(part: RevisionPart): void {
    const { facts, digest } = part;
    const { revision } = facts;
    if (this.#revisions === 0) this.#first = revision;
    if (revision !== this.#last + 1) this.#missing(revision);
    this.#last = revision;
    this.#revisions += 1;
    if (digest === "") this.#withoutDigest(revision);
    else this.#follow(part);
    this.#bind(revision, Buffer.from(digest, "hex"));
    this.#ports.signers.revision(part);
    this.#left = facts.liveDigest ?? "";
    if (revision === this.#head) this.#liveDigest = facts.liveDigest;
  }

  end(): ChangesReport {
    const { bindings, signers } = this.#ports;
    const last = Math.max(bindings.last, this.#head);
    signers.end(this.#last);
    if (last > this.#last) {
      const message = `revisions ${this.#last + 1} to ${last} are gone from the end`;
      this.#find("change_missing", this.#last + 1, message);
    }
    return {
      revisions: this.#revisions,
      firstRevision: this.#first,
      lastRevision: this.#last,
      contents: this.#contents,
      provenRevision: this.#proven,
      unsealed: this.#unsealed,
      unsigned: signers.unsigned,
    };
  }

  /** Written before there were digests; after the first that has one there is none without. */
  #withoutDigest(revision: number): void {
    if (this.#digest === "") this.#unsealed += 1;
    else this.#altered(revision, "has lost its digest");
  }

  #follow({ facts, digest, contentDigest }: RevisionPart): void {
    const { revision } = facts;
    const previous = this.#digest === "" ? genesisHash : this.#digest;
    // The first of all goes on from nothing.
    const isFirst = revision === 1 && facts.liveDigest !== undefined;
    const before = isFirst ? new LiveSum().digest : this.#left;
    if (previous !== undefined && digestOfRevision(previous, before, facts) !== digest) {
      this.#altered(revision, "is not as it was written");
    }
    this.#digest = digest;
    if (contentDigest === undefined) {
      if (facts.committedAtMs <= this.#ports.historyMs) return;
      this.#altered(revision, "is not old, and what it changed is gone");
      return;
    }
    this.#contents += 1;
    if (contentDigest !== facts.contentDigest) {
      this.#altered(revision, "did not change what is stored of it");
    }
  }

  #bind(revision: number, digest: Buffer): void {
    for (const binding of this.#ports.bindings.of(revision)) {
      if (!binding.digest.equals(digest)) {
        const message = `the changes up to revision ${revision} are not those that a chain tells of`;
        this.#find("change_rewritten", revision, message);
      } else if (binding.proven && !this.#broken) {
        this.#proven = revision;
      }
    }
  }

  #missing(revision: number): void {
    const message = `revisions ${this.#last + 1} to ${revision - 1} are missing`;
    this.#find("change_missing", this.#last + 1, message);
    this.#digest = undefined;
  }

  #altered(revision: number, how: string): void {
    this.#find("change_altered", revision, `revision ${revision} ${how}`);
  }

  #find(code: Parameters<Findings["add"]>[0], revision: number, message: string): void {
    this.#broken = true;
    this.#ports.findings.add(code, "", revision, message);
  }
}
