import type { RevisionChange } from "../core/change.ts";
import { pageTuplesMax, type LoadedPage, type PageKey } from "../core/page.ts";
import { subjectOf, type Subject } from "../core/subject.ts";
import type { NameNumber, SubjectSymbol } from "../core/symbols.ts";
import type { RelationTuple } from "../core/tuple.ts";
import type { Graph, ObjectPage, SubjectPage, TupleFacts } from "../engine/graph.ts";
import type { PageClock } from "./page-clock.ts";
import type { ObjectUnit, PageUnit, UnitOwner } from "./page-unit.ts";
import { applyToPairs } from "./pair-changes.ts";
import { Pins } from "./pins.ts";
import { SymbolTable } from "./symbol-table.ts";
import { plainFacts, TuplePage } from "./tuple-page.ts";
import { UnitIndex } from "./unit-index.ts";

// The unit, its arrays and its places in index and clock, measured on 64-bit V8.
const unitBytes = 250;

/**
 * The held pages of one tenant. They are all as of one revision: it moves by `apply`, and what is
 * installed must have been read at it.
 */
export class PageStore implements Graph, UnitOwner {
  readonly symbols: SymbolTable = new SymbolTable();
  readonly #clock: PageClock;
  readonly #pageTuplesMax: number;
  readonly #index: UnitIndex;
  readonly #empty: TuplePage;
  readonly #units = new Set<PageUnit>();
  #chargedBytes = 0;

  constructor(clock: PageClock, tuplesMax: number = pageTuplesMax) {
    this.#clock = clock;
    this.#pageTuplesMax = tuplesMax;
    this.#index = new UnitIndex(this.symbols);
    this.#empty = new TuplePage(this.symbols, true);
  }

  /** How many units are held. */
  get size(): number {
    return this.#units.size;
  }

  forward(object: SubjectSymbol, relation: NameNumber): SubjectPage | undefined {
    const unit = this.#index.object(object);
    if (unit === undefined) return undefined;
    const page = unit.pages[unit.relations.indexOf(relation)];
    if (page === undefined && !unit.whole) return undefined;
    unit.used = true;
    return page ?? this.#empty;
  }

  point(
    object: SubjectSymbol,
    relation: NameNumber,
    subject: SubjectSymbol,
  ): TupleFacts | "absent" | undefined {
    const unit = this.#index.point(object, relation, subject);
    if (unit === undefined) return undefined;
    unit.used = true;
    return unit.facts;
  }

  reverse(subject: SubjectSymbol, type: NameNumber, relation: NameNumber): ObjectPage | undefined {
    const unit = this.#index.reverse(subject, type, relation);
    if (unit === undefined) return undefined;
    unit.used = true;
    return unit.page;
  }

  delegations(
    principal: SubjectSymbol,
    delegate: SubjectSymbol,
  ): readonly SubjectSymbol[] | undefined {
    const unit = this.#index.pair(principal, delegate);
    if (unit === undefined) return undefined;
    unit.used = true;
    return unit.page.symbols;
  }

  /** Whether the page is held. */
  has(key: PageKey): boolean {
    return this.#index.find(key) !== undefined;
  }

  /** Keeps the held ones of these pages from eviction, until the pins are released. */
  pin(keys: readonly PageKey[], pins: Pins): void {
    pins.hold(keys.map((key) => this.#index.find(key)).filter((unit) => unit !== undefined));
  }

  /**
   * Takes pages that were read at the revision of the store; what is held already stays. To make
   * room others go, not these: who waits for them has this tick to pin them.
   */
  install(pages: readonly LoadedPage[]): void {
    for (const page of pages) if (!this.has(page.key)) this.#install(page);
    const pins = new Pins();
    this.pin(
      pages.map((page) => page.key),
      pins,
    );
    this.#settle();
    pins.release();
  }

  /**
   * Moves all pages on by these revisions: ascending, without a gap, from the store's own. Within
   * each, deletes go before creates.
   */
  apply(changes: readonly RevisionChange[]): void {
    if (this.#units.size > 0) for (const change of changes) this.#applyRevision(change);
    this.#settle();
  }

  /** Gives up all pages. */
  drop(): void {
    for (const unit of this.#units) this.#give(unit);
    this.#settle();
  }

  /** For the clock, which has taken the unit out already. */
  forget(unit: PageUnit): void {
    this.#index.remove(unit);
    this.#units.delete(unit);
    switch (unit.kind) {
      case "object":
        for (const page of unit.pages) page.clear();
        this.symbols.release(unit.object);
        break;
      case "point":
        this.symbols.release(unit.object);
        this.symbols.release(unit.subject);
        break;
      case "reverse":
        unit.page.clear();
        this.symbols.release(unit.subject);
        break;
      case "pair":
        unit.page.clear();
        this.symbols.release(unit.principal);
        this.symbols.release(unit.delegate);
        break;
    }
    this.#chargeSymbols();
  }

  #install(page: LoadedPage): void {
    const { key } = page;
    const state = { used: false, pins: 0, bytes: 0, slot: -1, owner: this };
    switch (key.kind) {
      case "forward":
      case "object":
        this.#installForward(page, key.object);
        return;
      case "point": {
        const [tuple] = page.tuples;
        this.#add({
          ...state,
          kind: "point",
          object: this.symbols.retainObject(key.object),
          relation: this.symbols.internName(key.relation),
          subject: this.symbols.retain(key.subject),
          facts: tuple === undefined ? "absent" : factsOf(tuple),
        });
        return;
      }
      case "reverse":
        this.#add({
          ...state,
          kind: "reverse",
          subject: this.symbols.retain(key.subject),
          type: this.symbols.internName(key.type),
          relation: this.symbols.internName(key.relation),
          page: this.#pageOfObjects(page.tuples),
        });
        return;
      case "pair":
        this.#add({
          ...state,
          kind: "pair",
          principal: this.symbols.retainObject(key.principal),
          delegate: this.symbols.retainObject(key.delegate),
          page: this.#pageOfObjects(page.tuples),
        });
        return;
    }
  }

  #installForward(
    { key, tuples, partialRelations }: LoadedPage,
    ref: RelationTuple["object"],
  ): void {
    const object = this.symbols.retainObject(ref);
    const held = this.#index.object(object);
    const unit: ObjectUnit = held ?? {
      kind: "object",
      object,
      whole: false,
      relations: [],
      pages: [],
      used: false,
      pins: 0,
      bytes: 0,
      slot: -1,
      owner: this,
    };
    if (held === undefined) this.#add(unit);
    else this.symbols.release(object);
    if (key.kind === "object") {
      // The relations that were held one by one come anew with the rest.
      for (const page of unit.pages.splice(0)) page.clear();
      unit.relations.splice(0);
      unit.whole = true;
    }
    if (key.kind === "forward") this.#pageOfRelation(unit, this.symbols.internName(key.relation));
    for (const name of partialRelations) {
      this.#pageOfRelation(unit, this.symbols.internName(name)).complete = false;
    }
    for (const tuple of tuples) {
      const page = this.#pageOfRelation(unit, this.symbols.internName(tuple.relation));
      page.insert(this.symbols.retain(tuple.subject), factsOf(tuple));
    }
    unit.relations = unit.relations.slice();
    unit.pages = unit.pages.slice();
    for (const page of unit.pages) {
      page.compact();
      this.#bound(unit, page);
    }
    if (unit.slot !== -1) this.#measure(unit);
  }

  #pageOfRelation(unit: ObjectUnit, relation: NameNumber): TuplePage {
    const known = unit.pages[unit.relations.indexOf(relation)];
    if (known !== undefined) return known;
    const page = new TuplePage(this.symbols, true);
    unit.relations.push(relation);
    unit.pages.push(page);
    return page;
  }

  #pageOfObjects(tuples: readonly RelationTuple[]): TuplePage {
    const page = new TuplePage(this.symbols, true);
    for (const tuple of tuples) {
      page.insert(this.symbols.retainObject(tuple.object), factsOf(tuple));
    }
    page.compact();
    return page;
  }

  #applyRevision(change: RevisionChange): void {
    for (const tuple of change.deleted) this.#edit(tuple, "absent");
    for (const tuple of change.created) this.#edit(tuple, factsOf(tuple));
    applyToPairs(change, {
      symbols: this.symbols,
      index: this.#index,
      edited: (unit) => this.#measure(unit),
      drop: (unit) => this.#give(unit),
    });
  }

  /** Brings every page but the pairs' to what the tuple now is. */
  #edit(tuple: RelationTuple, facts: TupleFacts | "absent"): void {
    const relation = this.symbols.findName(tuple.relation);
    const object = this.symbols.findObject(tuple.object.type, tuple.object.id);
    if (object !== -1) this.#editObject(object, tuple, facts);
    const subject = this.symbols.findSubject(tuple.subject);
    if (relation === -1 || subject === -1) return;
    const point = object === -1 ? undefined : this.#index.point(object, relation, subject);
    if (point !== undefined) point.facts = facts;
    const type = this.symbols.findName(tuple.object.type);
    const reverse = type === -1 ? undefined : this.#index.reverse(subject, type, relation);
    if (reverse === undefined) return;
    edit(reverse.page, subjectOf(tuple.object), facts, this.symbols);
    this.#measure(reverse);
  }

  #editObject(object: SubjectSymbol, tuple: RelationTuple, facts: TupleFacts | "absent"): void {
    const unit = this.#index.object(object);
    if (unit === undefined) return;
    const relation = this.symbols.findName(tuple.relation);
    const known = relation === -1 ? undefined : unit.pages[unit.relations.indexOf(relation)];
    if (known === undefined && (!unit.whole || facts === "absent")) return;
    const page = known ?? this.#pageOfRelation(unit, this.symbols.internName(tuple.relation));
    const listed = page.complete || isListedInPart(tuple);
    edit(page, tuple.subject, listed ? facts : "absent", this.symbols);
    this.#bound(unit, page);
    if (unit.slot !== -1) this.#measure(unit);
  }

  #bound(unit: ObjectUnit, page: TuplePage): void {
    if (page.complete && page.count > this.#pageTuplesMax) page.makePartial();
    // Even in part it is too large: whoever asks next meets the limit of the load.
    if (!page.complete && page.count > this.#pageTuplesMax && unit.slot !== -1) this.#give(unit);
  }

  #add(unit: PageUnit): void {
    this.#index.add(unit);
    this.#units.add(unit);
    unit.bytes = bytesOf(unit);
    this.#clock.add(unit);
  }

  #measure(unit: PageUnit): void {
    this.#clock.resize(unit, bytesOf(unit));
  }

  #give(unit: PageUnit): void {
    this.#clock.remove(unit);
    this.forget(unit);
  }

  #chargeSymbols(): void {
    this.#clock.charge(this.symbols.bytes - this.#chargedBytes);
    this.#chargedBytes = this.symbols.bytes;
  }

  #settle(): void {
    this.#chargeSymbols();
    this.#clock.shrink();
  }
}

/** Whether a partial page lists the tuple; others are asked for by point. */
export function isListedInPart(tuple: RelationTuple): boolean {
  return tuple.subject.kind !== "object" || tuple.condition !== undefined;
}

function edit(
  page: TuplePage,
  far: Subject,
  facts: TupleFacts | "absent",
  symbols: SymbolTable,
): void {
  if (facts !== "absent") {
    page.insert(symbols.retain(far), facts);
    return;
  }
  const symbol = symbols.findSubject(far);
  if (symbol !== -1) page.remove(symbol);
}

function factsOf(tuple: RelationTuple): TupleFacts {
  if (tuple.condition === undefined && tuple.expiresAtMs === undefined) return plainFacts;
  return { condition: tuple.condition, expiresAtMs: tuple.expiresAtMs ?? Infinity };
}

function bytesOf(unit: PageUnit): number {
  switch (unit.kind) {
    case "object":
      return unit.pages.reduce((sum, page) => sum + page.bytes, unitBytes);
    case "point":
      return unitBytes;
    case "reverse":
    case "pair":
      return unitBytes + unit.page.bytes;
  }
}
