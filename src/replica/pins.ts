/** A page that evaluations wait for, as long as there are any. */
export interface Pinned {
  pins: number;
  /** What the page takes; 0 once it is gone. */
  bytes(): number;
  /** The last pin is released. */
  unpinned(): void;
}

/** The pages that one evaluation keeps from eviction until it ends. */
export class Pins {
  readonly #pages = new Set<Pinned>();
  #released = false;

  /** Estimate of what the pages take. */
  get bytes(): number {
    let sum = 0;
    for (const page of this.#pages) sum += page.bytes();
    return sum;
  }

  /** False for pages that come after the evaluation was cancelled: they are not kept. */
  get isOpen(): boolean {
    return !this.#released;
  }

  hold(page: Pinned): void {
    if (this.#released || this.#pages.has(page)) return;
    this.#pages.add(page);
    page.pins += 1;
  }

  release(): void {
    this.#released = true;
    for (const page of this.#pages) {
      page.pins -= 1;
      if (page.pins === 0) page.unpinned();
    }
    this.#pages.clear();
  }
}
