import type { SubjectSymbol } from "../core/symbols.ts";
import type { TupleFacts } from "../engine/graph.ts";
import { BlockArena } from "./block-arena.ts";
import { Conditions } from "./conditions.ts";
import { PageViews, type ReadPage } from "./page-views.ts";
import { factsWords, PackedPage, plainFacts, writeExpiry } from "./packed-page.ts";
import type { PageNumber, PageTable } from "./page-table.ts";
import type { SymbolTable } from "./symbol-table.ts";
import { TuplePage } from "./tuple-page.ts";

/** A page with more tuples has arrays of its own, one with fewer than half of it none. */
const packedMax = 48;

interface Large {
  readonly list: TuplePage;
  /** As counted. */
  bytes: number;
}

/**
 * The tuples of the pages of a table: one alone within its header, a few packed, many in arrays of
 * their own. A page retains its far ends; what comes in was retained by who brings it.
 */
export class TupleLists {
  readonly #table: PageTable;
  readonly #symbols: SymbolTable;
  readonly #blocks = new BlockArena();
  readonly #conditions = new Conditions();
  readonly #views = new PageViews();
  readonly #large = new Map<PageNumber, Large>();
  #largeBytes = 0;

  constructor(table: PageTable, symbols: SymbolTable) {
    this.#table = table;
    this.#symbols = symbols;
  }

  /** Estimate of what is kept beside the headers. */
  get bytes(): number {
    return this.#blocks.usedBytes + this.#conditions.bytes + this.#views.bytes + this.#largeBytes;
  }

  bytesOf(page: PageNumber): number {
    const large = this.#large.get(page);
    if (large !== undefined) return large.bytes;
    return this.#wordsOf(page) * 4;
  }

  read(page: PageNumber): ReadPage {
    const table = this.#table;
    const large = table.isLarge(page) ? this.#large.get(page) : undefined;
    if (large !== undefined) {
      large.list.isRead = true;
      return large.list;
    }
    return this.#views.get(page) ?? this.#view(page);
  }

  /** Whether the page was read since it was asked for last. */
  wasRead(page: PageNumber): boolean {
    const large = this.#large.get(page)?.list;
    const isViewed = large?.isRead ?? this.#views.wasRead(page);
    if (large !== undefined) large.isRead = false;
    const isUsed = this.#table.isUsed(page);
    if (isUsed) this.#table.unuse(page);
    return isViewed || isUsed;
  }

  /** Replaces what the page has, which is not released. In canonical order. */
  write(
    page: PageNumber,
    symbols: readonly SubjectSymbol[],
    facts: readonly TupleFacts[] | undefined,
    isPartial: boolean,
    isAbsent = false,
  ): void {
    this.#free(page);
    const count = symbols.length;
    const said = facts?.some((one) => one !== plainFacts) === true ? facts : undefined;
    const shape = {
      count,
      isPartial,
      hasFacts: said !== undefined,
      hasUsersets: symbols.some((symbol) => this.#symbols.isUserset(symbol)),
      isLarge: false,
      isAbsent,
    };
    if (count <= 1 && said === undefined) {
      this.#table.reshape(page, { ...shape, payload: symbols[0] ?? 0 });
      return;
    }
    const row = this.#blocks.allot(wordsFor(count, said !== undefined));
    const words = this.#blocks.wordsOf(row);
    const start = this.#blocks.offsetOf(row);
    for (const [position, symbol] of symbols.entries()) words[start + position] = symbol;
    for (const [position, { condition, expiresAtMs }] of said?.entries() ?? []) {
      const at = start + count + position * factsWords;
      writeExpiry(words, at, expiresAtMs);
      words[at + 2] = condition === undefined ? 0 : this.#conditions.keep(condition);
    }
    this.#table.reshape(page, { ...shape, payload: row });
  }

  /** Takes over the whole list, in place of what the page has, which is not released. */
  adopt(page: PageNumber, list: TuplePage): void {
    if (list.count <= packedMax) {
      const { symbols } = list;
      const facts = symbols.map((_, position) => list.factsAt(position));
      this.write(page, symbols, facts, !list.complete);
      list.forget();
      return;
    }
    this.#free(page);
    list.compact();
    list.owner = this.#table.ownerOf(page);
    list.key = this.#table.keyOf(page);
    list.isStale = false;
    const large = { list, bytes: 0 };
    this.#large.set(page, large);
    this.#measure(large);
    list.grew = () => this.#measure(large);
    this.#shapeLarge(page, list);
  }

  /** What the page says of the symbol already is replaced, and the reference given back. */
  insert(page: PageNumber, symbol: SubjectSymbol, facts: TupleFacts): void {
    this.#edit(page, (list) => list.insert(symbol, facts));
  }

  /** Removes and releases the symbol, if the page has it. */
  remove(page: PageNumber, symbol: SubjectSymbol): void {
    if (this.read(page).indexOf(symbol) >= 0) this.#edit(page, (list) => list.remove(symbol));
  }

  /** Keeps usersets, wildcards and conditions only. */
  makePartial(page: PageNumber): void {
    this.#edit(page, (list) => list.makePartial());
  }

  /**
   * Gives up what the page has. Few far ends are released at once; of many the list is returned, so
   * that they can be released in parts.
   */
  drop(page: PageNumber): TuplePage | undefined {
    const large = this.#large.get(page);
    const symbols = large === undefined ? this.read(page).symbols : [];
    this.#free(page);
    for (const symbol of symbols) this.#symbols.release(symbol);
    return large?.list;
  }

  clear(): void {
    this.#blocks.clear();
    this.#conditions.clear();
    this.#views.clear();
    for (const { list } of this.#large.values()) {
      list.isStale = true;
      list.grew = undefined;
    }
    this.#large.clear();
    this.#largeBytes = 0;
  }

  #edit(page: PageNumber, change: (list: TuplePage) => void): void {
    const large = this.#large.get(page);
    if (large !== undefined) {
      change(large.list);
      this.#measure(large);
      if (large.list.count * 2 < packedMax) this.adopt(page, large.list);
      else this.#shapeLarge(page, large.list);
      return;
    }
    const list = TuplePage.of(this.#symbols, this.read(page));
    change(list);
    this.adopt(page, list);
  }

  #view(page: PageNumber): PackedPage {
    const table = this.#table;
    const count = table.countOf(page);
    const hasFacts = table.hasFacts(page);
    const isInline = count <= 1 && !hasFacts;
    const row = table.payloadOf(page);
    const start = isInline ? table.payloadOffset(page) : this.#blocks.offsetOf(row);
    const tuples = {
      complete: !table.isPartial(page),
      count,
      words: isInline ? table.payloadsAround(page) : this.#blocks.wordsOf(row),
      start,
      facts: hasFacts ? start + count : -1,
      hasUsersets: table.hasUsersets(page),
    };
    const place = { page, owner: table.ownerOf(page), key: table.keyOf(page) };
    const view = new PackedPage(place, tuples, this.#conditions, this.#symbols);
    const before = this.#views.put(view, table.count);
    if (before !== undefined) table.use(before);
    return view;
  }

  #measure(large: Large): void {
    const { bytes } = large.list;
    this.#largeBytes += bytes - large.bytes;
    large.bytes = bytes;
  }

  #shapeLarge(page: PageNumber, list: TuplePage): void {
    const { count, complete } = list;
    const shape = { count, isPartial: !complete, hasFacts: false, hasUsersets: false };
    this.#table.reshape(page, { ...shape, isLarge: true, isAbsent: false, payload: 0 });
  }

  /** Gives back where the tuples are, and the conditions, not the symbols. */
  #free(page: PageNumber): void {
    const table = this.#table;
    const large = this.#large.get(page);
    if (large !== undefined) {
      large.list.isStale = true;
      large.list.grew = undefined;
      this.#largeBytes -= large.bytes;
      this.#large.delete(page);
      return;
    }
    this.#views.forget(page);
    const size = this.#wordsOf(page);
    if (size === 0) return;
    const row = table.payloadOf(page);
    if (table.hasFacts(page)) this.#freeConditions(row, table.countOf(page));
    this.#blocks.release(row, size);
  }

  #freeConditions(row: number, count: number): void {
    const words = this.#blocks.wordsOf(row);
    const start = this.#blocks.offsetOf(row) + count;
    for (let position = 0; position < count; position += 1) {
      const condition = words[start + position * factsWords + 2] ?? 0;
      if (condition !== 0) this.#conditions.release(condition);
    }
  }

  /** Words of the page's row, 0 where it has none. */
  #wordsOf(page: PageNumber): number {
    const table = this.#table;
    const count = table.countOf(page);
    if (table.isLarge(page) || (count <= 1 && !table.hasFacts(page))) return 0;
    return wordsFor(count, table.hasFacts(page));
  }
}

function wordsFor(count: number, hasFacts: boolean): number {
  return hasFacts ? count * (1 + factsWords) : count;
}
