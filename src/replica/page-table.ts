import assert from "node:assert/strict";
import type { NameNumber, SubjectSymbol } from "../core/symbols.ts";
import { Column } from "./column.ts";

/** The number of a held page, from 1 on; 0 is none. It is used again when the page is gone. */
export type PageNumber = number;

/**
 * - `forward`: the tuples of owner#relation, or of no relation, to say that a whole object has none.
 * - `reverse`: the tuples relation@owner on objects of a type.
 * - `point`: the tuple object#relation@owner, the object being its only far end.
 * - `pair`: the delegations of the owner to a delegate.
 */
export type PageKind = "none" | "forward" | "reverse" | "point" | "pair";

const kinds: readonly PageKind[] = ["none", "forward", "reverse", "point", "pair"];
const kindMask = 7;
const usedFlag = 1 << 3;
const wholeFlag = 1 << 4;
const countShift = 10;

/** What a page takes beside its tuples. */
export const pageHeaderBytes = 20;

/** Instead of a relation: that a whole object has no tuples at all. */
export const noRelation = 0xffff;

/** How the tuples of a page are kept, and what is to be known of them before they are read. */
export interface Shape {
  readonly count: number;
  readonly isPartial: boolean;
  readonly hasFacts: boolean;
  readonly hasUsersets: boolean;
  readonly isLarge: boolean;
  readonly isAbsent: boolean;
  /** The only far end, or where they are. */
  readonly payload: number;
}

const partialFlag = 1 << 5;
const factsFlag = 1 << 6;
const usersetsFlag = 1 << 7;
const largeFlag = 1 << 8;
const absentFlag = 1 << 9;

/** The headers of one tenant's held pages, packed, and how they are found by symbols. */
export class PageTable {
  readonly #states = new Column();
  readonly #owners = new Column();
  readonly #keys = new Column();
  readonly #next = new Column();
  readonly #payloads = new Column();
  // By symbol: the first of its forward pages, and of its reverse and point pages.
  readonly #firstForward = new Column();
  readonly #firstReverse = new Column();
  #free = 0;
  #end = 1;
  #count = 0;

  /** How many pages are held. */
  get count(): number {
    return this.#count;
  }

  /** Above the number of every page. */
  get end(): number {
    return this.#end;
  }

  firstForward(object: SubjectSymbol): PageNumber {
    return this.#firstForward.get(object);
  }

  nextOf(page: PageNumber): PageNumber {
    return this.#next.get(page);
  }

  forward(object: SubjectSymbol, relation: number): PageNumber {
    let page = this.#firstForward.get(object);
    while (page !== 0 && this.#keys.get(page) !== relation) page = this.#next.get(page);
    return page;
  }

  reverse(subject: SubjectSymbol, type: NameNumber, relation: NameNumber): PageNumber {
    const key = reverseKey(type, relation);
    let page = this.#firstReverse.get(subject);
    while (page !== 0 && !(this.#keys.get(page) === key && this.kindOf(page) === "reverse")) {
      page = this.#next.get(page);
    }
    return page;
  }

  /** The next point page of the relation and subject from `page` on, itself included. */
  pointFrom(page: PageNumber, relation: NameNumber): PageNumber {
    let found = page;
    while (found !== 0 && !(this.#keys.get(found) === relation && this.kindOf(found) === "point")) {
      found = this.#next.get(found);
    }
    return found;
  }

  firstReverse(subject: SubjectSymbol): PageNumber {
    return this.#firstReverse.get(subject);
  }

  kindOf(page: PageNumber): PageKind {
    return kinds[this.#states.get(page) & kindMask] ?? "none";
  }

  ownerOf(page: PageNumber): SubjectSymbol {
    // oxlint-disable-next-line no-unsafe-type-assertion -- only symbols are kept here
    return this.#owners.get(page) as SubjectSymbol;
  }

  keyOf(page: PageNumber): number {
    return this.#keys.get(page);
  }

  payloadOf(page: PageNumber): number {
    return this.#payloads.get(page);
  }

  /** The payloads around the page's, which stands at `payloadOffset(page)`. */
  payloadsAround(page: PageNumber): Uint32Array {
    return this.#payloads.segmentOf(page);
  }

  payloadOffset(page: PageNumber): number {
    return this.#payloads.offsetOf(page);
  }

  countOf(page: PageNumber): number {
    return this.#states.get(page) >>> countShift;
  }

  isPartial(page: PageNumber): boolean {
    return (this.#states.get(page) & partialFlag) !== 0;
  }

  hasFacts(page: PageNumber): boolean {
    return (this.#states.get(page) & factsFlag) !== 0;
  }

  hasUsersets(page: PageNumber): boolean {
    return (this.#states.get(page) & usersetsFlag) !== 0;
  }

  isLarge(page: PageNumber): boolean {
    return (this.#states.get(page) & largeFlag) !== 0;
  }

  isAbsent(page: PageNumber): boolean {
    return (this.#states.get(page) & absentFlag) !== 0;
  }

  isUsed(page: PageNumber): boolean {
    return (this.#states.get(page) & usedFlag) !== 0;
  }

  /** Marks the page as read. */
  use(page: PageNumber): void {
    const state = this.#states.get(page);
    if ((state & usedFlag) === 0) this.#states.set(page, (state | usedFlag) >>> 0);
  }

  unuse(page: PageNumber): void {
    this.#states.set(page, (this.#states.get(page) & ~usedFlag) >>> 0);
  }

  /** Whether the page is of an object all of whose relations are held. */
  isWhole(page: PageNumber): boolean {
    return (this.#states.get(page) & wholeFlag) !== 0;
  }

  setWhole(page: PageNumber): void {
    this.#states.set(page, (this.#states.get(page) | wholeFlag) >>> 0);
  }

  reshape(page: PageNumber, shape: Shape): void {
    const kept = this.#states.get(page) & (kindMask | usedFlag | wholeFlag);
    const flags =
      (shape.isPartial ? partialFlag : 0) |
      (shape.hasFacts ? factsFlag : 0) |
      (shape.hasUsersets ? usersetsFlag : 0) |
      (shape.isLarge ? largeFlag : 0) |
      (shape.isAbsent ? absentFlag : 0);
    assert(shape.count < 1 << 22, "a page is smaller than that");
    this.#states.set(page, (kept | flags | (shape.count << countShift)) >>> 0);
    this.#payloads.set(page, shape.payload);
  }

  /** A page without tuples. The owner is to be retained by who adds it. */
  add(kind: Exclude<PageKind, "none">, owner: SubjectSymbol, key: number): PageNumber {
    const page = this.#free === 0 ? this.#end : this.#free;
    if (this.#free === 0) this.#end += 1;
    else this.#free = this.#payloads.get(page);
    this.#states.set(page, kinds.indexOf(kind));
    this.#owners.set(page, owner);
    this.#keys.set(page, key);
    this.#payloads.set(page, 0);
    const firsts = this.#firstsOf(kind);
    this.#next.set(page, firsts?.get(owner) ?? 0);
    firsts?.set(owner, page);
    this.#count += 1;
    return page;
  }

  remove(page: PageNumber): void {
    const firsts = this.#firstsOf(this.kindOf(page));
    if (firsts !== undefined) this.#unlink(firsts, page);
    this.#states.set(page, 0);
    this.#payloads.set(page, this.#free);
    this.#free = page;
    this.#count -= 1;
  }

  clear(): void {
    for (const column of [this.#states, this.#owners, this.#keys, this.#next, this.#payloads]) {
      column.clear();
    }
    this.#firstForward.clear();
    this.#firstReverse.clear();
    this.#free = 0;
    this.#end = 1;
    this.#count = 0;
  }

  /** Pairs are found otherwise: a principal may have very many. */
  #firstsOf(kind: PageKind): Column | undefined {
    if (kind === "pair" || kind === "none") return undefined;
    return kind === "forward" ? this.#firstForward : this.#firstReverse;
  }

  #unlink(firsts: Column, page: PageNumber): void {
    const owner = this.#owners.get(page);
    const next = this.#next.get(page);
    let before = firsts.get(owner);
    if (before === page) {
      firsts.set(owner, next);
      return;
    }
    while (before !== 0 && this.#next.get(before) !== page) before = this.#next.get(before);
    assert(before !== 0, "a page is linked to its owner");
    this.#next.set(before, next);
  }
}

export function reverseKey(type: NameNumber, relation: NameNumber): number {
  return ((type << 16) | relation) >>> 0;
}
