import type { Findings } from "./finding.ts";
import type { RevisionPart } from "./log-part.ts";
import { digestOfRevision, genesisHash } from "./revision-digest.ts";

/** What a chain says of the changes. */
export interface BoundDigest {
  readonly digest: string;
  /** Signed, and out of reach of whoever has the database. */
  readonly proven: boolean;
}

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
}

/** Follows the revisions of a tenant, in order. */
export class ChangesVerifier {
  readonly #bound: ReadonlyMap<number, BoundDigest>;
  readonly #agedThrough: number;
  readonly #findings: Findings;
  #first = 0;
  #last = 0;
  #revisions = 0;
  #contents = 0;
  #proven = 0;
  /** `undefined`: not known, because what was before is not kept. */
  #digest: string | undefined;
  #sealed = false;

  /** Revisions up to `agedThrough` may be gone: a signed row says so. */
  constructor(bound: ReadonlyMap<number, BoundDigest>, agedThrough: number, findings: Findings) {
    this.#bound = bound;
    this.#agedThrough = agedThrough;
    this.#findings = findings;
  }

  revision(part: RevisionPart): void {
    const { facts, digest, contentDigest } = part;
    const { revision } = facts;
    if (this.#first === 0) {
      this.#first = revision;
      // Before there were digests nobody told what was removed.
      if (digest !== "" && this.#agedThrough < revision - 1) this.#missing(revision);
    } else if (revision !== this.#last + 1) {
      this.#missing(revision);
    }
    this.#last = revision;
    this.#revisions += 1;
    if (digest === "") {
      // Written before there were digests; after the first that has one there is none without.
      if (this.#sealed) this.#altered(revision, "has lost its digest");
      return;
    }
    const isFirst = !this.#sealed && (this.#revisions > 1 || revision === 1);
    this.#sealed = true;
    const previous = isFirst ? genesisHash : this.#digest;
    if (previous !== undefined && digestOfRevision(previous, facts) !== digest) {
      this.#altered(revision, "is not as it was written");
    }
    if (contentDigest !== undefined) {
      this.#contents += 1;
      if (contentDigest !== facts.contentDigest) {
        this.#altered(revision, "did not change what is stored of it");
      }
    }
    this.#digest = digest;
    const bound = this.#bound.get(revision);
    if (bound === undefined) return;
    if (bound.digest !== digest) {
      const message = `the changes up to revision ${revision} are not those that a chain tells of`;
      this.#findings.add("change_rewritten", "", revision, message);
    } else if (bound.proven) {
      this.#proven = revision;
    }
  }

  end(): ChangesReport {
    const bound = Math.max(0, ...this.#bound.keys());
    if (bound > this.#last) {
      const message = `revisions ${this.#last + 1} to ${bound} are gone from the end`;
      this.#findings.add("change_missing", "", this.#last + 1, message);
    }
    return {
      revisions: this.#revisions,
      firstRevision: this.#first,
      lastRevision: this.#last,
      contents: this.#contents,
      provenRevision: this.#proven,
    };
  }

  #missing(revision: number): void {
    const message = `revisions ${this.#last + 1} to ${revision - 1} are missing`;
    this.#findings.add("change_missing", "", this.#last + 1, message);
    this.#digest = undefined;
  }

  #altered(revision: number, how: string): void {
    this.#findings.add("change_altered", "", revision, `revision ${revision} ${how}`);
  }
}
