import { parseObjectText, sameObject, type Name, type ObjectRef } from "../../src/core/object.ts";
import { formatPageKey, type PageKey } from "../../src/core/page.ts";
import { sameSubject, type Subject } from "../../src/core/subject.ts";
import type { NameNumber, SubjectSymbol, Symbols } from "../../src/core/symbols.ts";
import { parseTupleText, type RelationTuple } from "../../src/core/tuple.ts";
import type { Evaluated, Graph } from "../../src/engine/graph.ts";
import { planModel } from "../../src/engine/plan.ts";
import { graphOfTuples } from "../../src/engine/tuple-graph.ts";
import type { View } from "../../src/engine/view.ts";
import type { AuthorizationModel } from "../../src/model/authorization-model.ts";

/** An instant that says nothing. */
export const noon = 1_800_000_000_000;

/** `document:1#viewer@user:alice`, one a line or argument; empty lines are skipped. */
export function tuplesOf(...texts: readonly string[]): RelationTuple[] {
  return texts
    .flatMap((text) => text.split("\n"))
    .map((line) => line.trim())
    .filter((line) => line !== "")
    .map((line) => parseTupleText(line, "tuple"));
}

export function expiring(text: string, expiresAtMs: number): RelationTuple {
  return { ...parseTupleText(text, "tuple"), expiresAtMs };
}

export function object(text: string): ObjectRef {
  return parseObjectText(text, "object");
}

/** The whole graph, judged at one instant unless two are given. */
export function viewOf(
  model: AuthorizationModel,
  tuples: Iterable<RelationTuple>,
  earliestMs: number = noon,
  latestMs: number = earliestMs,
): View {
  const graph = graphOfTuples(tuples);
  return { graph, plan: planModel(model, graph.symbols), now: { earliestMs, latestMs } };
}

/** The value of an evaluation of a whole graph. */
export function decided<Value>(evaluated: Evaluated<Value>): Value {
  if (evaluated.kind === "decided") return evaluated.value;
  throw new Error(`pages are missing: ${evaluated.pages.map(formatPageKey).join(", ")}`);
}

/** Chooses a whole number from 0 up to below `count`. */
export type Choose = (count: number) => number;

/**
 * A graph that starts empty, knows nothing of subjects that are in no held page, and loads what an
 * evaluation missed: one or more of the pages by chance, and now and then gives up others, those
 * that were asked for in this evaluation excepted.
 */
export class PagingGraph implements Graph {
  readonly symbols: Symbols;
  readonly #tuples: readonly RelationTuple[];
  readonly #whole: Graph;
  readonly #held = new Map<string, PageKey>();
  /** Subjects of which a held page tells. */
  readonly #known = new Set<SubjectSymbol>();
  readonly #pinned = new Set<string>();
  readonly #isPartial: (relation: Name) => boolean;
  rounds = 0;

  /** Pages of partial relations are held in part, and direct members are asked for by point pages. */
  constructor(
    tuples: Iterable<RelationTuple>,
    isPartial: (relation: Name) => boolean = () => false,
  ) {
    this.#tuples = [...tuples];
    this.#whole = graphOfTuples(this.#tuples);
    this.#isPartial = isPartial;
    this.symbols = shySymbols(this.#whole.symbols, (symbol) => this.#known.has(symbol));
  }

  /** Runs the evaluation until it is decided, as a replica would. */
  evaluate<Value>(evaluation: () => Evaluated<Value>, choose: Choose): Value {
    this.#pinned.clear();
    this.rounds = 0;
    for (;;) {
      const evaluated = evaluation();
      if (evaluated.kind === "decided") return evaluated.value;
      this.rounds += 1;
      if (this.rounds > 10_000) throw new Error("the evaluation does not come to an end");
      if (evaluated.pages.length === 0) throw new Error("missing, but no page is named");
      for (const page of evaluated.pages) {
        if (this.#pinned.has(formatPageKey(page))) {
          throw new Error(`asked twice for ${formatPageKey(page)}`);
        }
      }
      this.#load(evaluated.pages, choose);
    }
  }

  forward(subject: SubjectSymbol, relation: NameNumber): ReturnType<Graph["forward"]> {
    const { symbols } = this.#whole;
    const name = symbols.nameOf(relation);
    const owner = refOf(symbols, subject);
    const isHeld =
      this.#held.has(formatPageKey({ kind: "object", object: owner })) ||
      this.#held.has(formatPageKey({ kind: "forward", object: owner, relation: name }));
    if (!isHeld) return undefined;
    const page = this.#whole.forward(subject, relation);
    if (page === undefined || !this.#isPartial(name)) return page;
    const kept = [...Array(page.count).keys()].filter(
      (position) =>
        symbols.kindOf(page.subjectAt(position)) !== "object" ||
        page.conditionAt(position) !== undefined,
    );
    const at = (position: number): number => kept[position] ?? -1;
    return {
      complete: kept.length === page.count,
      count: kept.length,
      usersets: [...kept.keys()].filter((position) => page.usersets.includes(at(position))),
      indexOf: (sought) => kept.indexOf(page.indexOf(sought)),
      subjectAt: (position) => page.subjectAt(at(position)),
      conditionAt: (position) => page.conditionAt(at(position)),
      expiresAtMsAt: (position) => page.expiresAtMsAt(at(position)),
    };
  }

  point(
    owner: SubjectSymbol,
    relation: NameNumber,
    subject: SubjectSymbol,
  ): ReturnType<Graph["point"]> {
    const { symbols } = this.#whole;
    const key: PageKey = {
      kind: "point",
      object: refOf(symbols, owner),
      relation: symbols.nameOf(relation),
      subject: symbols.subjectOf(subject),
    };
    return this.#held.has(formatPageKey(key))
      ? this.#whole.point(owner, relation, subject)
      : undefined;
  }

  reverse(
    subject: SubjectSymbol,
    type: NameNumber,
    relation: NameNumber,
  ): ReturnType<Graph["reverse"]> {
    const { symbols } = this.#whole;
    const key: PageKey = {
      kind: "reverse",
      subject: symbols.subjectOf(subject),
      type: symbols.nameOf(type),
      relation: symbols.nameOf(relation),
    };
    return this.#held.has(formatPageKey(key))
      ? this.#whole.reverse(subject, type, relation)
      : undefined;
  }

  delegations(principal: SubjectSymbol, delegate: SubjectSymbol): ReturnType<Graph["delegations"]> {
    const { symbols } = this.#whole;
    const key: PageKey = {
      kind: "pair",
      principal: refOf(symbols, principal),
      delegate: refOf(symbols, delegate),
    };
    return this.#held.has(formatPageKey(key))
      ? this.#whole.delegations(principal, delegate)
      : undefined;
  }

  #load(pages: readonly PageKey[], choose: Choose): void {
    const first = choose(pages.length);
    for (const [index, key] of pages.entries()) {
      if (index !== first && choose(2) === 0) continue;
      this.#held.set(formatPageKey(key), key);
      this.#pinned.add(formatPageKey(key));
    }
    for (const text of this.#held.keys()) {
      if (!this.#pinned.has(text) && choose(3) === 0) this.#held.delete(text);
    }
    this.#known.clear();
    for (const key of this.#held.values()) this.#learn(key);
  }

  #learn(key: PageKey): void {
    const { symbols } = this.#whole;
    switch (key.kind) {
      case "forward":
      case "object":
        this.#knowObject(key.object);
        for (const tuple of this.#tuples) {
          const isOf = sameObject(tuple.object, key.object);
          if (isOf && (key.kind === "object" || tuple.relation === key.relation)) {
            this.#knowSubject(tuple.subject);
          }
        }
        return;
      case "point":
        this.#knowObject(key.object);
        this.#knowSubject(key.subject);
        return;
      case "reverse":
        this.#knowSubject(key.subject);
        for (const { object: owner, relation, subject } of this.#tuples) {
          const isOf = owner.type === key.type && relation === key.relation;
          if (isOf && sameSubject(subject, key.subject)) this.#knowObject(owner);
        }
        return;
      case "pair": {
        this.#knowObject(key.principal);
        this.#knowObject(key.delegate);
        const principal = symbols.findObject(key.principal.type, key.principal.id);
        const delegate = symbols.findObject(key.delegate.type, key.delegate.id);
        if (principal === -1 || delegate === -1) return;
        const found = this.#whole.delegations(principal, delegate) ?? [];
        for (const symbol of found) this.#known.add(symbol);
      }
    }
  }

  #knowObject(ref: ObjectRef): void {
    this.#knowSubject({ kind: "object", object: ref });
  }

  #knowSubject(subject: Subject): void {
    if (subject.kind === "userset") this.#knowObject(subject.object);
    const symbol = findSubject(this.#whole.symbols, subject);
    if (symbol !== -1) this.#known.add(symbol);
  }
}

function findSubject(symbols: Symbols, subject: Subject): SubjectSymbol | -1 {
  switch (subject.kind) {
    case "object":
      return symbols.findObject(subject.object.type, subject.object.id);
    case "userset": {
      const owner = symbols.findObject(subject.object.type, subject.object.id);
      return owner === -1 ? -1 : symbols.findUserset(owner, symbols.internName(subject.relation));
    }
    case "wildcard":
      return symbols.findWildcard(symbols.internName(subject.type));
  }
}

function refOf(symbols: Symbols, symbol: SubjectSymbol): ObjectRef {
  return { type: symbols.nameOf(symbols.typeOf(symbol)), id: symbols.idOf(symbol) };
}

/** Finds only what is known, as a replica's symbols do. */
function shySymbols(symbols: Symbols, isKnown: (symbol: SubjectSymbol) => boolean): Symbols {
  return {
    internName: (name: Name) => symbols.internName(name),
    nameOf: (name) => symbols.nameOf(name),
    findObject: (type, id) => known(symbols.findObject(type, id)),
    findUserset: (owner, relation) => known(symbols.findUserset(owner, relation)),
    findWildcard: (type) => known(symbols.findWildcard(type)),
    kindOf: (symbol) => symbols.kindOf(symbol),
    typeOf: (symbol) => symbols.typeOf(symbol),
    idOf: (symbol) => symbols.idOf(symbol),
    objectOf: (symbol) => symbols.objectOf(symbol),
    relationOf: (symbol) => symbols.relationOf(symbol),
    subjectOf: (symbol) => symbols.subjectOf(symbol),
  };

  function known(symbol: SubjectSymbol | -1): SubjectSymbol | -1 {
    return symbol !== -1 && isKnown(symbol) ? symbol : -1;
  }
}
