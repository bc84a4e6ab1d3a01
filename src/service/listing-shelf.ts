import { DomainError } from "../core/error.ts";
import type { Listing } from "../engine/listing.ts";

/** What the kept lists may weigh together; a candidate takes some 100 bytes. */
const keptWeightMax = 300_000;
/** What the lists in progress may weigh together, of one kind. */
const busyWeightMax = 1_000_000;

interface Kept<Element> {
  readonly listing: Listing<Element>;
  readonly weight: number;
}

/**
 * Lists between their pages, under the token of the next one: so that the next page need not search
 * anew for what the page before has found. What is not here, or was taken already, is searched for again
 * from the key in the token, with the same result.
 */
export class ListingShelf<Element> {
  /** The one that was kept longest first. */
  readonly #kept = new Map<string, Kept<Element>>();
  readonly #busy = new Set<Listing<Element>>();
  #keptWeight = 0;

  /** Takes the list off the shelf: it has one reader. */
  take(tenant: string, pageToken: string): Listing<Element> | undefined {
    const key = keyOf(tenant, pageToken);
    const kept = this.#kept.get(key);
    if (kept === undefined) return undefined;
    this.#kept.delete(key);
    this.#keptWeight -= kept.weight;
    return kept.listing;
  }

  /** Makes room by dropping those that were kept longest. */
  keep(tenant: string, pageToken: string, listing: Listing<Element>): void {
    const { weight } = listing;
    if (weight > keptWeightMax) return;
    this.take(tenant, pageToken);
    this.#kept.set(keyOf(tenant, pageToken), { listing, weight });
    this.#keptWeight += weight;
    for (const [key, oldest] of this.#kept) {
      if (this.#keptWeight <= keptWeightMax) return;
      this.#kept.delete(key);
      this.#keptWeight -= oldest.weight;
    }
  }

  /** The list is in progress until this is disposed of. */
  enter(listing: Listing<Element>): Disposable {
    this.#busy.add(listing);
    return { [Symbol.dispose]: () => this.#busy.delete(listing) };
  }

  /** Fails with `limit_exceeded` where the lists in progress are too many and too long. */
  weigh(): void {
    let weight = 0;
    for (const listing of this.#busy) weight += listing.weight;
    if (weight <= busyWeightMax) return;
    throw new DomainError(
      "limit_exceeded",
      `lists in progress hold more than ${busyWeightMax} candidates, try again later`,
    );
  }
}

function keyOf(tenant: string, pageToken: string): string {
  return `${tenant} ${pageToken}`;
}
