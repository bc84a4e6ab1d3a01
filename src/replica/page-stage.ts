import assert from "node:assert/strict";
import type { RevisionChange } from "../core/change.ts";
import type { Name } from "../core/object.ts";
import type { LoadedPage, PageKey } from "../core/page.ts";
import { subjectOf, type Subject } from "../core/subject.ts";
import type { RelationTuple } from "../core/tuple.ts";
import type { ListsByRelation } from "./page-index.ts";
import { factsOf } from "./packed-page.ts";
import { concerns, isListedInPart, rollForward } from "./roll-forward.ts";
import type { SymbolTable } from "./symbol-table.ts";
import { TuplePage } from "./tuple-page.ts";

/** What a stage needs of its store. */
export interface StageHost {
  readonly symbols: SymbolTable;
  /** False once the store has dropped all pages, the symbols of this stage with them. */
  isCurrent(): boolean;
  install(pages: readonly LoadedPage[], staged: ReadonlyMap<PageKey, ListsByRelation>): void;
  /** Takes over a list that nobody wants any more. */
  leave(list: TuplePage): void;
  settle(): void;
}

/**
 * The pages of one load on their way in. What is too large for one tick comes in parts, which gather
 * here and are seen by nobody until the load is over; then all pages are installed as one.
 */
export class PageStage {
  readonly #host: StageHost;
  readonly #lists = new Map<PageKey, Map<Name | undefined, TuplePage>>();
  #isOpen = true;

  constructor(host: StageHost) {
    this.#host = host;
  }

  /** The next tuples of the page, in canonical order, each once. */
  add(key: PageKey, tuples: readonly RelationTuple[]): void {
    assert(key.kind !== "pair" && key.kind !== "point", "pages of these kinds come whole");
    if (!this.#isOpen || !this.#host.isCurrent()) return;
    for (const tuple of tuples) this.#insert(key, tuple);
    this.#host.settle();
  }

  /**
   * Installs the pages, which were read at one revision, as of the end of the changes that follow it
   * up to the store's, and returns how many. A page whose parts came here says the rest of its tuples.
   * What the changes do not tell of is not installed, nor what was half here when the store dropped
   * all.
   */
  install(pages: readonly LoadedPage[], changes: readonly RevisionChange[]): number {
    const isCurrent = this.#host.isCurrent();
    const ready: LoadedPage[] = [];
    for (const page of pages) {
      if (!this.#lists.has(page.key)) {
        const rolled = rollForward(page, changes);
        if (rolled !== undefined) ready.push(rolled);
      } else if (isCurrent) ready.push(this.#finish(page, changes));
    }
    this.#isOpen = false;
    this.#host.install(ready, isCurrent ? this.#lists : new Map());
    return ready.length;
  }

  /** Gives up what was not installed. */
  close(): void {
    if (!this.#isOpen || !this.#host.isCurrent()) return;
    this.#isOpen = false;
    for (const lists of this.#lists.values()) for (const list of lists.values()) this.#leave(list);
    this.#host.settle();
  }

  #leave(list: TuplePage): void {
    this.#host.leave(list);
  }

  #finish(page: LoadedPage, changes: readonly RevisionChange[]): LoadedPage {
    const { key, tuples, partialRelations } = page;
    for (const tuple of tuples) this.#insert(key, tuple);
    for (const relation of partialRelations) this.#listOf(key, relation).complete = false;
    for (const { deleted, created } of changes) {
      for (const tuple of deleted) if (concerns(key, tuple)) this.#remove(key, tuple);
      for (const tuple of created) if (concerns(key, tuple)) this.#insert(key, tuple);
    }
    return { ...page, tuples: [] };
  }

  #insert(key: PageKey, tuple: RelationTuple): void {
    const list = this.#listOf(key, isForward(key) ? tuple.relation : undefined);
    if (!list.complete && !isListedInPart(tuple)) return;
    list.insert(this.#host.symbols.retain(farEnd(key, tuple)), factsOf(tuple));
  }

  #remove(key: PageKey, tuple: RelationTuple): void {
    const symbol = this.#host.symbols.findSubject(farEnd(key, tuple));
    if (symbol === -1) return;
    this.#listOf(key, isForward(key) ? tuple.relation : undefined).remove(symbol);
  }

  #listOf(key: PageKey, relation: Name | undefined): TuplePage {
    const lists = this.#lists.get(key) ?? new Map<Name | undefined, TuplePage>();
    this.#lists.set(key, lists);
    const known = lists.get(relation);
    if (known !== undefined) return known;
    const made = new TuplePage(this.#host.symbols, true);
    lists.set(relation, made);
    return made;
  }
}

function isForward(key: PageKey): boolean {
  return key.kind === "forward" || key.kind === "object";
}

function farEnd(key: PageKey, tuple: RelationTuple): Subject {
  return isForward(key) ? tuple.subject : subjectOf(tuple.object);
}
