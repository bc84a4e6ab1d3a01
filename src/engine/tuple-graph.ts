import assert from "node:assert/strict";
import { delegationType } from "../core/delegation.ts";
import {
  compareTuples,
  formatTuple,
  type RelationTuple,
  type StoredCondition,
} from "../core/tuple.ts";
import type { NameNumber, SubjectSymbol } from "../core/symbols.ts";
import type { Graph, ObjectPage, SubjectPage, TupleFacts } from "./graph.ts";
import { GrowingSymbols } from "./growing-symbols.ts";

/**
 * A complete graph of these tuples: what it does not have does not exist, and nothing is ever
 * missing. Of two tuples with one key the later counts.
 */
export function graphOfTuples(tuples: Iterable<RelationTuple>): Graph {
  return new TupleGraph(tuples);
}

class TupleGraph implements Graph {
  readonly symbols: GrowingSymbols = new GrowingSymbols();
  readonly #forward = new Map<SubjectSymbol, Map<NameNumber, Row[]>>();
  readonly #reverse = new Map<SubjectSymbol, Map<NameNumber, Map<NameNumber, Row[]>>>();
  /** Made when first asked for: large ones are asked for again and again. */
  readonly #pages = new Map<readonly Row[], SubjectPage>();
  readonly #empty: SubjectPage = subjectPage([], this.symbols);

  constructor(tuples: Iterable<RelationTuple>) {
    const byKey = new Map<string, RelationTuple>();
    for (const tuple of tuples) byKey.set(formatTuple(tuple), tuple);
    // In canonical order, so that every page is.
    for (const tuple of [...byKey.values()].toSorted(compareTuples)) this.#add(tuple);
  }

  forward(object: SubjectSymbol, relation: NameNumber): SubjectPage {
    const rows = this.#forward.get(object)?.get(relation);
    if (rows === undefined) return this.#empty;
    return entry(this.#pages, rows, () => subjectPage(rows, this.symbols));
  }

  point(
    object: SubjectSymbol,
    relation: NameNumber,
    subject: SubjectSymbol,
  ): TupleFacts | "absent" {
    const at = this.forward(object, relation).indexOf(subject);
    return this.#forward.get(object)?.get(relation)?.[at] ?? "absent";
  }

  reverse(subject: SubjectSymbol, type: NameNumber, relation: NameNumber): ObjectPage {
    return objectPage(this.#reverse.get(subject)?.get(type)?.get(relation) ?? []);
  }

  delegations(principal: SubjectSymbol, delegate: SubjectSymbol): readonly SubjectSymbol[] {
    const type = this.symbols.findName(delegationType);
    const principalName = this.symbols.findName("principal");
    const delegateName = this.symbols.findName("delegate");
    if (type === undefined || principalName === undefined || delegateName === undefined) return [];
    const ofDelegate = this.#reverse.get(delegate)?.get(type)?.get(delegateName) ?? [];
    const delegated = new Set<SubjectSymbol>(ofDelegate.map(({ symbol }) => symbol));
    const ofPrincipal = this.#reverse.get(principal)?.get(type)?.get(principalName) ?? [];
    return ofPrincipal.map(({ symbol }) => symbol).filter((symbol) => delegated.has(symbol));
  }

  #add(tuple: RelationTuple): void {
    const object = this.symbols.internSubject({ kind: "object", object: tuple.object });
    const relation = this.symbols.internName(tuple.relation);
    const subject = this.symbols.internSubject(tuple.subject);
    const facts = {
      condition: tuple.condition,
      expiresAtMs: tuple.expiresAtMs ?? Number.POSITIVE_INFINITY,
    };
    const type = this.symbols.typeOf(object);
    const ofObject = entry(this.#forward, object, () => new Map<NameNumber, Row[]>());
    entry(ofObject, relation, newRows).push({
      symbol: subject,
      ...facts,
    });
    const ofSubject = entry(
      this.#reverse,
      subject,
      () => new Map<NameNumber, Map<NameNumber, Row[]>>(),
    );
    const ofType = entry(ofSubject, type, () => new Map<NameNumber, Row[]>());
    entry(ofType, relation, newRows).push({ symbol: object, ...facts });
  }
}

interface Row {
  readonly symbol: SubjectSymbol;
  readonly condition: StoredCondition | undefined;
  readonly expiresAtMs: number;
}

function subjectPage(rows: readonly Row[], symbols: GrowingSymbols): SubjectPage {
  const positions = new Map<number, number>(rows.map(({ symbol }, position) => [symbol, position]));
  return {
    complete: true,
    count: rows.length,
    usersets: [...rows.keys()].filter((at) => symbols.kindOf(rowAt(rows, at).symbol) === "userset"),
    indexOf: (subject) => positions.get(subject) ?? -1,
    subjectAt: (position) => rowAt(rows, position).symbol,
    conditionAt: (position) => rowAt(rows, position).condition,
    expiresAtMsAt: (position) => rowAt(rows, position).expiresAtMs,
  };
}

function objectPage(rows: readonly Row[]): ObjectPage {
  return {
    count: rows.length,
    objectAt: (position) => rowAt(rows, position).symbol,
    conditionAt: (position) => rowAt(rows, position).condition,
    expiresAtMsAt: (position) => rowAt(rows, position).expiresAtMs,
  };
}

function rowAt(rows: readonly Row[], position: number): Row {
  const row = rows[position];
  assert(row !== undefined, `no tuple at position ${position}`);
  return row;
}

function entry<Key, Value>(map: Map<Key, Value>, key: Key, make: () => Value): Value {
  let value = map.get(key);
  if (value === undefined) {
    value = make();
    map.set(key, value);
  }
  return value;
}

function newRows(): Row[] {
  return [];
}
