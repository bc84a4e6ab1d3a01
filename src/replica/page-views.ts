import type { NameNumber, SubjectSymbol } from "../core/symbols.ts";
import type { PackedPage } from "./packed-page.ts";
import type { PageNumber } from "./page-table.ts";
import type { TuplePage } from "./tuple-page.ts";

// The view with its lists, and two places, measured on 64-bit V8.
const viewBytes = 200;
const viewsMin = 64;
const viewsMax = 32_768;

/** A page as it is read. */
export type ReadPage = PackedPage | TuplePage;

/**
 * The readings of the pages that were read last, each good until its page is another. A page has two
 * places, so that two pages of one place do not drive each other out.
 */
export class PageViews {
  #views: (PackedPage | undefined)[] = emptySlots(viewsMin);
  #count = 0;

  /** Estimate of what they take. */
  get bytes(): number {
    return this.#count * viewBytes;
  }

  get(page: PageNumber): PackedPage | undefined {
    const first = (page * 2) & (this.#views.length - 1);
    let view = this.#views[first];
    if (view === undefined || view.page !== page) view = this.#views[first + 1];
    if (view === undefined || view.page !== page) return undefined;
    view.isRead = true;
    return view;
  }

  /** Returns the page that was read lately and is no longer known to have been. */
  put(view: PackedPage, pages: number): PageNumber | undefined {
    if (pages > this.#views.length && this.#views.length < viewsMax) this.#grow();
    view.isRead = true;
    const out = this.#insert(view);
    if (out === undefined) return undefined;
    out.isStale = true;
    this.#count -= 1;
    return out.isRead ? out.page : undefined;
  }

  /** Whether the page was read since it was asked for last. */
  wasRead(page: PageNumber): boolean {
    const slot = this.#slotOf(page);
    const view = slot === -1 ? undefined : this.#views[slot];
    if (view === undefined || !view.isRead) return false;
    view.isRead = false;
    return true;
  }

  forget(page: PageNumber): void {
    const slot = this.#slotOf(page);
    const view = slot === -1 ? undefined : this.#views[slot];
    if (view === undefined) return;
    view.isStale = true;
    this.#views[slot] = undefined;
    this.#count -= 1;
  }

  clear(): void {
    for (const view of this.#views) if (view !== undefined) view.isStale = true;
    this.#views = emptySlots(viewsMin);
    this.#count = 0;
  }

  /** Where the page is, or -1. */
  #slotOf(page: PageNumber): number {
    const first = (page * 2) & (this.#views.length - 1);
    if (this.#views[first]?.page === page) return first;
    return this.#views[first + 1]?.page === page ? first + 1 : -1;
  }

  /** Returns the one that had to go. */
  #insert(view: PackedPage): PackedPage | undefined {
    const first = (view.page * 2) & (this.#views.length - 1);
    const out = this.#views[first + 1];
    this.#views[first + 1] = this.#views[first];
    this.#views[first] = view;
    this.#count += 1;
    return out;
  }

  #grow(): void {
    const old = this.#views;
    this.#views = emptySlots(old.length * 2);
    this.#count = 0;
    // Pages that shared a place in the smaller half share none now, or both.
    for (const view of old) if (view !== undefined) this.#insert(view);
  }
}

/** Where the readings of forward pages are found at once, by object and relation. */
export class ForwardViews {
  #views: (ReadPage | undefined)[] = emptySlots(viewsMin);

  get(object: SubjectSymbol, relation: NameNumber): ReadPage | undefined {
    const first = this.#slotOf(object, relation);
    let view = this.#views[first];
    if (view === undefined || view.owner !== object || view.key !== relation || view.isStale) {
      view = this.#views[first + 1];
      if (view === undefined || view.owner !== object || view.key !== relation || view.isStale) {
        return undefined;
      }
    }
    view.isRead = true;
    return view;
  }

  put(object: SubjectSymbol, relation: NameNumber, view: ReadPage, pages: number): void {
    // Places are by hash: fewer than twice the pages are not enough.
    if (pages * 2 > this.#views.length && this.#views.length < viewsMax) {
      this.#views = emptySlots(this.#views.length * 2);
    }
    const first = this.#slotOf(object, relation);
    this.#views[first + 1] = this.#views[first];
    this.#views[first] = view;
  }

  clear(): void {
    this.#views = emptySlots(viewsMin);
  }

  #slotOf(object: SubjectSymbol, relation: NameNumber): number {
    const hash = Math.imul(object, 0x9e3779b1) ^ Math.imul(relation + 1, 0x85ebca6b);
    return Math.imul(hash ^ (hash >>> 15), 2) & (this.#views.length - 1);
  }
}

function emptySlots<View>(length: number): (View | undefined)[] {
  return Array.from({ length }, () => undefined);
}
