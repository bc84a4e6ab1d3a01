/** What the chains say of a revision. */
export interface Binding {
  /** 32 bytes. */
  readonly digest: Buffer;
  /** Signed, and out of reach of whoever has the database. */
  readonly proven: boolean;
}

const [weak, attested, proven] = [0, 1, 2];

/**
 * Which digests the chains say that revisions have. There is one for each write at most, so that they
 * are kept small: some 50 bytes each. They come in the order of the chains, and are asked for in that
 * of the revisions.
 */
export class Bindings {
  readonly #revisions: number[] = [];
  readonly #trust: number[] = [];
  #digests: Buffer = Buffer.alloc(32 * 1024);
  #last = 0;
  #order: Uint32Array | undefined;
  #at = 0;

  get count(): number {
    return this.#revisions.length;
  }

  /** The last revision that any chain tells of. */
  get last(): number {
    return this.#last;
  }

  /** What is no digest agrees with none. */
  add(revision: number, digest: string): void {
    const at = this.count * 32;
    if (at === this.#digests.length) {
      this.#digests = Buffer.concat([this.#digests, Buffer.alloc(this.#digests.length)]);
    }
    this.#digests.write(digest.slice(0, 64), at, "hex");
    this.#revisions.push(revision);
    this.#trust.push(weak);
    this.#last = Math.max(this.#last, revision);
  }

  /** The last that is proven; 0: none is. */
  get lastProven(): number {
    let last = 0;
    for (const [index, revision] of this.#revisions.entries()) {
      if (this.#trust[index] === proven) last = Math.max(last, revision);
    }
    return last;
  }

  /** Those from the one index to before the other were signed. */
  attest(from: number, to: number): void {
    this.#trust.fill(attested, from, to);
  }

  /** Of those, what was signed is proven. */
  prove(from: number, to: number): void {
    for (let index = from; index < to; index += 1) {
      if (this.#trust[index] === attested) this.#trust[index] = proven;
    }
  }

  /** To be called with revisions that grow, after the last `add`. */
  of(revision: number): readonly Binding[] {
    const revisions = this.#revisions;
    this.#order ??= Uint32Array.from(revisions.keys()).sort(
      (left, right) => (revisions[left] ?? 0) - (revisions[right] ?? 0),
    );
    const found: Binding[] = [];
    for (; this.#at < this.#order.length; this.#at += 1) {
      const index = this.#order[this.#at] ?? 0;
      const bound = revisions[index] ?? 0;
      if (bound > revision) break;
      if (bound < revision) continue;
      const digest = this.#digests.subarray(index * 32, index * 32 + 32);
      found.push({ digest, proven: this.#trust[index] === proven });
    }
    return found;
  }
}
