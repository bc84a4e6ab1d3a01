import assert from "node:assert/strict";
import { compareBytes } from "../core/byte-order.ts";
import type { Name, ObjectId, ObjectRef } from "../core/object.ts";
import type { Subject } from "../core/subject.ts";
import type { NameNumber, SubjectKind, SubjectSymbol, Symbols } from "../core/symbols.ts";
import { Column } from "./column.ts";
import { HashChains } from "./hash-chains.ts";
import { TextArena } from "./text-arena.ts";

/** What a symbol takes beside the text of its id: its place in seven columns, two of them `PageTable`'s. */
const symbolBytes = 28;
const none = -1;
const namesMax = 0xfff0;
const asterisk = 0x2a;

// The low half of a form: an object, a wildcard, or a userset's relation on top.
const objectForm = 0;
const wildcardForm = 1;
const usersetForm = 2;

const decodedLength = 1024;

/**
 * The symbols of one tenant's held pages, packed. A page retains the symbols that it has and releases
 * them when it goes; a symbol that nobody retains is given up and its number used again. Names stay.
 */
export class SymbolTable implements Symbols {
  readonly #names: Name[] = [];
  readonly #numberByName = new Map<string, NameNumber>();
  readonly #wildcardByType: (SubjectSymbol | -1)[] = [];

  // By symbol, from 1 on. An object's content is its text, a userset's is its object.
  readonly #forms = new Column();
  readonly #contents = new Column();
  readonly #references = new Column();
  readonly #texts = new TextArena();
  readonly #chains = new HashChains((symbol) => this.#hashOf(symbol));
  // A symbol that is free has the next one that is in its content.
  #free = 0;
  #end = 1;
  #count = 0;

  // The ids that were asked for last, by symbol: to decode one takes longer than the rest of a read.
  readonly #decodedSymbols = new Uint32Array(decodedLength);
  #decoded: (ObjectId | undefined)[] = [];

  /** What the held symbols take. */
  get bytes(): number {
    return this.#count * symbolBytes + this.#texts.usedBytes;
  }

  /** How many symbols are held. */
  get count(): number {
    return this.#count;
  }

  internName(name: Name): NameNumber {
    const known = this.#numberByName.get(name);
    if (known !== undefined) return known;
    const number = nameNumber(this.#names.length);
    assert(number < namesMax, "a tenant's models have fewer names");
    this.#names.push(name);
    this.#numberByName.set(name, number);
    this.#wildcardByType.push(none);
    return number;
  }

  /** -1 where the name was never interned. */
  findName(name: string): NameNumber | -1 {
    return this.#numberByName.get(name) ?? none;
  }

  nameOf(name: NameNumber): Name {
    const found = this.#names[name];
    assert(found !== undefined, "a name is known where it is used");
    return found;
  }

  findObject(type: string, id: string): SubjectSymbol | -1 {
    const number = this.#numberByName.get(type);
    return number === undefined || !this.#texts.encode(id) ? none : this.#findEncoded(number);
  }

  findUserset(object: SubjectSymbol, relation: NameNumber): SubjectSymbol | -1 {
    let symbol = this.#chains.first(hashOfUserset(object, relation));
    while (symbol !== 0) {
      const isRelation = (this.#forms.get(symbol) & 0xffff) === usersetForm + relation;
      if (isRelation && this.#contents.get(symbol) === object) return subjectSymbol(symbol);
      symbol = this.#chains.next(symbol);
    }
    return none;
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
    const form = this.#forms.get(symbol) & 0xffff;
    if (form === objectForm) return "object";
    return form === wildcardForm ? "wildcard" : "userset";
  }

  isUserset(symbol: SubjectSymbol): boolean {
    return (this.#forms.get(symbol) & 0xffff) >= usersetForm;
  }

  typeOf(symbol: SubjectSymbol): NameNumber {
    return nameNumber(this.#forms.get(symbol) >>> 16);
  }

  idOf(symbol: SubjectSymbol): ObjectId {
    const object = this.objectOf(symbol);
    const slot = object & (decodedLength - 1);
    const known = this.#decodedSymbols[slot] === object ? this.#decoded[slot] : undefined;
    if (known !== undefined) return known;
    // An array with holes would be slower to read.
    if (this.#decoded.length === 0) {
      this.#decoded = Array.from({ length: decodedLength }, () => undefined);
    }
    const id = objectId(this.#texts.decode(this.#contents.get(object)));
    this.#decodedSymbols[slot] = object;
    this.#decoded[slot] = id;
    return id;
  }

  objectOf(symbol: SubjectSymbol): SubjectSymbol {
    const form = this.#forms.get(symbol) & 0xffff;
    if (form === objectForm) return symbol;
    assert(form !== wildcardForm, "a wildcard has no object");
    return subjectSymbol(this.#contents.get(symbol));
  }

  relationOf(symbol: SubjectSymbol): NameNumber {
    const form = this.#forms.get(symbol) & 0xffff;
    assert(form >= usersetForm, "only a userset has a relation");
    return nameNumber(form - usersetForm);
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
    const leftType = this.typeOf(left);
    const rightType = this.typeOf(right);
    if (leftType !== rightType) return compareBytes(this.nameOf(leftType), this.nameOf(rightType));
    return (
      this.#compareIds(left, right) ||
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
    assert(this.#texts.encode(object.id), "an id was parsed");
    const known = this.#findEncoded(type);
    if (known !== none) return this.hold(known);
    const hash = hashOfObject(type, this.#texts.encodedHash);
    const symbol = this.#allot(type, objectForm, this.#texts.allot());
    this.#chains.add(symbol, hash);
    return symbol;
  }

  /** Holds a symbol that is held already once more. */
  hold(symbol: SubjectSymbol): SubjectSymbol {
    this.#references.set(symbol, this.#references.get(symbol) + 1);
    return symbol;
  }

  release(symbol: SubjectSymbol): void {
    const references = this.#references.get(symbol) - 1;
    assert(references >= 0, "a symbol is released once for each time that it was retained");
    this.#references.set(symbol, references);
    if (references === 0) this.#giveUp(symbol);
  }

  /** Gives up all symbols at once, whoever retains them; names stay. */
  clear(): void {
    for (const column of [this.#forms, this.#contents, this.#references]) column.clear();
    this.#texts.clear();
    this.#chains.clear();
    this.#wildcardByType.fill(none);
    this.#decodedSymbols.fill(0);
    this.#decoded = [];
    this.#free = 0;
    this.#end = 1;
    this.#count = 0;
  }

  #findEncoded(type: NameNumber): SubjectSymbol | -1 {
    const form = (type << 16) >>> 0;
    let symbol = this.#chains.first(hashOfObject(type, this.#texts.encodedHash));
    while (symbol !== 0) {
      const isForm = this.#forms.get(symbol) === form;
      if (isForm && this.#texts.isEncoded(this.#contents.get(symbol))) return subjectSymbol(symbol);
      symbol = this.#chains.next(symbol);
    }
    return none;
  }

  #retainUserset(object: ObjectRef, relation: NameNumber): SubjectSymbol {
    const owner = this.retainObject(object);
    const known = this.findUserset(owner, relation);
    if (known !== none) {
      this.release(owner);
      return this.hold(known);
    }
    // The userset keeps the reference to its object until it goes itself.
    const symbol = this.#allot(this.typeOf(owner), usersetForm + relation, owner);
    this.#chains.add(symbol, hashOfUserset(owner, relation));
    return symbol;
  }

  #retainWildcard(type: NameNumber): SubjectSymbol {
    const known = this.findWildcard(type);
    if (known !== none) return this.hold(known);
    const symbol = this.#allot(type, wildcardForm, 0);
    this.#wildcardByType[type] = symbol;
    return symbol;
  }

  #allot(type: NameNumber, form: number, content: number): SubjectSymbol {
    const symbol = subjectSymbol(this.#free === 0 ? this.#end : this.#free);
    if (this.#free === 0) this.#end += 1;
    else this.#free = this.#contents.get(symbol);
    this.#forms.set(symbol, ((type << 16) | form) >>> 0);
    this.#contents.set(symbol, content);
    this.#references.set(symbol, 1);
    this.#count += 1;
    return symbol;
  }

  #giveUp(symbol: SubjectSymbol): void {
    const kind = this.kindOf(symbol);
    const content = this.#contents.get(symbol);
    if (kind === "wildcard") this.#wildcardByType[this.typeOf(symbol)] = none;
    else this.#chains.remove(symbol, this.#hashOf(symbol));
    const slot = symbol & (decodedLength - 1);
    if (this.#decodedSymbols[slot] === symbol) this.#decodedSymbols[slot] = 0;
    this.#contents.set(symbol, this.#free);
    this.#free = symbol;
    this.#count -= 1;
    if (kind === "object") this.#texts.release(content);
    if (kind === "userset") this.release(subjectSymbol(content));
  }

  #hashOf(symbol: number): number {
    const form = this.#forms.get(symbol);
    const content = this.#contents.get(symbol);
    return (form & 0xffff) === objectForm
      ? hashOfObject(form >>> 16, this.#texts.hashOf(content))
      : hashOfUserset(content, (form & 0xffff) - usersetForm);
  }

  #compareIds(left: SubjectSymbol, right: SubjectSymbol): number {
    const leftText = this.#textOf(left);
    const rightText = this.#textOf(right);
    if (leftText === rightText) return 0;
    if (leftText === 0) return -this.#texts.compareWithByte(rightText, asterisk);
    if (rightText === 0) return this.#texts.compareWithByte(leftText, asterisk);
    return this.#texts.compare(leftText, rightText);
  }

  /** 0 of a wildcard, whose id is `*`. */
  #textOf(symbol: SubjectSymbol): number {
    if ((this.#forms.get(symbol) & 0xffff) === wildcardForm) return 0;
    return this.#contents.get(this.objectOf(symbol));
  }

  #relationText(symbol: SubjectSymbol): string {
    return this.isUserset(symbol) ? this.nameOf(this.relationOf(symbol)) : "";
  }
}

function hashOfObject(type: number, textHash: number): number {
  return mixed(textHash ^ Math.imul(type + 1, 0x9e3779b1));
}

function hashOfUserset(object: number, relation: number): number {
  return mixed(Math.imul(object, 0x85ebca6b) ^ Math.imul(relation + 1, 0xc2b2ae35));
}

/** Lets every bit of the hash tell in its low ones. */
function mixed(hash: number): number {
  const once = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  const twice = Math.imul(once ^ (once >>> 13), 0xc2b2ae35);
  return (twice ^ (twice >>> 16)) >>> 0;
}

function nameNumber(value: number): NameNumber {
  // oxlint-disable-next-line no-unsafe-type-assertion -- this table allots the numbers
  return value as NameNumber;
}

function subjectSymbol(value: number): SubjectSymbol {
  // oxlint-disable-next-line no-unsafe-type-assertion -- this table allots the symbols
  return value as SubjectSymbol;
}

function objectId(text: string): ObjectId {
  // oxlint-disable-next-line no-unsafe-type-assertion -- only ids are kept as text
  return text as ObjectId;
}
