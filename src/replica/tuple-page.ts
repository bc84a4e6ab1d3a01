import assert from "node:assert/strict";
import type { SubjectSymbol } from "../core/symbols.ts";
import type { StoredCondition } from "../core/tuple.ts";
import type { ObjectPage, SubjectPage, TupleFacts } from "../engine/graph.ts";
import type { SymbolTable } from "./symbol-table.ts";

/** What most tuples say beside their key: nothing. */
export const plainFacts: TupleFacts = { condition: undefined, expiresAtMs: Infinity };

// Up to this many a scan beats a search.
const scanMax = 16;
const pageBytes = 144;
const slotBytes = 8;
const factsBytes = 160;

/**
 * The far ends of one page's tuples in canonical order: subjects of a forward page, objects of a
 * reverse or pair page. It retains its symbols until `clear`. How they are packed shows nowhere.
 */
export class TuplePage implements SubjectPage, ObjectPage {
  /** See `SubjectPage`. */
  complete: boolean;
  readonly #table: SymbolTable;
  #symbols: SubjectSymbol[] = [];
  // As long as `#symbols`, or absent where all tuples are plain.
  #facts: TupleFacts[] | undefined;
  #usersets: readonly number[] | undefined;
  #index: PositionIndex | undefined;
  #searches = 0;

  constructor(table: SymbolTable, complete: boolean) {
    this.#table = table;
    this.complete = complete;
  }

  get count(): number {
    return this.#symbols.length;
  }

  /** Good for this tick, as all symbols are. */
  get symbols(): readonly SubjectSymbol[] {
    return this.#symbols;
  }

  get bytes(): number {
    const slots = this.#symbols.length * slotBytes;
    const facts = this.#facts === undefined ? 0 : slots + this.#facts.length * factsBytes;
    return pageBytes + slots + facts + (this.#index?.bytes ?? 0);
  }

  get usersets(): readonly number[] {
    this.#usersets ??= positionsOfUsersets(this.#symbols, this.#table);
    return this.#usersets;
  }

  indexOf(subject: SubjectSymbol): number {
    const count = this.#symbols.length;
    if (count <= scanMax) return this.#symbols.indexOf(subject);
    if (this.#index !== undefined) return this.#index.find(subject, this.#symbols);
    // An index takes a pass over the page: it is made once searches have cost about as much.
    this.#searches += 1;
    if (this.#searches * scanMax > count) this.#index = new PositionIndex(this.#symbols);
    const position = this.#positionOf(subject);
    return this.#symbols[position] === subject ? position : -1;
  }

  subjectAt(position: number): SubjectSymbol {
    const symbol = this.#symbols[position];
    assert(symbol !== undefined, "a position lies within its page");
    return symbol;
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
    const last = this.#symbols.at(-1);
    const atEnd = last === undefined || this.#table.compare(last, symbol) < 0;
    const position = atEnd ? this.#symbols.length : this.#positionOf(symbol);
    if (this.#symbols[position] === symbol) {
      this.#table.release(symbol);
      this.#setFacts(position, facts);
      return;
    }
    this.#edited();
    if (atEnd) this.#symbols.push(symbol);
    else this.#symbols.splice(position, 0, symbol);
    this.#facts?.splice(position, 0, facts);
    this.#setFacts(position, facts);
  }

  /** Removes and releases the symbol, if the page has it. */
  remove(symbol: SubjectSymbol): void {
    const position = this.indexOf(symbol);
    if (position < 0) return;
    this.#edited();
    this.#symbols.splice(position, 1);
    this.#facts?.splice(position, 1);
    this.#table.release(symbol);
  }

  /** Keeps usersets, wildcards and conditions only. */
  makePartial(): void {
    const symbols = this.#symbols;
    const facts = this.#facts;
    this.#edited();
    this.complete = false;
    this.#symbols = [];
    this.#facts = undefined;
    for (const [position, symbol] of symbols.entries()) {
      const said = facts?.[position] ?? plainFacts;
      const kept = said.condition !== undefined || this.#table.kindOf(symbol) !== "object";
      if (kept) this.insert(symbol, said);
      else this.#table.release(symbol);
    }
  }

  /** Gives back the room that growing arrays keep in reserve. */
  compact(): void {
    this.#symbols = this.#symbols.slice();
    this.#facts = this.#facts?.slice();
  }

  clear(): void {
    this.#edited();
    for (const symbol of this.#symbols) this.#table.release(symbol);
    this.#symbols = [];
    this.#facts = undefined;
  }

  #setFacts(position: number, facts: TupleFacts): void {
    if (this.#facts === undefined) {
      if (facts === plainFacts) return;
      this.#facts = this.#symbols.map(() => plainFacts);
    }
    this.#facts[position] = facts;
  }

  #edited(): void {
    this.#usersets = undefined;
    this.#index = undefined;
    this.#searches = 0;
  }

  /** Where the symbol is, or where it belongs. */
  #positionOf(symbol: SubjectSymbol): number {
    let low = 0;
    let high = this.#symbols.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#table.compare(this.subjectAt(middle), symbol) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

const noPositions: readonly number[] = [];

function positionsOfUsersets(
  symbols: readonly SubjectSymbol[],
  table: SymbolTable,
): readonly number[] {
  const positions: number[] = [];
  for (const [position, symbol] of symbols.entries()) {
    if (table.kindOf(symbol) === "userset") positions.push(position);
  }
  return positions.length === 0 ? noPositions : positions;
}

/** Open addressing from symbol to position, for a page that does not change. */
class PositionIndex {
  // Position + 1, so that 0 is empty.
  readonly #slots: Uint32Array;

  constructor(symbols: readonly SubjectSymbol[]) {
    this.#slots = new Uint32Array(2 ** Math.ceil(Math.log2(symbols.length * 1.6)));
    for (const [position, symbol] of symbols.entries()) {
      let slot = this.#slotOf(symbol);
      while (this.#slots[slot] !== 0) slot = (slot + 1) % this.#slots.length;
      this.#slots[slot] = position + 1;
    }
  }

  get bytes(): number {
    return this.#slots.byteLength;
  }

  find(symbol: SubjectSymbol, symbols: readonly SubjectSymbol[]): number {
    let slot = this.#slotOf(symbol);
    for (;;) {
      const position = (this.#slots[slot] ?? 0) - 1;
      if (position < 0 || symbols[position] === symbol) return position;
      slot = (slot + 1) % this.#slots.length;
    }
  }

  #slotOf(symbol: SubjectSymbol): number {
    // Fibonacci hashing: symbols of one page are often neighbours.
    return (Math.imul(symbol, 0x9e3779b1) >>> 0) & (this.#slots.length - 1);
  }
}
