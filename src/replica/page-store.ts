import type { RevisionChange } from "../core/change.ts";
import { pageTuplesMax, type LoadedPage, type PageKey } from "../core/page.ts";
import { subjectOf, type Subject } from "../core/subject.ts";
import type { NameNumber, SubjectSymbol } from "../core/symbols.ts";
import type { RelationTuple } from "../core/tuple.ts";
import type { Graph, ObjectPage, SubjectPage, TupleFacts } from "../engine/graph.ts";
import { factsOf } from "./packed-page.ts";
import { PageIndex, type ListsByRelation } from "./page-index.ts";
import type { ClockMember, PageClock } from "./page-clock.ts";
import { PageStage } from "./page-stage.ts";
import { pageHeaderBytes, type PageNumber } from "./page-table.ts";
import type { ReadLog } from "./kept-verdicts.ts";
import { ForwardViews, type ReadPage } from "./page-views.ts";
import { applyToPairs } from "./pair-changes.ts";
import { isListedInPart } from "./roll-forward.ts";
import type { Pinned, Pins } from "./pins.ts";
import type { SymbolTable } from "./symbol-table.ts";
import type { TuplePage } from "./tuple-page.ts";

/** Symbols of large pages that are released at a time: releasing takes longer than forgetting. */
const releasedAtOnceMax = 2_000;
// With a text of middling length.
const symbolBytes = 48;

/**
 * The held pages of one tenant. They are all as of one revision: it moves by `apply`, and what is
 * installed must have been read at it.
 */
export class PageStore implements Graph, ClockMember, ReadLog {
  readonly #clock: PageClock;
  readonly #pageTuplesMax: number;
  readonly #index = new PageIndex();
  readonly #pinned = new Map<PageNumber, Pinned>();
  /** Large pages that are gone, whose symbols are yet to be released. */
  #leaving: TuplePage[] = [];
  readonly #forwards = new ForwardViews();
  /** What an evaluation reads, while somebody wants to know. */
  #reads: ReadPage[] | undefined;
  #chargedBytes = 0;
  #isMember = false;
  #drops = 0;

  constructor(clock: PageClock, tuplesMax: number = pageTuplesMax) {
    this.#clock = clock;
    this.#pageTuplesMax = tuplesMax;
  }

  get symbols(): SymbolTable {
    return this.#index.symbols;
  }

  /** How many pages are held. */
  get size(): number {
    return this.#index.table.count;
  }

  /** How often all pages were given up at once. */
  get drops(): number {
    return this.#drops;
  }

  get end(): number {
    return this.#index.table.end;
  }

  forward(object: SubjectSymbol, relation: NameNumber): SubjectPage | undefined {
    const view = this.#forwards.get(object, relation);
    if (view !== undefined) {
      this.#reads?.push(view);
      return view;
    }
    const page = this.#forward(object, relation);
    if (page === 0) return undefined;
    const read = this.#read(page);
    this.#forwards.put(object, relation, read, this.size);
    return read;
  }

  point(
    object: SubjectSymbol,
    relation: NameNumber,
    subject: SubjectSymbol,
  ): TupleFacts | "absent" | undefined {
    const page = this.#index.point(object, relation, subject);
    if (page === 0) return undefined;
    const read = this.#read(page);
    return this.#index.table.isAbsent(page) ? "absent" : read.factsAt(0);
  }

  reverse(subject: SubjectSymbol, type: NameNumber, relation: NameNumber): ObjectPage | undefined {
    const { table } = this.#index;
    const page = table.reverse(subject, type, relation);
    if (page === 0) return undefined;
    table.use(page);
    return this.#read(page);
  }

  delegations(
    principal: SubjectSymbol,
    delegate: SubjectSymbol,
  ): readonly SubjectSymbol[] | undefined {
    const { table, pairs } = this.#index;
    const page = pairs.find(principal, delegate);
    if (page === 0) return undefined;
    table.use(page);
    return this.#read(page).symbols;
  }

  beginReads(): void {
    this.#reads = [];
  }

  endReads(): readonly ReadPage[] {
    const reads = this.#reads ?? [];
    this.#reads = undefined;
    return reads;
  }

  /** Whether the page is held. */
  has(key: PageKey): boolean {
    return this.#index.find(key) !== 0;
  }

  /** Keeps the held ones of these pages from eviction, until the pins are released. */
  pin(keys: readonly PageKey[], pins: Pins): void {
    if (!pins.isOpen) return;
    for (const key of keys) {
      const page = this.#index.find(key);
      if (page !== 0) pins.hold(this.#pinnedOf(page));
    }
  }

  /** Where the parts of pages gather that are too large to be installed in one tick. */
  stage(): PageStage {
    const drops = this.#drops;
    return new PageStage({
      symbols: this.symbols,
      isCurrent: () => drops === this.#drops,
      install: (pages, staged) => this.#installAll(pages, staged),
      leave: (list) => this.#leaving.push(list),
      settle: () => this.#settle(),
    });
  }

  /** Takes pages that were read at the revision of the store; what is held already stays. */
  install(pages: readonly LoadedPage[]): void {
    this.#installAll(pages, new Map());
  }

  /**
   * Moves all pages on by these revisions: ascending, without a gap, from the store's own. Within
   * each, deletes go before creates.
   */
  apply(changes: readonly RevisionChange[]): void {
    if (this.size > 0) for (const change of changes) this.#applyRevision(change);
    this.#settle();
  }

  /** Gives up all pages, in no time whatever there is. */
  drop(): void {
    this.#drops += 1;
    this.#index.clear();
    this.#pinned.clear();
    this.#forwards.clear();
    this.#leaving = [];
    this.#settle();
  }

  sweep(place: number, sparing: boolean): number {
    const { table } = this.#index;
    const kind = table.kindOf(place);
    if (kind === "none") return 0;
    if (kind !== "forward" || !table.isWhole(place)) {
      if (!this.#mayGo(place, sparing)) return 0;
      this.#give(place);
      return 1;
    }
    // The pages of a whole object go together, at the first one's turn.
    const owner = table.ownerOf(place);
    if (table.firstForward(owner) !== place) return 0;
    let isFree = true;
    for (let page = place; page !== 0; page = table.nextOf(page)) {
      isFree = this.#mayGo(page, sparing) && isFree;
    }
    return isFree ? this.#giveObject(owner) : 0;
  }

  /** What a whole object does not have gets an empty page when it is first asked for. */
  #forward(object: SubjectSymbol, relation: NameNumber): PageNumber {
    const { table } = this.#index;
    const first = table.firstForward(object);
    const page = first === 0 ? 0 : table.forward(object, relation);
    if (page !== 0 || first === 0 || !table.isWhole(first)) return page;
    return this.#index.addForward(object, relation, true);
  }

  #read(page: PageNumber): ReadPage {
    const read = this.#index.lists.read(page);
    this.#reads?.push(read);
    return read;
  }

  #mayGo(page: PageNumber, sparing: boolean): boolean {
    const isUsed = this.#index.lists.wasRead(page);
    return !(isUsed && sparing) && !this.#pinned.has(page);
  }

  #pinnedOf(page: PageNumber): Pinned {
    const known = this.#pinned.get(page);
    if (known !== undefined) return known;
    const pinned: Pinned = {
      pins: 0,
      bytes: () => (this.#pinned.get(page) === pinned ? this.#bytesOf(page) : 0),
      unpinned: () => {
        if (this.#pinned.get(page) === pinned) this.#pinned.delete(page);
      },
    };
    this.#pinned.set(page, pinned);
    return pinned;
  }

  /** With its symbols, though it may share them with others. */
  #bytesOf(page: PageNumber): number {
    const { table, lists } = this.#index;
    const isWhole = table.isWhole(page);
    let bytes = 0;
    let of = isWhole ? table.firstForward(table.ownerOf(page)) : page;
    while (of !== 0) {
      bytes += pageHeaderBytes + lists.bytesOf(of) + (1 + table.countOf(of)) * symbolBytes;
      of = isWhole ? table.nextOf(of) : 0;
    }
    return bytes;
  }

  /**
   * To make room others go, not these: who waits for them has this tick to pin them. Of a staged page
   * the loaded one says nothing but its key.
   */
  #installAll(pages: readonly LoadedPage[], staged: ReadonlyMap<PageKey, ListsByRelation>): void {
    const pins: Pinned[] = [];
    for (const page of pages) {
      const lists = staged.get(page.key);
      const isHeld = this.has(page.key);
      if (isHeld) for (const list of lists?.values() ?? []) this.#leaving.push(list);
      else if (lists === undefined) this.#index.install(page);
      else this.#index.adopt(page.key, lists);
      const number = this.#index.find(page.key);
      if (!isHeld) this.#boundAll(number);
      const pinned = number === 0 ? undefined : this.#pinnedOf(number);
      if (pinned === undefined) continue;
      pinned.pins += 1;
      pins.push(pinned);
    }
    this.#settle();
    for (const pinned of pins) {
      pinned.pins -= 1;
      if (pinned.pins === 0) pinned.unpinned();
    }
  }

  #applyRevision(change: RevisionChange): void {
    for (const tuple of change.deleted) this.#edit(tuple, "absent");
    for (const tuple of change.created) this.#edit(tuple, factsOf(tuple));
    const { symbols, table, lists, pairs } = this.#index;
    applyToPairs(change, { symbols, table, lists, pairs, drop: (page) => this.#give(page) });
  }

  /** Brings every page but the pairs' to what the tuple now is. */
  #edit(tuple: RelationTuple, facts: TupleFacts | "absent"): void {
    const { symbols, table } = this.#index;
    const relation = symbols.findName(tuple.relation);
    const object = symbols.findObject(tuple.object.type, tuple.object.id);
    if (object !== -1) this.#editForward(object, tuple, facts);
    const subject = symbols.findSubject(tuple.subject);
    if (relation === -1 || subject === -1) return;
    // The forward page may have been the last to know the object.
    const known = symbols.findObject(tuple.object.type, tuple.object.id);
    const point = known === -1 ? 0 : this.#index.point(known, relation, subject);
    if (point !== 0 && known !== -1) this.#index.writePoint(point, known, facts);
    const type = symbols.findName(tuple.object.type);
    const reverse = type === -1 ? 0 : table.reverse(subject, type, relation);
    if (reverse !== 0) this.#editList(reverse, subjectOf(tuple.object), facts);
  }

  #editForward(object: SubjectSymbol, tuple: RelationTuple, facts: TupleFacts | "absent"): void {
    const { symbols, table } = this.#index;
    const first = table.firstForward(object);
    if (first === 0) return;
    const relation = symbols.findName(tuple.relation);
    const known = relation === -1 ? 0 : table.forward(object, relation);
    if (known === 0 && (!table.isWhole(first) || facts === "absent")) return;
    const page =
      known === 0
        ? this.#index.addForward(object, symbols.internName(tuple.relation), true)
        : known;
    const listed = !table.isPartial(page) || isListedInPart(tuple);
    this.#editList(page, tuple.subject, listed ? facts : "absent");
    this.#bound(page);
  }

  #editList(page: PageNumber, far: Subject, facts: TupleFacts | "absent"): void {
    const { symbols, lists } = this.#index;
    if (facts !== "absent") {
      lists.insert(page, symbols.retain(far), facts);
      return;
    }
    const symbol = symbols.findSubject(far);
    if (symbol !== -1) lists.remove(page, symbol);
  }

  #boundAll(page: PageNumber): void {
    const { table } = this.#index;
    if (table.kindOf(page) !== "forward") return;
    const pages: PageNumber[] = [];
    let of = table.firstForward(table.ownerOf(page));
    for (; of !== 0; of = table.nextOf(of)) pages.push(of);
    for (const one of pages) if (table.kindOf(one) !== "none") this.#bound(one);
  }

  #bound(page: PageNumber): void {
    const { table, lists } = this.#index;
    if (table.countOf(page) <= this.#pageTuplesMax) return;
    if (!table.isPartial(page)) lists.makePartial(page);
    // Even in part it is too large: whoever asks next meets the limit of the load.
    if (table.countOf(page) <= this.#pageTuplesMax) return;
    if (table.isWhole(page)) this.#giveObject(table.ownerOf(page));
    else this.#give(page);
  }

  /** Gives up all forward pages of the object, and returns how many. */
  #giveObject(object: SubjectSymbol): number {
    const { table } = this.#index;
    let given = 0;
    // The symbol may go with the last page, and be another's at once: nothing is asked of it then.
    for (let page = table.firstForward(object); page !== 0; given += 1) {
      const next = table.nextOf(page);
      this.#give(page);
      page = next;
    }
    return given;
  }

  #give(page: PageNumber): void {
    this.#pinned.delete(page);
    const list = this.#index.remove(page);
    if (list !== undefined) this.#leaving.push(list);
    this.#charge();
  }

  /** Symbols of pages that are leaving are as good as gone: no other page goes in their place. */
  #charge(): void {
    const leaving = this.#leaving.reduce((sum, list) => sum + list.count * symbolBytes, 0);
    const bytes = Math.max(0, this.#index.bytes - leaving);
    this.#clock.charge(bytes - this.#chargedBytes);
    this.#chargedBytes = bytes;
  }

  #settle(): void {
    this.#release();
    const isMember = this.size > 0;
    if (isMember && !this.#isMember) this.#clock.join(this);
    if (!isMember && this.#isMember) this.#clock.leave(this);
    this.#isMember = isMember;
    this.#charge();
    this.#clock.shrink();
  }

  #release(): void {
    let left = releasedAtOnceMax;
    for (let list = this.#leaving.at(-1); list !== undefined && left > 0;) {
      left -= list.releaseSome(left);
      if (list.count > 0) break;
      this.#leaving.pop();
      list = this.#leaving.at(-1);
    }
  }
}
