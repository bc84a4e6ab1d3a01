import { isSigned, keyName } from "./checkpoint.ts";
import type { Findings } from "./finding.ts";
import type { RevisionPart } from "./log-part.ts";
import { textToSign } from "./revision-digest.ts";

interface Ports {
  /** Whether what is signed with the key counts. */
  readonly believes: (key: string) => boolean;
  /** Up to here each must be signed; behind it nothing is claimed. */
  readonly through: number;
  readonly findings: Findings;
}

/**
 * Holds that nodes wrote the revisions: else whoever has the database could add one that looks like
 * theirs, and nodes would go on from there. Those from before the first that is signed are counted.
 */
export class SignersVerifier {
  readonly #ports: Ports;
  /** The first of which nobody has signed yet that it is theirs. */
  #open: number | undefined;
  #isBegun = false;
  #unsigned = 0;

  constructor(ports: Ports) {
    this.#ports = ports;
  }

  /** How many are from before any was signed. */
  get unsigned(): number {
    return this.#unsigned;
  }

  revision({ facts, digest, signed }: RevisionPart): void {
    const { revision, signer } = facts;
    this.#open ??= revision;
    if (signer === undefined) return;
    if (!this.#isBegun) this.#settle(revision);
    this.#isBegun = true;
    if (signed === undefined) return;
    this.#settle(revision - signed.count + 1);
    if (revision <= this.#ports.through) {
      const text = textToSign(facts, digest, signed.count);
      if (!this.#ports.believes(signer)) {
        this.#find(revision, `is signed with key ${keyName(signer)}, for which nothing speaks`);
      } else if (!isSigned(text, signed.signature, signer)) {
        this.#find(revision, "does not have the signature of the node that wrote it");
      }
    }
    this.#open = revision + 1;
  }

  end(last: number): void {
    this.#settle(last + 1);
  }

  /** Nobody signed what is open before that revision. */
  #settle(before: number): void {
    const { through } = this.#ports;
    const open = this.#open ?? before;
    this.#open = Math.max(open, before);
    if (!this.#isBegun) {
      this.#unsigned += Math.max(0, before - open);
    } else if (open < before && open <= through) {
      this.#find(
        open,
        before - open > 1 ? `to ${before - 1} were signed by no node` : "was signed by no node",
      );
    }
  }

  #find(revision: number, how: string): void {
    this.#ports.findings.add("change_unsigned", "", revision, `revision ${revision} ${how}`);
  }
}
