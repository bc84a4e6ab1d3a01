import type { NameNumber, SubjectSymbol } from "../core/symbols.ts";
import type { PackedPage } from "./packed-page.ts";
import type { PageNumber } from "./page-table.ts";
import type { TuplePage } from "./tuple-page.ts";

// The view with its lists, and two places, measured on 64-bit V8.
const viewBytes = 200;
const viewsMin = 64;
const viewsMax = 8_192;

/** The readings of the pages that were read last, each good until its page is another. */
export class PageViews {
  #views: (PackedPage | undefined)[] = emptySlots(viewsMin);
  #count = 0;

  /** Estimate of what they take. */
  get bytes(): number {
    return this.#count * viewBytes;
  }

  get(page: PageNumber): PackedPage | undefined {
    const view = this.#views[page & (this.#views.length - 1)];
    if (view === undefined || view.page !== page) return undefined;
    view.isRead = true;
    return view;
  }

  /** Returns the page that was read lately and is no longer known to have been. */
  put(view: PackedPage, pages: number): PageNumber | undefined {
    if (pages > this.#views.length && this.#views.length < viewsMax) this.#grow();
    const slot = view.page & (this.#views.length - 1);
    const before = this.#views[slot];
    if (before === undefined) this.#count += 1;
    else before.isStale = true;
    this.#views[slot] = view;
    view.isRead = true;
    return before?.isRead === true ? before.page : undefined;
  }

  /** Whether the page was read since it was asked for last. */
  wasRead(page: PageNumber): boolean {
    const view = this.#views[page & (this.#views.length - 1)];
    if (view === undefined || view.page !== page || !view.isRead) return false;
    view.isRead = false;
    return true;
  }

  forget(page: PageNumber): void {
    const slot = page & (this.#views.length - 1);
    const view = this.#views[slot];
    if (view === undefined || view.page !== page) return;
    view.isStale = true;
    this.#views[slot] = undefined;
    this.#count -= 1;
  }

  clear(): void {
    for (const view of this.#views) if (view !== undefined) view.isStale = true;
    this.#views = emptySlots(viewsMin);
    this.#count = 0;
  }

  #grow(): void {
    const old = this.#views;
    this.#views = emptySlots(old.length * 2);
    this.#count = 0;
    for (const view of old) {
      if (view === undefined) continue;
      this.#views[view.page & (this.#views.length - 1)] = view;
      this.#count += 1;
    }
  }
}

/** A page as it is read. */
export type ReadPage = PackedPage | TuplePage;

/** Where the readings of forward pages are found at once, by object and relation. */
export class ForwardViews {
  #views: (ReadPage | undefined)[] = emptySlots(viewsMin);

  /** What they take. */
  get bytes(): number {
    return this.#views.length * 8;
  }

  get(object: SubjectSymbol, relation: NameNumber): ReadPage | undefined {
    const view = this.#views[this.#slotOf(object, relation)];
    if (view === undefined || view.owner !== object || view.key !== relation || view.isStale) {
      return undefined;
    }
    view.isRead = true;
    return view;
  }

  put(object: SubjectSymbol, relation: NameNumber, view: ReadPage, pages: number): void {
    if (pages > this.#views.length && this.#views.length < viewsMax) {
      this.#views = emptySlots(this.#views.length * 2);
    }
    this.#views[this.#slotOf(object, relation)] = view;
  }

  clear(): void {
    this.#views = emptySlots(viewsMin);
  }

  #slotOf(object: SubjectSymbol, relation: NameNumber): number {
    const hash = Math.imul(object, 0x9e3779b1) ^ Math.imul(relation + 1, 0x85ebca6b);
    return (hash ^ (hash >>> 15)) & (this.#views.length - 1);
  }
}

function emptySlots<View>(length: number): (View | undefined)[] {
  return Array.from({ length }, () => undefined);
}
