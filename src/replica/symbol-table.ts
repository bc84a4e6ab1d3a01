import assert from "node:assert/strict";
import { compareBytes } from "../core/byte-order.ts";
import type { Name, ObjectId, ObjectRef } from "../core/object.ts";
import type { Subject } from "../core/subject.ts";
import type { NameNumber, SubjectKind, SubjectSymbol, Symbols } from "../core/symbols.ts";

/** In place of the relation of a symbol that is no userset. */
const objectForm = -1;
const wildcardForm = -2;
const none = -1;

// Array slots and a map entry for each symbol, measured on 64-bit V8; the id's text comes on top.
const objectBytes = 152;
const usersetBytes = 72;

/**
 * The symbols of one tenant's held pages. A page retains the symbols that it has and releases them
 * when it goes; a symbol that nobody retains is given up and its number used again. Names stay.
 */
export class SymbolTable implements Symbols {
  readonly #names: Name[] = [];
  readonly #numberByName = new Map<string, NameNumber>();
  readonly #objectsByType: Map<string, SubjectSymbol>[] = [];
  readonly #wildcardByType: (SubjectSymbol | -1)[] = [];

  // By symbol. An object's `#nextUserset` is the first of its usersets, a userset's the next one.
  readonly #types: NameNumber[] = [];
  readonly #ids: (ObjectId | undefined)[] = [];
  readonly #objects: SubjectSymbol[] = [];
  readonly #relations: number[] = [];
  readonly #nextUserset: (SubjectSymbol | -1)[] = [];
  readonly #references: number[] = [];
  readonly #free: SubjectSymbol[] = [];
  #bytes = 0;

  /** Estimate of what the held symbols take. */
  get bytes(): number {
    return this.#bytes;
  }

  /** How many symbols are held. */
  get count(): number {
    return this.#references.length - this.#free.length;
  }

  internName(name: Name): NameNumber {
    const known = this.#numberByName.get(name);
    if (known !== undefined) return known;
    const number = nameNumber(this.#names.length);
    this.#names.push(name);
    this.#numberByName.set(name, number);
    this.#objectsByType.push(new Map());
    this.#wildcardByType.push(none);
    return number;
  }

  /** -1 where the name was never interned. */
  findName(name: string): NameNumber | -1 {
    return this.#numberByName.get(name) ?? none;
  }

  nameOf(name: NameNumber): Name {
    return present(this.#names[name]);
  }

  findObject(type: string, id: string): SubjectSymbol | -1 {
    const number = this.#numberByName.get(type);
    if (number === undefined) return none;
    return this.#objectsByType[number]?.get(id) ?? none;
  }

  findUserset(object: SubjectSymbol, relation: NameNumber): SubjectSymbol | -1 {
    let symbol = this.#nextUserset[object] ?? none;
    while (symbol !== none && this.#relations[symbol] !== relation) {
      symbol = this.#nextUserset[symbol] ?? none;
    }
    return symbol;
  }

  findWildcard(type: NameNumber): SubjectSymbol | -1 {
    return this.#wildcardByType[type] ?? none;
  }

  findSubject(subject: Subject): SubjectSymbol | -1 {
    if (subject.kind === "wildcard") {
      const type = this.findName(subject.type);
      return type === none ? none : this.findWildcard(type);
    }
    const object = this.findObject(subject.object.type, subject.object.id);
    if (subject.kind === "object" || object === none) return object;
    const relation = this.findName(subject.relation);
    return relation === none ? none : this.findUserset(object, relation);
  }

  kindOf(symbol: SubjectSymbol): SubjectKind {
    const relation = present(this.#relations[symbol]);
    if (relation === objectForm) return "object";
    return relation === wildcardForm ? "wildcard" : "userset";
  }

  typeOf(symbol: SubjectSymbol): NameNumber {
    return present(this.#types[symbol]);
  }

  idOf(symbol: SubjectSymbol): ObjectId {
    return present(this.#ids[present(this.#objects[symbol])]);
  }

  objectOf(symbol: SubjectSymbol): SubjectSymbol {
    assert(this.#relations[symbol] !== wildcardForm, "a wildcard has no object");
    return present(this.#objects[symbol]);
  }

  relationOf(symbol: SubjectSymbol): NameNumber {
    const relation = present(this.#relations[symbol]);
    assert(relation >= 0, "only a userset has a relation");
    return nameNumber(relation);
  }

  subjectOf(symbol: SubjectSymbol): Subject {
    const type = this.nameOf(this.typeOf(symbol));
    const kind = this.kindOf(symbol);
    if (kind === "wildcard") return { kind, type };
    const object = { type, id: this.idOf(symbol) };
    if (kind === "object") return { kind, object };
    return { kind, object, relation: this.nameOf(this.relationOf(symbol)) };
  }

  /** The canonical order of subjects, as `compareSubjects` has it. */
  compare(left: SubjectSymbol, right: SubjectSymbol): number {
    if (left === right) return 0;
    const leftType = present(this.#types[left]);
    const rightType = present(this.#types[right]);
    if (leftType !== rightType) return compareBytes(this.nameOf(leftType), this.nameOf(rightType));
    return (
      compareBytes(this.#ids[left] ?? "*", this.#ids[right] ?? "*") ||
      compareBytes(this.#relationText(left), this.#relationText(right))
    );
  }

  /** Finds or makes the subject's symbol, and holds it until it is released as often. */
  retain(subject: Subject): SubjectSymbol {
    switch (subject.kind) {
      case "object":
        return this.retainObject(subject.object);
      case "userset":
        return this.#retainUserset(subject.object, this.internName(subject.relation));
      case "wildcard":
        return this.#retainWildcard(this.internName(subject.type));
    }
  }

  retainObject(object: ObjectRef): SubjectSymbol {
    const type = this.internName(object.type);
    const byId = present(this.#objectsByType[type]);
    const known = byId.get(object.id);
    if (known !== undefined) return this.#hold(known);
    const symbol = this.#allot(type, objectForm, object.id);
    byId.set(object.id, symbol);
    return symbol;
  }

  release(symbol: SubjectSymbol): void {
    const references = present(this.#references[symbol]) - 1;
    assert(references >= 0, "a symbol is released once for each time that it was retained");
    this.#references[symbol] = references;
    if (references === 0) this.#giveUp(symbol);
  }

  #retainUserset(object: ObjectRef, relation: NameNumber): SubjectSymbol {
    const owner = this.retainObject(object);
    const known = this.findUserset(owner, relation);
    if (known !== none) {
      this.release(owner);
      return this.#hold(known);
    }
    // The userset keeps the reference to its object until it goes itself.
    const symbol = this.#allot(present(this.#types[owner]), relation, object.id);
    this.#objects[symbol] = owner;
    this.#nextUserset[symbol] = this.#nextUserset[owner] ?? none;
    this.#nextUserset[owner] = symbol;
    return symbol;
  }

  #retainWildcard(type: NameNumber): SubjectSymbol {
    const known = this.findWildcard(type);
    if (known !== none) return this.#hold(known);
    const symbol = this.#allot(type, wildcardForm, undefined);
    this.#wildcardByType[type] = symbol;
    return symbol;
  }

  #hold(symbol: SubjectSymbol): SubjectSymbol {
    this.#references[symbol] = present(this.#references[symbol]) + 1;
    return symbol;
  }

  #allot(type: NameNumber, relation: number, id: ObjectId | undefined): SubjectSymbol {
    const symbol = this.#free.pop() ?? subjectSymbol(this.#references.length);
    this.#types[symbol] = type;
    this.#relations[symbol] = relation;
    this.#ids[symbol] = id;
    this.#objects[symbol] = symbol;
    this.#nextUserset[symbol] = none;
    this.#references[symbol] = 1;
    this.#bytes += this.#bytesOf(symbol);
    return symbol;
  }

  #giveUp(symbol: SubjectSymbol): void {
    const type = present(this.#types[symbol]);
    const kind = this.kindOf(symbol);
    this.#bytes -= this.#bytesOf(symbol);
    if (kind === "object") this.#objectsByType[type]?.delete(present(this.#ids[symbol]));
    if (kind === "wildcard") this.#wildcardByType[type] = none;
    const owner = present(this.#objects[symbol]);
    if (kind === "userset") this.#unlink(owner, symbol);
    this.#ids[symbol] = undefined;
    this.#free.push(symbol);
    if (kind === "userset") this.release(owner);
  }

  #unlink(owner: SubjectSymbol, userset: SubjectSymbol): void {
    let before = owner;
    for (;;) {
      const next = this.#nextUserset[before] ?? none;
      assert(next !== none, "a userset is linked to its object");
      if (next === userset) break;
      before = next;
    }
    this.#nextUserset[before] = this.#nextUserset[userset] ?? none;
  }

  #relationText(symbol: SubjectSymbol): string {
    const relation = present(this.#relations[symbol]);
    return relation < 0 ? "" : this.nameOf(nameNumber(relation));
  }

  #bytesOf(symbol: SubjectSymbol): number {
    const relation = present(this.#relations[symbol]);
    // An id beyond Latin-1 takes two bytes a unit, which the rounding of short ones about covers.
    return relation === objectForm ? objectBytes + (this.#ids[symbol]?.length ?? 0) : usersetBytes;
  }
}

function present<Value>(value: Value | undefined): Value {
  assert(value !== undefined, "a symbol or name is known where it is used");
  return value;
}

function nameNumber(value: number): NameNumber {
  // oxlint-disable-next-line no-unsafe-type-assertion -- this table allots the numbers
  return value as NameNumber;
}

function subjectSymbol(value: number): SubjectSymbol {
  // oxlint-disable-next-line no-unsafe-type-assertion -- this table allots the symbols
  return value as SubjectSymbol;
}
