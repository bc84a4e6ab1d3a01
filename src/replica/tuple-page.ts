import assert from "node:assert/strict";
import type { SubjectSymbol } from "../core/symbols.ts";
import type { StoredCondition } from "../core/tuple.ts";
import type { ObjectPage, SubjectPage, TupleFacts } from "../engine/graph.ts";
import { plainFacts, type PageState } from "./packed-page.ts";
import type { SymbolTable } from "./symbol-table.ts";

// Up to this many a scan beats a search.
const scanMax = 16;
// The object, its arrays and its entry in a map, measured on 64-bit V8.
const pageBytes = 360;
const factsBytes = 72;

/**
 * The far ends of one page's tuples in canonical order: subjects of a forward page, objects of a
 * reverse or pair page. It retains its symbols until `clear`. How they are kept shows nowhere.
 */
export class TuplePage implements SubjectPage, ObjectPage {
  /** See `SubjectPage`. */
  complete: boolean;
  readonly state: PageState = { isStale: false, isRead: false, edits: 0 };
  /** Whose page it is, and which; set when it becomes one. */
  owner = 0;
  key = 0;
  /** Told when reading it made it take more. */
  grew: (() => void) | undefined;
  readonly #table: SymbolTable;
  #symbols: Uint32Array;
  #count = 0;
  // As long as there are symbols, or absent where all tuples are plain.
  #facts: TupleFacts[] | undefined;
  #usersets: readonly number[] | undefined;
  #index: PositionIndex | undefined;
  #searches = 0;

  constructor(table: SymbolTable, complete: boolean, capacity = 8) {
    this.#table = table;
    this.complete = complete;
    this.#symbols = new Uint32Array(capacity);
  }

  /** With the tuples of another one, whose references it takes over. */
  static of(
    table: SymbolTable,
    page: SubjectPage & { factsAt(at: number): TupleFacts },
  ): TuplePage {
    const made = new TuplePage(table, page.complete, page.count + 1);
    for (let position = 0; position < page.count; position += 1) {
      made.#symbols[position] = page.subjectAt(position);
      made.#count += 1;
      made.#setFacts(position, page.factsAt(position));
    }
    return made;
  }

  get isStale(): boolean {
    return this.state.isStale;
  }

  set isStale(value: boolean) {
    this.state.isStale = value;
  }

  get isRead(): boolean {
    return this.state.isRead;
  }

  set isRead(value: boolean) {
    this.state.isRead = value;
  }

  get count(): number {
    return this.#count;
  }

  /** Good for this tick, as all symbols are. */
  get symbols(): readonly SubjectSymbol[] {
    return Array.from({ length: this.#count }, (_, position) => this.subjectAt(position));
  }

  get bytes(): number {
    const facts = (this.#facts?.length ?? 0) * factsBytes;
    const usersets = (this.#usersets?.length ?? 0) * 8;
    const index = this.#index?.bytes ?? 0;
    return pageBytes + this.#symbols.byteLength + facts + usersets + index;
  }

  get usersets(): readonly number[] {
    if (this.#usersets !== undefined) return this.#usersets;
    this.#usersets = this.#positionsOfUsersets();
    if (this.#usersets.length > 0) this.grew?.();
    return this.#usersets;
  }

  indexOf(subject: SubjectSymbol): number {
    const count = this.#count;
    if (count <= scanMax) return this.#scan(subject);
    if (this.#index !== undefined) return this.#index.find(subject, this.#symbols);
    // An index takes a pass over the page: it is made once searches have cost about as much.
    this.#searches += 1;
    if (this.#searches * scanMax > count) {
      this.#index = new PositionIndex(this.#symbols, count);
      this.grew?.();
    }
    const position = this.#positionOf(subject);
    return position < count && this.#symbols[position] === subject ? position : -1;
  }

  subjectAt(position: number): SubjectSymbol {
    assert(position >= 0 && position < this.#count, "a position lies within its page");
    // oxlint-disable-next-line no-unsafe-type-assertion -- only symbols are kept here
    return this.#symbols[position] as SubjectSymbol;
  }

  objectAt(position: number): SubjectSymbol {
    return this.subjectAt(position);
  }

  factsAt(position: number): TupleFacts {
    return this.#facts?.[position] ?? plainFacts;
  }

  conditionAt(position: number): StoredCondition | undefined {
    return this.#facts?.[position]?.condition;
  }

  expiresAtMsAt(position: number): number {
    return this.#facts?.[position]?.expiresAtMs ?? Infinity;
  }

  /** Takes over a reference to the symbol; what the page says of it already is replaced. */
  insert(symbol: SubjectSymbol, facts: TupleFacts): void {
    this.state.edits += 1;
    const count = this.#count;
    const atEnd = count === 0 || this.#table.compare(this.subjectAt(count - 1), symbol) < 0;
    const position = atEnd ? count : this.#positionOf(symbol);
    if (position < count && this.#symbols[position] === symbol) {
      this.#table.release(symbol);
      this.#setFacts(position, facts);
      return;
    }
    this.#edited();
    this.#reserve();
    this.#symbols.copyWithin(position + 1, position, count);
    this.#symbols[position] = symbol;
    this.#count = count + 1;
    this.#facts?.splice(position, 0, plainFacts);
    this.#setFacts(position, facts);
  }

  /** Removes and releases the symbol, if the page has it. */
  remove(symbol: SubjectSymbol): void {
    const position = this.indexOf(symbol);
    if (position < 0) return;
    this.state.edits += 1;
    this.#edited();
    this.#symbols.copyWithin(position, position + 1, this.#count);
    this.#count -= 1;
    this.#facts?.splice(position, 1);
    this.#table.release(symbol);
  }

  /** Keeps usersets, wildcards and conditions only. */
  makePartial(): void {
    const symbols = this.symbols;
    const facts = this.#facts;
    this.state.edits += 1;
    this.#edited();
    this.complete = false;
    this.#symbols = new Uint32Array(8);
    this.#count = 0;
    this.#facts = undefined;
    for (const [position, symbol] of symbols.entries()) {
      const said = facts?.[position] ?? plainFacts;
      const kept = said.condition !== undefined || this.#table.kindOf(symbol) !== "object";
      if (kept) this.insert(symbol, said);
      else this.#table.release(symbol);
    }
  }

  /** Gives back the room that a growing page keeps in reserve. */
  compact(): void {
    if (this.#symbols.length > this.#count) this.#symbols = this.#symbols.slice(0, this.#count);
  }

  /** Releases some of the symbols, and returns how many. The page is then good for nothing else. */
  releaseSome(most: number): number {
    const released = Math.min(most, this.#count);
    for (let done = 0; done < released; done += 1) {
      this.#count -= 1;
      // oxlint-disable-next-line no-unsafe-type-assertion -- only symbols are kept here
      this.#table.release(this.#symbols[this.#count] as SubjectSymbol);
    }
    if (this.#count === 0) this.forget();
    return released;
  }

  /** Gives up all room, not the references. Readers may hold on to the page long after. */
  forget(): void {
    this.#edited();
    this.#symbols = new Uint32Array(0);
    this.#count = 0;
    this.#facts = undefined;
    this.grew = undefined;
  }

  #scan(subject: SubjectSymbol): number {
    for (let position = 0; position < this.#count; position += 1) {
      if (this.#symbols[position] === subject) return position;
    }
    return -1;
  }

  #setFacts(position: number, facts: TupleFacts): void {
    if (this.#facts === undefined) {
      if (facts === plainFacts) return;
      this.#facts = Array.from({ length: this.#count }, () => plainFacts);
    }
    this.#facts[position] = facts;
  }

  #reserve(): void {
    if (this.#count < this.#symbols.length) return;
    const grown = new Uint32Array(Math.ceil(this.#count * 1.5) + 4);
    grown.set(this.#symbols);
    this.#symbols = grown;
  }

  #edited(): void {
    this.#usersets = undefined;
    this.#index = undefined;
    this.#searches = 0;
  }

  /** Where the symbol is, or where it belongs. */
  #positionOf(symbol: SubjectSymbol): number {
    let low = 0;
    let high = this.#count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#table.compare(this.subjectAt(middle), symbol) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #positionsOfUsersets(): readonly number[] {
    const positions: number[] = [];
    for (let position = 0; position < this.#count; position += 1) {
      if (this.#table.isUserset(this.subjectAt(position))) positions.push(position);
    }
    return positions;
  }
}

/** Open addressing from symbol to position, for a page that does not change. */
class PositionIndex {
  // Position + 1, so that 0 is empty.
  readonly #slots: Uint32Array;

  constructor(symbols: Uint32Array, count: number) {
    this.#slots = new Uint32Array(2 ** Math.ceil(Math.log2(count * 1.6)));
    for (let position = 0; position < count; position += 1) {
      let slot = this.#slotOf(symbols[position] ?? 0);
      while (this.#slots[slot] !== 0) slot = (slot + 1) % this.#slots.length;
      this.#slots[slot] = position + 1;
    }
  }

  get bytes(): number {
    return this.#slots.byteLength;
  }

  find(symbol: number, symbols: Uint32Array): number {
    let slot = this.#slotOf(symbol);
    for (;;) {
      const position = (this.#slots[slot] ?? 0) - 1;
      if (position < 0 || symbols[position] === symbol) return position;
      slot = (slot + 1) % this.#slots.length;
    }
  }

  #slotOf(symbol: number): number {
    // Fibonacci hashing: symbols of one page are often neighbours.
    return (Math.imul(symbol, 0x9e3779b1) >>> 0) & (this.#slots.length - 1);
  }
}
