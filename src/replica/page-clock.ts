import assert from "node:assert/strict";

/** The pages of one tenant, as the clock goes round them. */
export interface ClockMember {
  /** Its pages have places from 1 on, below this. */
  readonly end: number;
  /**
   * The hand is at the place: what stands there is given up, unless it is pinned, or was read since the
   * hand was here last and `sparing` is set. Returns how many pages went.
   */
  sweep(place: number, sparing: boolean): number;
}

/** In one call the hand goes on no further than this past pages that were read lately. */
const sparedMax = 50_000;

/** Keeps the pages of all tenants within one budget of memory, by the second-chance rule. */
export class PageClock {
  readonly limitBytes: number;
  readonly #members: ClockMember[] = [];
  #member = 0;
  #place = 1;
  #bytes = 0;
  #evictions = 0;

  constructor(limitBytes: number) {
    this.limitBytes = limitBytes;
  }

  /** Estimate of all that is held. */
  get bytes(): number {
    return this.#bytes;
  }

  get evictions(): number {
    return this.#evictions;
  }

  /** Counts what a tenant's pages take more, or less, than before. */
  charge(bytes: number): void {
    this.#bytes += bytes;
  }

  join(member: ClockMember): void {
    assert(!this.#members.includes(member), "a tenant is in the clock once");
    this.#members.push(member);
  }

  leave(member: ClockMember): void {
    const at = this.#members.indexOf(member);
    if (at < 0) return;
    this.#members.splice(at, 1);
    if (at < this.#member) this.#member -= 1;
    else if (at === this.#member) this.#place = 1;
  }

  /** Evicts until the budget holds. False where it cannot, since what is left is pinned. */
  shrink(): boolean {
    // Twice round: the first pass may do no more than take marks away.
    let steps = 2 * this.#members.reduce((sum, { end }) => sum + end + 1, 0);
    let spared = 0;
    while (this.#bytes > this.limitBytes && steps > 0) {
      steps -= 1;
      const member = this.#members[this.#member];
      if (member === undefined || this.#place >= member.end) {
        this.#member = this.#member + 1 < this.#members.length ? this.#member + 1 : 0;
        this.#place = 1;
        continue;
      }
      // Where all was read lately it is no use to go on looking: the tick would become long.
      const evicted = member.sweep(this.#place, spared < sparedMax);
      this.#place += 1;
      this.#evictions += evicted;
      if (evicted === 0) spared += 1;
    }
    return this.#bytes <= this.limitBytes;
  }
}
