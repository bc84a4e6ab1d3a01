import type { Name } from "../core/object.ts";
import type { LoadedPage, PageKey } from "../core/page.ts";
import type { NameNumber, SubjectSymbol } from "../core/symbols.ts";
import type { SubjectPage, TupleFacts } from "../engine/graph.ts";
import { factsOf, plainFacts } from "./packed-page.ts";
import {
  noRelation,
  pageHeaderBytes,
  PageTable,
  reverseKey,
  type PageNumber,
} from "./page-table.ts";
import { PairIndex } from "./pair-index.ts";
import { SymbolTable } from "./symbol-table.ts";
import { TupleLists } from "./tuple-lists.ts";
import { TuplePage } from "./tuple-page.ts";

/** The lists of a page that is not held yet; of a reverse or pair page the one has no relation. */
export type ListsByRelation = ReadonlyMap<Name | undefined, TuplePage>;

/** The pages of one tenant with all that they are found by, and what they retain. */
export class PageIndex {
  readonly symbols: SymbolTable = new SymbolTable();
  readonly table: PageTable = new PageTable();
  readonly lists: TupleLists;
  readonly pairs: PairIndex = new PairIndex();
  /** What a whole object says of a relation without tuples. */
  readonly empty: SubjectPage;

  constructor() {
    this.lists = new TupleLists(this.table, this.symbols);
    this.empty = new TuplePage(this.symbols, true, 0);
  }

  /** Estimate of what is held, columns and room that wait to be used again left out. */
  get bytes(): number {
    return (
      this.symbols.bytes + this.table.count * pageHeaderBytes + this.lists.bytes + this.pairs.bytes
    );
  }

  /** The page, or one of those that a whole object has; 0 where it is not held. */
  find(key: PageKey): PageNumber {
    const { symbols, table, pairs } = this;
    switch (key.kind) {
      case "forward":
      case "object": {
        const object = symbols.findObject(key.object.type, key.object.id);
        const first = object === -1 ? 0 : table.firstForward(object);
        if (object === -1 || first === 0 || table.isWhole(first)) return first;
        const relation = key.kind === "object" ? -1 : symbols.findName(key.relation);
        return relation === -1 ? 0 : table.forward(object, relation);
      }
      case "point": {
        const object = symbols.findObject(key.object.type, key.object.id);
        const relation = symbols.findName(key.relation);
        const subject = symbols.findSubject(key.subject);
        if (object === -1 || relation === -1 || subject === -1) return 0;
        return this.point(object, relation, subject);
      }
      case "reverse": {
        const subject = symbols.findSubject(key.subject);
        const type = symbols.findName(key.type);
        const relation = symbols.findName(key.relation);
        if (subject === -1 || type === -1 || relation === -1) return 0;
        return table.reverse(subject, type, relation);
      }
      case "pair": {
        const principal = symbols.findObject(key.principal.type, key.principal.id);
        const delegate = symbols.findObject(key.delegate.type, key.delegate.id);
        return principal === -1 || delegate === -1 ? 0 : pairs.find(principal, delegate);
      }
    }
  }

  point(object: SubjectSymbol, relation: NameNumber, subject: SubjectSymbol): PageNumber {
    const { table } = this;
    let page = table.pointFrom(table.firstReverse(subject), relation);
    while (page !== 0 && this.lists.read(page).subjectAt(0) !== object) {
      page = table.pointFrom(table.nextOf(page), relation);
    }
    return page;
  }

  /** Adds a page that is not held. */
  install({ key, tuples, partialRelations }: LoadedPage): void {
    switch (key.kind) {
      case "forward":
      case "object": {
        const lists = new Map<Name | undefined, TuplePage>();
        for (const relation of partialRelations) lists.set(relation, this.#list(false));
        for (const tuple of tuples) {
          const list = lists.get(tuple.relation) ?? this.#list(true);
          lists.set(tuple.relation, list);
          list.insert(this.symbols.retain(tuple.subject), factsOf(tuple));
        }
        this.adopt(key, lists);
        return;
      }
      case "point": {
        const [tuple] = tuples;
        const object = this.symbols.retainObject(key.object);
        const subject = this.symbols.retain(key.subject);
        const page = this.table.add("point", subject, this.symbols.internName(key.relation));
        this.writePoint(page, object, tuple === undefined ? "absent" : factsOf(tuple));
        return;
      }
      case "reverse":
      case "pair": {
        const list = this.#list(true);
        for (const tuple of tuples) {
          list.insert(this.symbols.retainObject(tuple.object), factsOf(tuple));
        }
        this.adopt(key, new Map([[undefined, list]]));
        return;
      }
    }
  }

  /** Adds a page that is not held, of lists by relation, or of one alone. */
  adopt(key: PageKey, lists: ListsByRelation): void {
    const { symbols, table } = this;
    switch (key.kind) {
      case "forward":
      case "object":
        this.#adoptForward(key, lists);
        return;
      case "reverse": {
        const names = reverseKey(symbols.internName(key.type), symbols.internName(key.relation));
        this.#fill(table.add("reverse", symbols.retain(key.subject), names), lists);
        return;
      }
      case "pair": {
        const principal = symbols.retainObject(key.principal);
        const delegate = symbols.retainObject(key.delegate);
        const page = table.add("pair", principal, delegate);
        this.pairs.add(principal, delegate, page);
        this.#fill(page, lists);
        return;
      }
      case "point":
        return;
    }
  }

  /** An empty page of the object. */
  addForward(object: SubjectSymbol, relation: number, isWhole: boolean): PageNumber {
    const page = this.table.add("forward", this.symbols.hold(object), relation);
    if (isWhole) this.table.setWhole(page);
    return page;
  }

  /** The object keeps its one reference. */
  writePoint(page: PageNumber, object: SubjectSymbol, facts: TupleFacts | "absent"): void {
    const isAbsent = facts === "absent";
    this.lists.write(page, [object], [isAbsent ? plainFacts : facts], false, isAbsent);
  }

  /** Takes the page out. Of a large one the list is returned, with its symbols still retained. */
  remove(page: PageNumber): TuplePage | undefined {
    const { symbols, table } = this;
    const owner = table.ownerOf(page);
    if (table.kindOf(page) === "pair") {
      // oxlint-disable-next-line no-unsafe-type-assertion -- the key of a pair's page
      const delegate = table.keyOf(page) as SubjectSymbol;
      this.pairs.remove(owner, delegate);
      symbols.release(delegate);
    }
    const list = this.lists.drop(page);
    table.remove(page);
    symbols.release(owner);
    return list;
  }

  clear(): void {
    this.lists.clear();
    this.table.clear();
    this.pairs.clear();
    this.symbols.clear();
  }

  #adoptForward(
    key: Extract<PageKey, { readonly kind: "forward" | "object" }>,
    lists: ListsByRelation,
  ): void {
    const { symbols, table } = this;
    const object = symbols.retainObject(key.object);
    const relations = new Map(lists);
    if (key.kind === "forward" && !relations.has(key.relation)) {
      relations.set(key.relation, this.#list(true));
    }
    for (const [name, list] of relations) {
      if (name === undefined) continue;
      const relation = symbols.internName(name);
      // What is held one by one already is as current as what comes with the rest.
      if (table.forward(object, relation) === 0) {
        this.lists.adopt(this.addForward(object, relation, false), list);
      } else list.releaseSome(list.count);
    }
    if (key.kind === "object") this.#makeWhole(object);
    symbols.release(object);
  }

  #makeWhole(object: SubjectSymbol): void {
    const { table } = this;
    if (table.firstForward(object) === 0) this.addForward(object, noRelation, true);
    let page = table.firstForward(object);
    for (; page !== 0; page = table.nextOf(page)) table.setWhole(page);
  }

  #fill(page: PageNumber, lists: ListsByRelation): void {
    for (const list of lists.values()) this.lists.adopt(page, list);
  }

  #list(complete: boolean): TuplePage {
    return new TuplePage(this.symbols, complete);
  }
}
