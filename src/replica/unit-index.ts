import type { PageKey } from "../core/page.ts";
import type { NameNumber, SubjectSymbol } from "../core/symbols.ts";
import type { ObjectUnit, PageUnit, PairUnit, PointUnit, ReverseUnit } from "./page-unit.ts";
import type { SymbolTable } from "./symbol-table.ts";

// A point is found by object and relation as one number: names are far fewer than this.
const namesMax = 65_536;

/** Where the held units of one tenant are found: arrays by symbol, no text on the way. */
export class UnitIndex {
  readonly #table: SymbolTable;
  readonly #objects: (ObjectUnit | undefined)[] = [];
  readonly #reverses: (ReverseUnit[] | undefined)[] = [];
  readonly #points = new Map<number, Map<SubjectSymbol, PointUnit>>();
  readonly #pairsByPrincipal = new Map<SubjectSymbol, Map<SubjectSymbol, PairUnit>>();
  readonly #pairsByDelegate = new Map<SubjectSymbol, Map<SubjectSymbol, PairUnit>>();

  constructor(table: SymbolTable) {
    this.#table = table;
  }

  object(object: SubjectSymbol): ObjectUnit | undefined {
    return this.#objects[object];
  }

  point(
    object: SubjectSymbol,
    relation: NameNumber,
    subject: SubjectSymbol,
  ): PointUnit | undefined {
    return this.#points.get(object * namesMax + relation)?.get(subject);
  }

  reverse(subject: SubjectSymbol, type: NameNumber, relation: NameNumber): ReverseUnit | undefined {
    const units = this.#reverses[subject];
    if (units === undefined) return undefined;
    for (const unit of units) {
      if (unit.relation === relation && unit.type === type) return unit;
    }
    return undefined;
  }

  pair(principal: SubjectSymbol, delegate: SubjectSymbol): PairUnit | undefined {
    return this.#pairsByPrincipal.get(principal)?.get(delegate);
  }

  /** A copy: units may be added and removed while it is walked. */
  pairsOfPrincipal(principal: SubjectSymbol): readonly PairUnit[] {
    return [...(this.#pairsByPrincipal.get(principal)?.values() ?? [])];
  }

  pairsOfDelegate(delegate: SubjectSymbol): readonly PairUnit[] {
    return [...(this.#pairsByDelegate.get(delegate)?.values() ?? [])];
  }

  /** The unit that has the page. */
  find(key: PageKey): PageUnit | undefined {
    const table = this.#table;
    switch (key.kind) {
      case "forward": {
        const unit = this.#objectUnit(key.object.type, key.object.id);
        const relation = table.findName(key.relation);
        return unit?.whole === true || (relation !== -1 && unit?.relations.includes(relation))
          ? unit
          : undefined;
      }
      case "object": {
        const unit = this.#objectUnit(key.object.type, key.object.id);
        return unit?.whole === true ? unit : undefined;
      }
      case "point": {
        const object = table.findObject(key.object.type, key.object.id);
        const relation = table.findName(key.relation);
        const subject = table.findSubject(key.subject);
        if (object === -1 || relation === -1 || subject === -1) return undefined;
        return this.point(object, relation, subject);
      }
      case "reverse": {
        const subject = table.findSubject(key.subject);
        const type = table.findName(key.type);
        const relation = table.findName(key.relation);
        if (subject === -1 || type === -1 || relation === -1) return undefined;
        return this.reverse(subject, type, relation);
      }
      case "pair": {
        const principal = table.findObject(key.principal.type, key.principal.id);
        const delegate = table.findObject(key.delegate.type, key.delegate.id);
        return principal === -1 || delegate === -1 ? undefined : this.pair(principal, delegate);
      }
    }
  }

  add(unit: PageUnit): void {
    switch (unit.kind) {
      case "object":
        put(this.#objects, unit.object, unit);
        return;
      case "point":
        nested(this.#points, unit.object * namesMax + unit.relation).set(unit.subject, unit);
        return;
      case "reverse":
        put(this.#reverses, unit.subject, [...(this.#reverses[unit.subject] ?? []), unit]);
        return;
      case "pair":
        nested(this.#pairsByPrincipal, unit.principal).set(unit.delegate, unit);
        nested(this.#pairsByDelegate, unit.delegate).set(unit.principal, unit);
        return;
    }
  }

  remove(unit: PageUnit): void {
    switch (unit.kind) {
      case "object":
        this.#objects[unit.object] = undefined;
        return;
      case "point":
        unnest(this.#points, unit.object * namesMax + unit.relation, unit.subject);
        return;
      case "reverse": {
        const rest = this.#reverses[unit.subject]?.filter((other) => other !== unit) ?? [];
        this.#reverses[unit.subject] = rest.length === 0 ? undefined : rest;
        return;
      }
      case "pair":
        unnest(this.#pairsByPrincipal, unit.principal, unit.delegate);
        unnest(this.#pairsByDelegate, unit.delegate, unit.principal);
        return;
    }
  }

  #objectUnit(type: string, id: string): ObjectUnit | undefined {
    const object = this.#table.findObject(type, id);
    return object === -1 ? undefined : this.#objects[object];
  }
}

/** Sets without leaving a hole: an array with holes is slower to read. */
function put<Value>(values: (Value | undefined)[], index: number, value: Value): void {
  while (values.length < index) values.push(undefined);
  values[index] = value;
}

function nested<Outer, Inner, Value>(
  maps: Map<Outer, Map<Inner, Value>>,
  key: Outer,
): Map<Inner, Value> {
  const known = maps.get(key);
  if (known !== undefined) return known;
  const made = new Map<Inner, Value>();
  maps.set(key, made);
  return made;
}

function unnest<Outer, Inner, Value>(
  maps: Map<Outer, Map<Inner, Value>>,
  outer: Outer,
  inner: Inner,
): void {
  const map = maps.get(outer);
  map?.delete(inner);
  if (map?.size === 0) maps.delete(outer);
}
