import assert from "node:assert/strict";
import type { SubjectSymbol } from "../core/symbols.ts";
import type { RelationTuple, StoredCondition } from "../core/tuple.ts";
import type { ObjectPage, SubjectPage, TupleFacts } from "../engine/graph.ts";
import type { Conditions } from "./conditions.ts";
import type { PageNumber } from "./page-table.ts";
import type { SymbolTable } from "./symbol-table.ts";

/** What most tuples say beside their key: nothing. */
export const plainFacts: TupleFacts = { condition: undefined, expiresAtMs: Infinity };

/** Words for what a tuple says: the halves of the expiry, and the number of the condition. */
export const factsWords = 3;
const noPositions: readonly number[] = [];

/** Which page is read. */
export interface PagePlace {
  readonly page: PageNumber;
  readonly owner: SubjectSymbol;
  readonly key: number;
}

/** Where the tuples of a page lie. */
export interface PackedTuples {
  readonly complete: boolean;
  readonly count: number;
  readonly words: Uint32Array;
  readonly start: number;
  /** Where what the tuples say begins, -1 where all are plain. */
  readonly facts: number;
  readonly hasUsersets: boolean;
}

/** Of the reading of a page, what may be known of it when the page itself is gone. */
export interface PageState {
  /** Set once the page is another, or gone. */
  isStale: boolean;
  /** Set by readers, taken away by the clock. */
  isRead: boolean;
  /** How often it was changed where it lies. */
  edits: number;
}

/** A reading of one small page where it lies packed. */
export class PackedPage implements SubjectPage, ObjectPage, PageState {
  readonly page: PageNumber;
  readonly owner: SubjectSymbol;
  readonly key: number;
  readonly complete: boolean;
  readonly count: number;
  isStale = false;
  isRead = false;
  /** A page that is edited gets another reading. */
  readonly edits = 0;
  readonly #words: Uint32Array;
  readonly #start: number;
  readonly #facts: number;
  readonly #hasUsersets: boolean;
  readonly #conditions: Conditions;
  readonly #table: SymbolTable;
  #usersets: readonly number[] | undefined;
  #symbols: readonly SubjectSymbol[] | undefined;

  constructor(place: PagePlace, tuples: PackedTuples, conditions: Conditions, table: SymbolTable) {
    this.page = place.page;
    this.owner = place.owner;
    this.key = place.key;
    this.complete = tuples.complete;
    this.count = tuples.count;
    this.#words = tuples.words;
    this.#start = tuples.start;
    this.#facts = tuples.facts;
    this.#hasUsersets = tuples.hasUsersets;
    this.#conditions = conditions;
    this.#table = table;
  }

  /** It holds little that is its own. */
  get state(): PageState {
    return this;
  }

  get usersets(): readonly number[] {
    if (!this.#hasUsersets) return noPositions;
    this.#usersets ??= this.#positionsOfUsersets();
    return this.#usersets;
  }

  get symbols(): readonly SubjectSymbol[] {
    this.#symbols ??= Array.from({ length: this.count }, (_, position) => this.subjectAt(position));
    return this.#symbols;
  }

  indexOf(subject: SubjectSymbol): number {
    const end = this.#start + this.count;
    for (let at = this.#start; at < end; at += 1) {
      if (this.#words[at] === subject) return at - this.#start;
    }
    return -1;
  }

  subjectAt(position: number): SubjectSymbol {
    assert(position >= 0 && position < this.count, "a position lies within its page");
    // oxlint-disable-next-line no-unsafe-type-assertion -- only symbols are kept here
    return this.#words[this.#start + position] as SubjectSymbol;
  }

  objectAt(position: number): SubjectSymbol {
    return this.subjectAt(position);
  }

  conditionAt(position: number): StoredCondition | undefined {
    if (this.#facts < 0) return undefined;
    const condition = this.#words[this.#facts + position * factsWords + 2] ?? 0;
    return condition === 0 ? undefined : this.#conditions.get(condition);
  }

  expiresAtMsAt(position: number): number {
    if (this.#facts < 0) return Infinity;
    return expiryAt(this.#words, this.#facts + position * factsWords);
  }

  factsAt(position: number): TupleFacts {
    const condition = this.conditionAt(position);
    const expiresAtMs = this.expiresAtMsAt(position);
    return condition === undefined && expiresAtMs === Infinity
      ? plainFacts
      : { condition, expiresAtMs };
  }

  #positionsOfUsersets(): readonly number[] {
    const positions: number[] = [];
    for (let position = 0; position < this.count; position += 1) {
      if (this.#table.isUserset(this.subjectAt(position))) positions.push(position);
    }
    return positions;
  }
}

export function factsOf(tuple: RelationTuple): TupleFacts {
  if (tuple.condition === undefined && tuple.expiresAtMs === undefined) return plainFacts;
  return { condition: tuple.condition, expiresAtMs: tuple.expiresAtMs ?? Infinity };
}

// One number, as itself and as its two halves.
const number = new Float64Array(1);
const halves = new Uint32Array(number.buffer);

export function writeExpiry(words: Uint32Array, at: number, expiresAtMs: number): void {
  number[0] = expiresAtMs;
  words[at] = halves[0] ?? 0;
  words[at + 1] = halves[1] ?? 0;
}

function expiryAt(words: Uint32Array, at: number): number {
  halves[0] = words[at] ?? 0;
  halves[1] = words[at + 1] ?? 0;
  return number[0] ?? Infinity;
}
